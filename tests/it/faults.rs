//! One test for every way in which the API can misbehave: the outcome of rows, what the
//! server holds, how the program ends.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_SECRET;

use crate::common::{Run, Summary, customers_of_csv, rows};

/// An import of this many rows into a sandbox that misbehaves like this.
struct Struck {
    run: Run,
    summary: Summary,
    many: usize,
}

/// Imports six rows; one of the creates is hit by `fault`. Every customer is created once,
/// and the run succeeds.
fn survived(fault: &str) -> Struck {
    survived_with(fault, "")
}

fn survived_with(fault: &str, options: &str) -> Struck {
    let run = Run::new()
        .server(&[&format!("{fault}@create:2")])
        .input("in.csv", rows(6));
    run.import(&format!("in.csv {options}")).code(0);
    assert_eq!(run.counts().all_faults(), 1, "{fault} struck");
    run.holds(&customers_of_csv(&rows(6)));
    let summary = run.summary("in.csv");
    Struck {
        run,
        summary,
        many: 6,
    }
}

impl Struck {
    /// The create was not done: it is looked up, and sent again.
    fn sent_again(self) {
        self.summary.outcomes(&[("created", self.many as u64)]);
        assert_eq!(self.summary.requests("retried"), 1);
        assert_eq!(self.run.counts().of(Call::Create), self.many as u64 + 1);
        assert_eq!(self.run.creates_in_vain(), 0);
    }

    /// It was looked up before it was sent again.
    fn asked_first(self) -> Self {
        assert_eq!(self.summary.requests("lookups"), 1);
        assert_eq!(self.run.counts().of(Call::Lookup), 1);
        self
    }

    /// The create was done: it is found, and never sent again. Who created it can't always
    /// be decided within the second.
    fn found(self) {
        let created = self.summary.outcome("created");
        let existed = self.summary.outcome("already_existed");
        assert!(existed <= 1 && created + existed == self.many as u64);
        assert_eq!(self.summary.requests("retried"), 0);
        assert_eq!(self.run.counts().of(Call::Create), self.many as u64);
        assert_eq!(self.run.creates_in_vain(), 0);
    }
}

/// One of thirty rows is refused for good, after a look-up.
fn refused_for_good(status: u16) {
    let run = Run::new()
        .server(&[&format!("status:{status}@create:2")])
        .input("in.csv", rows(30));
    run.import("in.csv")
        .code(3)
        .says(&format!("status {status}"));
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 29), ("failed", 1)]);
    assert_eq!(summary.requests("retried"), 0);
    assert_eq!(run.counts().of(Call::Lookup), 1);
    let results = run.results("in.csv");
    let failed: Vec<_> = results
        .iter()
        .filter(|line| line["outcome"] == "failed")
        .collect();
    let id = failed.first().unwrap()["clientId"].as_str().unwrap();
    let mut expected = customers_of_csv(&rows(30));
    expected.remove(id);
    run.holds(&expected);
    let failures = run.text("in.csv.results/failures.csv");
    let mut reader = csv::Reader::from_reader(failures.as_bytes());
    let header = reader.headers().unwrap().clone();
    let failures: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(failures.len(), 1);
    let cell = |name: &str| {
        let column = header.iter().position(|other| other == name).unwrap();
        failures.first().unwrap()[column].to_owned()
    };
    assert_eq!(
        (cell("_status"), cell("clientId")),
        (status.to_string(), id.to_owned())
    );
    assert!(cell("_request_id").starts_with("req_"));
    // It is left alone until `--retry-failed`.
    let before = run.counts().of(Call::Create);
    run.import("in.csv").code(3);
    assert_eq!(run.counts().of(Call::Create), before);
    run.import("in.csv --retry-failed").code(0);
    run.summary("in.csv").outcomes(&[("created", 30)]);
    run.holds(&customers_of_csv(&rows(30)));
    assert!(!run.exists("in.csv.results/failures.csv"));
}

#[test]
fn lost_reply() {
    survived("lost-reply").asked_first().found();
}

