//! Refusals with one cause: which rows are affected, and which rows failed for their own
//! values (issue 12, point 8).

use std::fmt::Write;

use kable_bulk::sandbox::http::routes::Call;

use crate::common::raw::{Ask, Raw, says};
use crate::common::{Run, rows};

/// Rows of which every second one has a customer at Stripe already.
fn half_with_own_stripe(many: usize) -> String {
    let row = |number: usize| {
        let own = if number.is_multiple_of(2) {
            format!("cus_Own{number}")
        } else {
            String::new()
        };
        format!("c-{number},Company {number},USD,{own}\n")
    };
    let rows: String = (1..=many).map(row).collect();
    format!("clientId,companyName,currency,stripeCustomerId\n{rows}")
}

#[test]
fn rows_that_need_stripe_are_refused_alike_though_others_go_through_in_between() {
    let mut run = Run::new()
        .server(&[])
        .input("in.csv", half_with_own_stripe(640));
    let ended = run.import("in.csv --stripe");
    ended
        .says(
            "the first 20 rows that ask for a customer at Stripe (--stripe) were all refused alike",
        )
        .says("None of them counts as failed");
    let summary = run.summary("in.csv");
    let created = run.held().len() as u64;
    summary.outcomes(&[("created", created), ("pending", 640 - created)]);
    assert!(created > 0 && run.counts().of(Call::Create) < 200);

    // Once the account is connected, the same command creates them all.
    run.server_again(|settings| settings.stripe_connected = true);
    run.import("in.csv --stripe").code(0);
    run.summary("in.csv").outcomes(&[("created", 640)]);
    assert_eq!(run.held().len(), 640);
    assert_eq!(run.creates_in_vain(), 0);
}

/// The API documents no other status than 500 for what it refuses.
#[test]
fn rows_that_need_stripe_may_be_answered_with_a_server_error() {
    let refusal = says(
        "500 Internal Server Error",
        r#"{"message": "account not connected to Stripe"}"#,
    );
    let asking = (1..=99).step_by(2).map(|number| {
        let client_id = format!("c-{number}");
        (Ask::Create, client_id, vec![refusal.clone(); 50])
    });
    let server = Raw::start(64, asking);
    let run = Run::new()
        .credentials()
        .input("in.csv", half_with_own_stripe(100));
    let command = format!("import in.csv --stripe --yes --base-url {}", server.url());
    run.go(&command)
        .code(5)
        .says("rows that ask for a customer at Stripe (--stripe) were all refused alike")
        .says("None of them counts as failed");
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("failed"), 0);
    assert!(summary.outcome("created") > 0);
}

#[test]
fn too_few_rows_of_a_kind_fail_by_themselves() {
    let mut text = half_with_own_stripe(30);
    text.push_str("c-31,Company 31,USD,cus_Own31\n");
    let run = Run::new().server(&[]).input("in.csv", text);
    run.import("in.csv --stripe --max-errors 100%").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 16), ("failed", 15)]);
}

/// A thousand rows of which every 50th has a currency that the API refuses, and the others
/// exist at Kable with another name.
fn twenty_among_many() -> Run {
    let run = Run::new().server(&[]);
    let (mut there, mut wanted) = (rows(0), rows(0));
    for number in 1..=1000 {
        if number % 50 == 0 {
            writeln!(wanted, "c-{number},Company {number},CHF").unwrap();
        } else {
            writeln!(there, "c-{number},Other {number},USD").unwrap();
            writeln!(wanted, "c-{number},Company {number},USD").unwrap();
        }
    }
    run.write("there.csv", there);
    run.write("in.csv", wanted);
    run.import("there.csv").code(0);
    run
}

#[test]
fn twenty_refusals_among_rows_that_are_there_and_differ_are_the_rows_own() {
    let run = twenty_among_many();
    let import = "in.csv --allow-currency CHF --max-errors 100%";
    for line in [import, &format!("{import} --retry-failed")] {
        run.import(line).code(3);
        run.summary("in.csv")
            .outcomes(&[("differs", 980), ("failed", 20)]);
        assert_eq!(run.result("in.csv", "c-50")["outcome"], "failed", "{line}");
    }
}

/// Issue 12, point 3: rows that were created stay recorded as such when their updates are
/// refused alike.
#[test]
fn updates_that_are_refused_alike_leave_rows_what_they_were() {
    let mut run = Run::new()
        .server(&["status:422@update:1+"])
        .input("in.csv", rows(60));
    run.import("in.csv").code(0);
    let edited = rows(60).replace(",Company ", ",Firm ");
    run.write("in.csv", &edited);
    run.import("in.csv --existing update")
        .code(5)
        .says("the first 20 rows to be updated were all refused alike");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("differs", 60)]);
    assert_eq!(summary.0["created_by_this_checkpoint"], 60);

    run.write("in.csv", rows(60));
    run.import("in.csv").code(0);
    run.summary("in.csv").outcomes(&[("created", 60)]);
    assert_eq!(run.counts().of(Call::Create), 60);

    run.server_again(|_| {});
    run.write("in.csv", &edited);
    run.import("in.csv --existing update").code(0);
    run.summary("in.csv").outcomes(&[("updated", 60)]);
    assert_eq!(run.counts().of(Call::Create), 0);
}
