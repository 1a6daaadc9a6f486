//! What is said before the first row is sent.

use crate::common::{Run, rows};

#[test]
fn before_an_import_it_says_of_what_to_whom_and_what_else() {
    let input = format!("{}x-1,,EUR\ny-1,Yew,EUR\n", rows(3));
    let run = Run::new().server(&[]).input("in.csv", input);
    let ended = run.import("in.csv --keys --max-errors 100%").code(3);
    for said in [
        "import of in.csv into http://127.0.0.1:",
        "account kci_",
        "5 rows: 1 rejected, 4 to create",
        "by currency: USD 3, EUR 1",
        "also creates API keys (keys.csv)",
        "the rejected rows and why are in in.csv.results already",
        "To send: 4 requests",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    // Only an account of a TEST key at Kable is one that LIVE sees.
    assert!(!ended.stderr.contains("LIVE"), "{}", ended.stderr);
    run.write("in.csv", format!("{}x-1,,EUR\ny-1,Yew,EUR\n", rows(6)));
    let ended = run.import("in.csv --keys --max-errors 100%").code(3);
    let said = "8 rows: 1 rejected, 4 done already, 3 to create";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

#[test]
fn before_a_sync_it_says_what_it_would_do() {
    let run = Run::new().server(&[]).input("in.csv", rows(4));
    run.import("in.csv").code(0);
    run.write("in.csv", rows(6).replace("Company 1", "Other"));
    let ended = run.go("sync in.csv --base-url URL --rate unlimited --max-changes 100%");
    let said = "6 rows: 2 to create, 1 to update, 3 equal";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