#[test]
fn a_lost_reply_that_is_surely_ours_is_created() {
    // The lost create leaves two seconds after its claim: the server's clock can decide who
    // created it.
    let run = Run::new()
        .server(&["throttle:2@create:1", "lost-reply@create:2"])
        .input("in.csv", rows(1));
    run.import("in.csv").code(0);
    run.summary("in.csv").outcomes(&[("created", 1)]);
    run.holds(&customers_of_csv(&rows(1)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn reset() {
    survived("reset").asked_first().sent_again();
}

#[test]
fn hang() {
    survived_with("hang", "--timeout 1s")
        .asked_first()
        .sent_again();
}

#[test]
fn hang_after() {
    survived_with("hang-after", "--timeout 1s")
        .asked_first()
        .found();
}

#[test]
fn cut_body() {
    survived("cut-body").asked_first().found();
}

#[test]
fn empty_body() {
    survived("empty-body").asked_first().found();
}

#[test]
fn html() {
    survived("html").asked_first().sent_again();
}

#[test]
fn html_after() {
    survived("html-after").asked_first().found();
}

#[test]
fn garbage() {
    survived("garbage").asked_first().found();
}

#[test]
fn other_body() {
    survived("other-body").asked_first().found();
}

#[test]
fn huge_body() {
    survived("huge-body").asked_first().found();
}

#[test]
fn drip() {
    let struck = survived("drip:1ms");
    struck.summary.outcomes(&[("created", 6)]);
    assert_eq!(struck.run.counts().of(Call::Lookup), 0);
}

#[test]
fn a_create_that_is_done_late_is_done_once() {
    let struck = survived_with("delay:3s", "--timeout 1s");
    assert!(struck.summary.requests("lookups") >= 1);
}

#[test]
fn status_400() {
    refused_for_good(400);
}

#[test]
fn status_404() {
    // It may not be the API's response.
    survived("status:404").asked_first().sent_again();
}

#[test]
fn status_409() {
    // The response says that the customer exists, and it is not found.
    let run = Run::new()
        .server(&["status:409@create:2"])
        .input("in.csv", rows(30));
    run.import("in.csv").code(3).says("status 409");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 29), ("unresolved", 1)]);
    // By its path, and in the list of all.
    assert_eq!(run.counts().of(Call::Lookup), 1);
    assert_eq!(run.counts().of(Call::List), 1);
    // The next run looks it up, and creates it.
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(30)));
}

#[test]
fn status_422() {
    refused_for_good(422);
}

#[test]
fn status_500() {
    survived("status:500").asked_first().sent_again();
}

#[test]
fn status_503() {
    survived("status:503").asked_first().sent_again();
}

#[test]
fn status_after_500() {
    survived("status-after:500").asked_first().found();
}

#[test]
fn status_after_409() {
    survived("status-after:409").asked_first().found();
}

#[test]
fn bad_gateway() {
    survived("bad-gateway").asked_first().sent_again();
}

#[test]
fn throttle() {
    let struck = survived("throttle");
    assert_eq!(struck.summary.requests("throttled"), 1);
    assert_eq!(struck.run.counts().of(Call::Lookup), 0);
    struck.sent_again();
}

#[test]
fn throttle_with_a_wait() {
    let struck = survived("throttle:1");
    assert_eq!(struck.summary.requests("throttled"), 1);
    assert_eq!(struck.run.counts().of(Call::Lookup), 0);
    struck.sent_again();
}

#[test]
fn throttling_is_no_failure_however_often() {
    let run = Run::new()
        .server(&["throttle*40@create"])
        .input("in.csv", rows(30));
    run.import("in.csv --max-errors 0 --retries 0").code(0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 30)]);
    assert_eq!(summary.requests("throttled"), 40);
    run.holds(&customers_of_csv(&rows(30)));
}

#[test]
fn redirect() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fault = format!(
        "redirect:http://{}/x@create:2",
        elsewhere.local_addr().unwrap()
    );
    let run = Run::new().server(&[&fault]).input("in.csv", rows(30));
    run.import("in.csv")
        .code(3)
        .says("redirected to http://127.0.0.1");
    run.summary("in.csv")
        .outcomes(&[("created", 29), ("failed", 1)]);
    elsewhere.set_nonblocking(true).unwrap();
    let heard = elsewhere.accept().map_err(|error| error.kind());
    assert_eq!(
        heard.unwrap_err(),
        std::io::ErrorKind::WouldBlock,
        "followed"
    );
    assert_eq!(run.held().len(), 29);
}

