//! `sync`: creates new customers, updates changed ones, leaves equal ones alone, and
//! reports or cancels those that the file no longer has.

use std::collections::BTreeSet;
use std::fmt::Write;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::catalog::{BUNDLES, PLANS, STARTER};
use kable_bulk::sandbox::store::inspect;

use crate::common::{DATABASE, EndedRun, Run, rows, rows_from, until};

const HEADER: &str = "clientId,companyName,currency,email,phone,city\n";

const FIRST: [&str; 4] = [
    "c-1,Aster,USD,a@aster.example,+1 555,Bonn",
    "c-2,Birch,USD,b@birch.example,+2 555,Kiel",
    "c-3,Cedar,EUR,c@cedar.example,+3 555,Ulm",
    "c-4,Date,EUR,,,",
];

fn table(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// A server that holds the customers of [`FIRST`], as an earlier sync made them.
fn four_are_there(faults: &[&str]) -> Run {
    let run = Run::new().server(faults).input("in.csv", table(&FIRST));
    sync(&run, "in.csv").code(0);
    run
}

fn sync(run: &Run, rest: &str) -> EndedRun {
    run.go(&format!("sync --base-url {} {rest}", run.url()))
}

fn changes(run: &Run) -> u64 {
    let changing = [
        Call::Create,
        Call::Update,
        Call::AddPlans,
        Call::RemovePlans,
        Call::AddBundle,
        Call::RemoveBundle,
        Call::Cancel,
        Call::Delete,
    ];
    let counts = run.counts();
    changing.into_iter().map(|call| counts.of(call)).sum()
}

#[test]
fn new_ones_are_created_changed_ones_updated_and_equal_ones_left_alone() {
    let run = four_are_there(&[]);
    run.summary("in.csv").outcomes(&[("created", 4)]);
    run.write(
        "in.csv",
        table(&[
            FIRST[0],
            "c-2,Birch & Sons,EUR,new@birch.example,+2 555,Kiel",
            "c-3,Cedar,EUR,c@cedar.example,,",
            "c-5,Elm,GBP,,,",
        ]),
    );
    let before = run.counts().of(Call::Lookup);
    sync(&run, "in.csv")
        .code(0)
        .says("1  more customers at Kable that no row of the file has");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 1), ("updated", 1), ("unchanged", 2)]);
    assert_eq!(summary.0["surplus"], 1);
    assert_eq!(summary.0["requests"]["sent"], 3, "{}", summary.0);
    // The changed one alone is looked up.
    assert_eq!(run.counts().of(Call::Lookup) - before, 1);
    let birch = run.now("c-2");
    assert_eq!(birch["companyName"], "Birch & Sons");
    assert_eq!(birch["currency"], "EUR");
    assert_eq!(birch["billingContact"]["email"], "new@birch.example");
    // An empty cell clears nothing.
    assert_eq!(run.now("c-3")["billingContact"]["phone"], "+3 555");
    assert_eq!(run.now("c-4")["companyName"], "Date");
    assert_eq!(
        run.text("in.csv.results/differences.csv"),
        "line,clientId,field,file,kable\n\
         3,c-2,companyName,Birch & Sons,Birch\n\
         3,c-2,currency,EUR,USD\n\
         3,c-2,billingContact.email,new@birch.example,b@birch.example\n\
         ,c-4,clientId,,c-4\n"
    );
    let sent = changes(&run);
    sync(&run, "in.csv").code(0);
    run.summary("in.csv").outcomes(&[("unchanged", 4)]);
    assert_eq!(changes(&run), sent, "a second sync sends no change");
    assert_eq!(run.counts().of(Call::Lookup) - before, 1);
}

#[test]
fn a_column_that_the_file_lacks_is_neither_compared_nor_cleared() {
    let run = four_are_there(&[]);
    run.write("few.csv", "clientId,companyName,currency\nc-1,Aster,USD\n");
    sync(&run, "few.csv --empty clear").code(0);
    run.summary("few.csv").outcomes(&[("unchanged", 1)]);
    assert_eq!(run.now("c-1")["billingContact"]["phone"], "+1 555");
}