#[test]
fn a_key_that_is_revoked_stops_it_and_fails_nothing() {
    let mut run = Run::new()
        .server(&["revoke-key@create:10"])
        .input("in.csv", rows(30));
    run.import("in.csv --concurrency 4")
        .code(1)
        .says("error: ")
        .says("hint: ")
        .says("credentials");
    let summary = run.summary("in.csv");
    let created = summary.outcome("created");
    assert_eq!(summary.outcome("failed"), 0);
    assert_eq!(created + summary.outcome("pending"), 30);
    assert_eq!(created, run.held().len() as u64);
    // While the key is wrong nothing changes.
    run.import("in.csv").code(1);
    run.server_again(|_| {});
    run.import("in.csv").code(0);
    run.summary("in.csv").outcomes(&[("created", 30)]);
    run.holds(&customers_of_csv(&rows(30)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_key_that_is_revoked_between_create_and_look_up_leaves_a_doubt() {
    let mut run = Run::new()
        .server(&["lost-reply@create:1", "revoke-key@lookup:1"])
        .input("in.csv", rows(1));
    run.import("in.csv").code(1);
    run.summary("in.csv").outcomes(&[("unresolved", 1)]);
    run.server_again(|_| {});
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(1)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn outage() {
    let run = Run::new()
        .server(&["outage:8@create:3"])
        .input("in.csv", rows(30));
    run.import("in.csv --max-errors 0 --retries 1 --concurrency 8")
        .code(0);
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, 30);
    run.holds(&customers_of_csv(&rows(30)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn an_outage_at_the_start_is_waited_for() {
    let run = Run::new()
        .server(&["reset*2@authenticate"])
        .input("in.csv", rows(3));
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(3)));
}

#[test]
fn plans_that_cannot_be_looked_up_are_a_warning() {
    let run = Run::new()
        .server(&["status:404@plans", "status:404@bundles"])
        .input("in.csv", rows(3));
    run.import("in.csv").code(0).says("warning: ");
    run.holds(&customers_of_csv(&rows(3)));
}

#[test]
fn a_wrong_key_at_the_start_stops_it_before_any_create() {
    let run = Run::new()
        .server(&[])
        .env("KABLE_CLIENT_SECRET", "sk_test.wrong")
        .input("in.csv", rows(30));
    run.import("in.csv")
        .refuses(1, &["credentials"])
        .hints("KABLE_CLIENT_SECRET");
    assert_eq!(run.counts().of(Call::Create), 0);
    assert!(run.held().is_empty());
}

#[test]
fn stripe_on_an_account_without_it_stops_after_a_handful_and_fails_nothing() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(60));
    run.import("in.csv --stripe").code(5).says("Stripe");
    run.summary("in.csv").outcomes(&[("pending", 60)]);
    let creates = run.counts().of(Call::Create);
    assert!((1..=20).contains(&creates), "{creates}");
    assert!(run.held().is_empty());
    run.server_again(|settings| settings.stripe_connected = true);
    run.import("in.csv --stripe").code(0);
    run.summary("in.csv").outcomes(&[("created", 60)]);
}

#[test]
fn a_create_that_fails_every_time_fails_in_the_end() {
    let run = Run::new()
        .server(&["status:500*3@create"])
        .input("in.csv", rows(1));
    run.import("in.csv --retries 2 --max-errors 100%").code(3);
    run.summary("in.csv").outcomes(&[("failed", 1)]);
    assert_eq!(run.counts().of(Call::Create), 3);
    assert_eq!(run.counts().of(Call::Lookup), 3);
    assert_eq!(run.result("in.csv", "c-1")["attempts"], 6);
}

/// Every call about one customer is answered with `status`, its look-up too.
fn never_told(status: u16, retries: u32) {
    let mut run = Run::new()
        .server(&[&format!("status:{status}@client:c-3")])
        .input("in.csv", rows(5));
    let line = format!("in.csv --retries {retries} --max-errors 100%");
    run.import(&line).code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 4), ("unresolved", 1)]);
    assert_eq!(run.result("in.csv", "c-3")["outcome"], "unresolved");
    run.server_again(|_| {});
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(5)));
}

#[test]
fn one_customer_that_breaks_the_api_is_no_outage_and_unresolved_in_the_end() {
    // More often than makes an outage.
    never_told(500, 4);
}

#[test]
fn one_customer_that_is_refused_and_never_told_about_is_unresolved_in_the_end() {
    never_told(422, 1);
}

#[test]
fn everything_at_once() {
    let run = Run::new()
        .server(&[
            "lost-reply=7%@create",
            "reset=7%@create",
            "cut-body=7%@create",
            "status-after:500=7%@create",
            "status:503=7%@create",
            "html-after=7%@create",
            "throttle=3%@create",
            "reset=10%@lookup",
            "garbage=10%@lookup",
        ])
        .input("in.csv", rows(100));
    run.import("in.csv").code(0);
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, 100);
    assert!(run.counts().all_faults() > 20);
    run.holds(&customers_of_csv(&rows(100)));
    assert_eq!(run.results("in.csv").len(), 100);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn the_secret_is_nowhere() {
    let secret = "sk_test.0d9f-the-secret-that-nobody-may-see";
    let run = Run::new()
        .server_with(
            &[
                "status:422@create:2",
                "lost-reply@create:5",
                "cut-body@create:7",
                "redirect:http://127.0.0.1:9/@create:9",
                "status:503@create:11",
            ],
            |settings| settings.client_secret = secret.to_owned(),
        )
        .env("KABLE_CLIENT_SECRET", secret)
        .input("in.csv", rows(40) + "c-x,,USD\n");
    assert_ne!(secret, CLIENT_SECRET);
    let running = run.start_import("in.csv -v --keys --max-errors 10 --log-format json");
    let shown = std::fs::read(format!("/proc/{}/cmdline", running.id())).unwrap_or_default();
    let ended = running.end().code(3);
    let status = run.go("status in.csv").code(0);
    let wrong = run.import("other.csv --checkpoint other.db");
    let parts = [
        shown,
        ended.stdout.into_bytes(),
        ended.stderr.into_bytes(),
        status.stdout.into_bytes(),
        wrong.stderr.into_bytes(),
    ];
    let has = |bytes: &[u8]| {
        bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes())
    };
    assert!(!parts.iter().any(|part| has(part)));
    let files = run.files();
    assert!(files.len() > 6);
    for path in files {
        assert!(!has(&std::fs::read(&path).unwrap()), "{}", path.display());
    }
}