#[test]
fn an_empty_cell_clears_a_value_only_on_request() {
    let run = four_are_there(&[]);
    run.write(
        "in.csv",
        table(&["c-1,Aster,USD,,+1 555,", FIRST[1], FIRST[2], FIRST[3]]),
    );
    sync(&run, "in.csv --empty clear --dry-run")
        .code(0)
        .says("Would update 1: billingContact.city 1, billingContact.email 1");
    sync(&run, "in.csv --empty clear").code(0);
    run.summary("in.csv")
        .outcomes(&[("updated", 1), ("unchanged", 3)]);
    let contact = &run.now("c-1")["billingContact"];
    assert_eq!(contact["email"], serde_json::Value::Null, "{contact}");
    assert_eq!(contact["phone"], "+1 555");
    let sent = changes(&run);
    sync(&run, "in.csv --empty clear").code(0);
    assert_eq!(changes(&run), sent);
    // A member that is null is an empty cell, and one that is not there is none.
    run.write(
        "in.jsonl",
        r#"{"clientId":"c-2","companyName":"Birch","currency":"USD","billingContact":{"phone":null}}"#,
    );
    sync(&run, "in.jsonl --empty clear").code(0);
    let contact = &run.now("c-2")["billingContact"];
    assert_eq!(contact["phone"], serde_json::Value::Null, "{contact}");
    assert_eq!(contact["email"], "b@birch.example");
}

/// Another row has the member, and a rule of the mapping names it.
#[test]
fn a_member_that_a_row_lacks_is_left_alone_also_by_a_mapping_rule() {
    let plan = STARTER.id;
    let object = |id: &str, more: &str| {
        format!(r#"{{"clientId":"{id}","companyName":"Aster","currency":"USD"{more}}}"#)
    };
    let all = format!(r#","tel":"+1 555","tarif":["{plan}"]"#);
    let run = Run::new().server(&[]);
    run.write(
        "m.toml",
        "format = 1\n[fields.\"billingContact.phone\"]\nfrom = \"tel\"\n\
         [fields.planIds]\nfrom = \"tarif\"\n",
    );
    let line = "in.jsonl --mapping m.toml --plans exact --empty clear";
    let rows = [object("c-1", &all), object("c-2", &all)];
    run.write("in.jsonl", rows.join("\n"));
    sync(&run, line).code(0);
    let held = run.held();
    let rows = [object("c-1", &all), object("c-2", "")];
    run.write("in.jsonl", rows.join("\n"));
    sync(&run, line).code(0);
    run.summary("in.jsonl").outcomes(&[("unchanged", 2)]);
    assert_eq!(run.held(), held);
    let customer = run.now("c-2");
    assert_eq!(customer["billingContact"]["phone"], "+1 555");
    assert_eq!(customer["planIds"][0], plan);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let run = four_are_there(&[]);
    run.write(
        "in.csv",
        table(&[FIRST[0], "c-2,Birke,USD,,,", "c-9,Nine,USD,,,"]),
    );
    let (before, sent) = (run.held(), changes(&run));
    sync(&run, "in.csv --dry-run")
        .code(0)
        .says("Would create 1 customer")
        .says("Would update 1: companyName 1")
        .says("companyName is \"Birch\" at Kable, \"Birke\" in the file")
        .says("2  more customers at Kable that no row of the file has");
    assert_eq!((run.held(), changes(&run)), (before, sent));
    run.summary("in.csv")
        .outcomes(&[("unchanged", 1), ("pending", 2)]);
}

#[test]
fn a_cancelled_customer_is_reported_and_not_revived() {
    let run = four_are_there(&[]);
    run.post("customers/c-2/cancel");
    sync(&run, "in.csv")
        .code(3)
        .says("differ in what a sync does not change");
    run.summary("in.csv")
        .outcomes(&[("unchanged", 3), ("differs", 1)]);
    let differences = run.text("in.csv.results/differences.csv");
    assert!(
        differences.contains("3,c-2,status,ACTIVE,CANCELLED"),
        "{differences}"
    );
    let all = inspect::customers(&run.path(DATABASE)).unwrap();
    let birch = all.iter().find(|held| held.client_id == "c-2").unwrap();
    assert_eq!(birch.status, "CANCELLED");
}

#[test]
fn nothing_is_sent_for_a_cancelled_customer_whose_row_was_changed() {
    let run = four_are_there(&[]);
    run.post("customers/c-2/cancel");
    run.write("in.csv", table(&FIRST).replace("Birch", "Birke"));
    let sent = changes(&run);
    sync(&run, "in.csv").code(3);
    run.summary("in.csv")
        .outcomes(&[("unchanged", 3), ("differs", 1)]);
    run.go(&format!(
        "import in.csv --existing update --base-url {}",
        run.url()
    ))
    .code(3);
    assert_eq!(changes(&run), sent);
}

#[test]
fn too_many_changes_stop_it_before_the_first() {
    let many = rows(200);
    let run = Run::new().server(&[]).input("in.csv", &many);
    sync(&run, "in.csv").code(0);
    let sent = changes(&run);
    run.write("in.csv", many.replace("Company", "Firm"));
    assert_ne!(run.text("in.csv"), many);
    sync(&run, "in.csv")
        .code(5)
        .says("200 customers would be updated, and no more than 40 of the 200 that are not cancelled may be (--max-changes)")
        .says("--max-changes 200");
    assert_eq!(changes(&run), sent);
    run.summary("in.csv").outcomes(&[("pending", 200)]);
    sync(&run, "in.csv --max-changes 200").code(0);
    run.summary("in.csv").outcomes(&[("updated", 200)]);
}

#[test]
fn plans_are_added_made_equal_or_left_alone() {
    let bundle = &BUNDLES[0];
    let brought = bundle.plans[0].id;
    let own = STARTER.id;
    assert!(bundle.plans.iter().all(|plan| plan.id != own));
    let row = |plans: &str, bundles: &str| {
        format!(
            "clientId,companyName,currency,planIds,bundleIds\nc-1,Aster,USD,{plans},{bundles}\n"
        )
    };
    let run = Run::new().server(&[]).input("in.csv", row("", ""));
    sync(&run, "in.csv").code(0);
    let ids = |member: &str| {
        let ids = run.now("c-1")[member].as_array().unwrap().clone();
        let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    run.write("in.csv", row(own, bundle.id));
    sync(&run, "in.csv --plans ignore").code(0);
    run.summary("in.csv").outcomes(&[("unchanged", 1)]);
    sync(&run, "in.csv").code(0);
    run.summary("in.csv").outcomes(&[("updated", 1)]);
    assert_eq!(ids("bundleIds"), [bundle.id]);
    assert!(ids("planIds").contains(&own.to_owned()));
    // The plans that came with the bundle are left alone, and so are those of which the row
    // says nothing.
    run.write("in.csv", row("", bundle.id));
    sync(&run, "in.csv --plans exact").code(0);
    run.summary("in.csv").outcomes(&[("unchanged", 1)]);
    run.write("in.csv", row(brought, ""));
    sync(&run, "in.csv --plans exact").code(0);
    assert_eq!(ids("planIds"), [""; 0], "the bundle brings the row's plan");
    sync(&run, "in.csv --plans exact --empty clear").code(0);
    assert_eq!(ids("bundleIds"), [""; 0]);
    assert_eq!(ids("planIds"), [brought]);
    let sent = changes(&run);
    sync(&run, "in.csv --plans exact --empty clear").code(0);
    assert_eq!(changes(&run), sent);
    assert_eq!(run.held().len(), 1);
}

#[test]
fn a_stripe_id_that_kable_does_not_show_is_compared_with_what_was_sent() {
    let row =
        |id: &str| format!("clientId,companyName,currency,stripeCustomerId\nc-1,Aster,USD,{id}\n");
    let run = Run::new().server(&[]).input("in.csv", row("cus_One1"));
    sync(&run, "in.csv").code(0);
    let sent = changes(&run);
    sync(&run, "in.csv").code(0);
    assert_eq!(changes(&run), sent);
    run.write("in.csv", row("cus_Two2"));
    sync(&run, "in.csv").code(0);
    assert_eq!(changes(&run), sent + 1);
    sync(&run, "in.csv").code(0);
    assert_eq!(changes(&run), sent + 1);
}

#[test]
fn an_empty_cell_does_not_clear_the_stripe_id_that_kable_gave() {
    let row = |company: &str| {
        format!("clientId,companyName,currency,stripeCustomerId\nc-1,{company},USD,\n")
    };
    let mut run = Run::new().server(&[]).input("in.csv", row("Aster"));
    run.server_again(|settings| {
        settings.stripe_connected = true;
        settings.show_stripe_ids = true;
    });
    sync(&run, "in.csv --stripe --empty clear").code(0);
    let given = run.now("c-1")["stripeCustomerId"].clone();
    assert!(given.is_string(), "{given}");
    sync(&run, "in.csv --stripe --empty clear").code(0);
    run.summary("in.csv").outcomes(&[("unchanged", 1)]);
    // Where Kable does not show ids, an update of other fields does not clear them.
    run.server_again(|settings| settings.show_stripe_ids = false);
    run.write("in.csv", row("Astre"));
    sync(&run, "in.csv --empty clear")
        .code(0)
        .says("Not shown by Kable, so not compared: stripeCustomerId");
    let customer = run.now("c-1");
    assert_eq!(customer["companyName"], "Astre");
    assert_eq!(customer["stripeCustomerId"], given);
}

/// Another client made the customer anew, without its contact.
#[test]
fn a_contact_that_one_customer_lacks_is_empty_where_kable_shows_others() {
    let run = four_are_there(&[]);
    run.post("customers/c-2/delete");
    run.write("few.csv", "clientId,companyName,currency\nc-2,Birch,USD\n");
    sync(&run, "few.csv").code(0);
    sync(&run, "in.csv").code(0);
    run.summary("in.csv")
        .outcomes(&[("updated", 1), ("unchanged", 3)]);
    let differences = run.text("in.csv.results/differences.csv");
    let expected = "3,c-2,billingContact.email,b@birch.example,\n";
    assert!(differences.contains(expected), "{differences}");
    let contact = &run.now("c-2")["billingContact"];
    assert_eq!(contact["phone"], "+2 555");
    let sent = changes(&run);
    sync(&run, "in.csv").code(0);
    assert_eq!(changes(&run), sent);
}

#[test]
fn a_customer_that_was_deleted_at_kable_is_created_anew() {
    let run = four_are_there(&[]);
    run.post("customers/c-2/delete");
    sync(&run, "in.csv").code(0);
    run.summary("in.csv")
        .outcomes(&[("unchanged", 3), ("created", 1)]);
    assert_eq!(run.now("c-2")["companyName"], "Birch");
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_row_that_kable_refuses_is_not_sent_again_each_night() {
    let mut run = four_are_there(&[]);
    run.write("in.csv", format!("{}c-9,Nine,USD,,,\n", table(&FIRST)));
    run.server_again(|settings| settings.faults = vec!["status:400@create:1".parse().unwrap()]);
    for _ in 0..2 {
        sync(&run, "in.csv --max-errors 5").code(3);
        run.summary("in.csv")
            .outcomes(&[("unchanged", 4), ("failed", 1)]);
        assert_eq!(run.counts().of(Call::Create), 1);
    }
    sync(&run, "in.csv --retry-failed").code(0);
    run.summary("in.csv")
        .outcomes(&[("unchanged", 4), ("created", 1)]);
}

#[test]
fn changes_whose_answers_were_lost_are_settled_by_asking() {
    let faults = [
        "lost-reply=40%@update",
        "reset=20%@update",
        "throttle=10%@update",
    ];
    let many = rows(60);
    let run = Run::new().server(&faults).input("in.csv", &many);
    sync(&run, "in.csv").code(0);
    run.write("in.csv", many.replace("Company", "Firm"));
    sync(&run, "in.csv --max-changes 100% --retries 30").code(0);
    run.summary("in.csv").outcomes(&[("updated", 60)]);
    assert!(run.counts().all_faults() > 10);
    let sent = changes(&run);
    sync(&run, "in.csv").code(0);
    assert_eq!(changes(&run), sent);
}

#[test]
fn without_the_list_nothing_is_sent() {
    let run = Run::new()
        .server(&["status:500@list"])
        .input("in.csv", table(&FIRST));
    sync(&run, "in.csv").refuses(1, &["the customers could not be listed"]);
    assert_eq!(changes(&run), 0);
}

#[test]
fn options_of_an_import_are_refused() {
    let run = four_are_there(&[]);
    sync(&run, "in.csv --canary 3").refuses(2, &["--canary", "import alone"]);
    sync(&run, "in.csv --existing skip").refuses(2, &["--existing", "import alone"]);
}

#[test]
fn a_stopped_sync_goes_on_where_it_stopped() {
    let run = Run::new().server(&[]).input("in.csv", rows(100));
    sync(&run, "in.csv").code(0);
    let now = rows_from(1, 150).replace("Company", "Firm");
    run.write("in.csv", &now);
    let line = format!(
        "sync --base-url {} in.csv --max-changes 100% --rate 40/s",
        run.url()
    );
    let running = run.start(&line);
    until("some updates", || run.counts().of(Call::Update) >= 5);
    running.signal("INT");
    running.end().code(130).says("Go on where it stopped:");
    let summary = run.summary("in.csv");
    assert!(summary.outcome("updated") >= 4);
    assert!(summary.outcome("pending") > 10);
    sync(&run, "in.csv --max-changes 100%").code(0);
    assert_eq!(run.held().len(), 150);
    for number in 1..=150 {
        let now = run.now(&format!("c-{number}"));
        assert_eq!(now["companyName"], format!("Firm {number}"));
    }
    assert_eq!(run.creates_in_vain(), 0);
}

/// Plans and bundles of a random row.
fn some_ids(chance: &mut fastrand::Rng, of: &[&str]) -> String {
    let ids: Vec<&str> = of.iter().copied().filter(|_| chance.bool()).collect();
    ids.join(";")
}

/// A random file of some of forty customers, every column filled or empty. Those that are
/// left out are `gone` for good.
fn random_file(chance: &mut fastrand::Rng, gone: &mut BTreeSet<u32>) -> String {
    let mut text = "clientId,companyName,currency,email,phone,planIds,bundleIds\n".to_owned();
    let plans: Vec<&str> = PLANS.iter().map(|plan| plan.id).collect();
    let bundles: Vec<&str> = BUNDLES.iter().map(|bundle| bundle.id).collect();
    for number in 1..=40 {
        // A customer that was cancelled is not revived.
        if gone.contains(&number) || chance.u8(..10) == 0 {
            gone.insert(number);
            continue;
        }
        let company = chance.u8(..3);
        let currency = ["USD", "EUR"][usize::from(chance.bool())];
        let email = ["", "a@one.example", "b@two.example"][chance.usize(..3)];
        let phone = ["", "+1 555"][usize::from(chance.bool())];
        let plan_ids = some_ids(chance, &plans);
        let bundle_ids = some_ids(chance, &bundles);
        writeln!(
            text,
            "c-{number},Company {company},{currency},{email},{phone},{plan_ids},{bundle_ids}"
        )
        .unwrap();
    }
    text
}

/// Asserts that the server holds what `text` says, and compares plans by what a customer
/// has with its bundles: a plan that a bundle brings need not be its own as well.
fn equals(run: &Run, text: &str) {
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let now = run.now(cells[0]);
        let contact = &now["billingContact"];
        assert_eq!(now["companyName"], cells[1], "{line}");
        assert_eq!(now["currency"], cells[2], "{line}");
        assert_eq!(
            contact["email"].as_str().unwrap_or_default(),
            cells[3],
            "{line}"
        );
        assert_eq!(
            contact["phone"].as_str().unwrap_or_default(),
            cells[4],
            "{line}"
        );
        let ids = |value: &serde_json::Value| -> BTreeSet<String> {
            let ids = value.as_array().unwrap().iter();
            ids.map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        let wanted = |cell: &str| -> BTreeSet<String> {
            cell.split(';')
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(ids(&now["bundleIds"]), wanted(cells[6]), "{line}");
        let brought = BUNDLES.iter().filter(|bundle| cells[6].contains(bundle.id));
        let brought: BTreeSet<String> = brought
            .flat_map(|bundle| bundle.plans.iter().map(|plan| plan.id.to_owned()))
            .collect();
        let all: BTreeSet<String> = ids(&now["planIds"]).union(&brought).cloned().collect();
        let expected: BTreeSet<String> = wanted(cells[5]).union(&brought).cloned().collect();
        assert_eq!(all, expected, "{line}");
    }
}

#[test]
fn whatever_was_there_kable_is_made_equal_and_a_second_sync_sends_nothing() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let faults = [
        "lost-reply=5%@update",
        "lost-reply=5%@add-plans",
        "reset=5%@remove-bundle",
        "lost-reply=30%@cancel",
    ];
    let run = Run::new().server(&faults);
    let line = "in.csv --plans exact --empty clear --prune cancel --yes --max-changes 100% \
                --rate unlimited";
    let mut gone = BTreeSet::new();
    for _ in 0..4 {
        let text = random_file(&mut chance, &mut gone);
        run.write("in.csv", &text);
        sync(&run, line).code(0);
        equals(&run, &text);
        let held = inspect::customers(&run.path(DATABASE)).unwrap();
        let active = held.into_iter().filter(|held| held.status == "ACTIVE");
        let active: BTreeSet<String> = active.map(|held| held.client_id).collect();
        let rows = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap());
        assert_eq!(active, rows.map(str::to_owned).collect(), "seed {seed}");
        let sent = changes(&run);
        sync(&run, line).code(0);
        assert_eq!(
            changes(&run),
            sent,
            "seed {seed}: a second sync sent changes"
        );
    }
    assert_eq!(run.creates_in_vain(), 0, "seed {seed}");
}

/// SIGKILL again and again, with responses lost, requests that land late and reads that
/// lag: no customer twice, none lost, each as the file says.
#[test]
fn killed_at_any_moment_every_customer_is_made_and_changed_as_the_file_says() {
    const FAULTS: [&str; 6] = [
        "lost-reply=2%@create",
        "land-late-unchecked:500ms=1%@create",
        "reset-then-land:300ms=1%@create",
        "lost-reply=2%@update",
        "status-then-land:503/300ms=1%@update",
        "reset=2%@update",
    ];
    let run = Run::new()
        .env("KABLE_BULK_SETTLE", "2s")
        .server_with(&FAULTS, |settings| {
            settings.read_lag = std::time::Duration::from_millis(100);
        })
        .input("in.csv", rows(300));
    let line = format!(
        "sync --base-url {} in.csv --max-changes 100% --timeout 400ms --concurrency 16",
        run.url()
    );
    run.go(&line).code(0);
    let now = rows_from(1, 600).replace("Company", "Firm");
    run.write("in.csv", &now);
    let seed = fastrand::u64(..);
    let mut chance = fastrand::Rng::with_seed(seed);
    let done = || run.counts().of(Call::Update) + run.counts().of(Call::Create);
    let mut kills = 0;
    for _ in 0..25 {
        let before = done();
        let more = chance.u64(0..30);
        let mut running = run.start(&line);
        let mut looks = chance.usize(20..150);
        until("some changes more", || {
            looks = looks.saturating_sub(1);
            done() >= before + more || looks == 0 || !running.runs()
        });
        if !running.runs() {
            break;
        }
        running.kill();
        kills += 1;
    }
    run.go(&line).code(0);
    run.settled();
    assert!(kills >= 10, "{kills} kills, seed {seed}");
    for number in 1..=600 {
        let now = run.now(&format!("c-{number}"));
        assert_eq!(now["companyName"], format!("Firm {number}"), "seed {seed}");
    }
    assert_eq!(run.held().len(), 600, "seed {seed}");
    assert_eq!(run.creates_in_vain(), 0, "seed {seed}");
    let sent = changes(&run);
    run.go(&line).code(0);
    assert_eq!(changes(&run), sent, "seed {seed}");
}
