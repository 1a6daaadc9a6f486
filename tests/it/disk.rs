//! A disk that is full at any write: the run reports it, nothing is lost, and with room
//! again the same command finishes.
//!
//! The full disk is imitated by the system's limit on file sizes: the write that would
//! exceed it fails. The sandbox is not limited, because it is in another process.

use std::collections::BTreeSet;
use std::time::Duration;

use kable_bulk::sandbox::http::routes::Call;
use rusqlite::{Connection, OpenFlags};

use crate::common::{Run, customers_of_csv, rows};

/// The unit of `ulimit -f` in POSIX.
const BLOCK: usize = 512;

/// Limits files to this many blocks, without the signal that would end the program before
/// the system reports the error.
fn limit(run: &mut Run, blocks: usize) {
    run.shell(Some(format!(
        r#"trap "" XFSZ; ulimit -f {blocks}; exec "$@""#
    )));
}

/// How far a run got, by its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Nothing,
    Begun,
    Claimed,
    Settled,
    End,
}

fn reached(run: &Run) -> Reached {
    if run.exists("in.csv.results/summary.json") {
        return Reached::End;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let path = run.path("in.csv.checkpoint.db");
    let counted = Connection::open_with_flags(path, flags).and_then(|db| {
        db.query_row("SELECT count(*), count(outcome) FROM customer", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    });
    match counted {
        Err(_) => Reached::Nothing,
        Ok((0, 0)) => Reached::Begun,
        Ok((_, 0)) => Reached::Claimed,
        Ok((_, _)) => Reached::Settled,
    }
}

/// Each key is kept, or reported as lost.
fn demand_keys(run: &Run, text: &str) {
    let (mut kept, lost) = run.keys("in.csv");
    kept.remove("old");
    assert!(kept.is_disjoint(&lost), "{lost:?}");
    let all: BTreeSet<String> = customers_of_csv(text).into_keys().collect();
    assert_eq!(&kept | &lost, all);
}

/// The limit grows by pages of the checkpoint, until there is none.
#[test]
fn whichever_write_to_the_checkpoint_fails_nothing_is_lost() {
    let mut met = BTreeSet::new();
    // Long ones, so that a claim takes more than a page.
    let text = rows(30).replace("\nc-", &format!("\n{}-", "c".repeat(300)));
    let limits = [0, 1, 8, 9, 40, 63].into_iter();
    for blocks in limits
        .chain((64..128).step_by(8))
        .chain((128..).step_by(40))
    {
        let mut run = Run::new()
            .server_with(&[], |settings| settings.latency = Duration::from_millis(8))
            .input("in.csv", &text);
        limit(&mut run, blocks);
        let ended = run.import("in.csv --keys --concurrency 1");
        let reached = reached(&run);
        println!("{blocks} {reached:?}");
        met.insert(reached);
        if reached == Reached::End {
            ended.code(0);
            break;
        }
        ended
            .refuses(1, &["cannot ", "checkpoint in.csv.checkpoint.db"])
            .hints("the disk has room");
        if reached < Reached::Claimed {
            assert_eq!(run.counts().of(Call::Create), 0);
        }
        run.shell(None);
        run.comes_right("in.csv --keys", &text);
        demand_keys(&run, &text);
    }
    let all = [
        Reached::Nothing,
        Reached::Begun,
        Reached::Claimed,
        Reached::Settled,
        Reached::End,
    ];
    assert_eq!(met, all.into());
}

#[test]
fn keys_of_requests_in_flight_are_kept_when_the_checkpoint_is_full() {
    let text = rows(400);
    let mut run = Run::new()
        .server_with(&[], |settings| {
            settings.latency = Duration::from_millis(100);
        })
        .input("in.csv", &text);
    limit(&mut run, 300);
    run.import("in.csv --keys --concurrency 64")
        .refuses(1, &["cannot write to checkpoint in.csv.checkpoint.db"]);
    assert_eq!(reached(&run), Reached::Settled);
    let keys = run.text("in.csv.results/keys.csv");
    let held = run.held();
    assert!(!held.is_empty() && held.len() < 400);
    for id in held.keys() {
        assert!(keys.contains(&format!("\n{id},")), "{id}");
    }
    run.shell(None);
    run.comes_right("in.csv --keys", &text);
    let (kept, lost) = run.keys("in.csv");
    assert_eq!((kept.len(), lost), (400, BTreeSet::new()));
}

#[test]
fn a_key_that_is_cut_off_is_said_to_be_lost() {
    // There is room for one and a half keys.
    let blocks = 800;
    let start = "clientId,key\nold,";
    let old = format!("{start}{}\n", "k".repeat(blocks * BLOCK - start.len() - 80));
    let mut run = Run::new()
        .server(&[])
        .input("in.csv", rows(20))
        .input("in.csv.results/keys.csv", &old);
    limit(&mut run, blocks);
    run.import("in.csv --keys")
        .refuses(1, &["cannot write to keys.csv"])
        .hints("room");
    let keys = run.text("in.csv.results/keys.csv");
    let added = keys.strip_prefix(&old).unwrap();
    assert!(
        added.lines().count() == 2 && !added.ends_with('\n'),
        "{added}"
    );

    run.shell(None);
    run.comes_right("in.csv --keys", &rows(20));
    demand_keys(&run, &rows(20));
    assert!(run.text("in.csv.results/keys.csv").starts_with(&keys));
}

/// Some good rows, and many bad ones.
fn mostly_unfit() -> String {
    rows(20) + &format!("x-1,{},Euro\n", "long ".repeat(50)).repeat(1000)
}

#[test]
fn results_that_do_not_fit_leave_what_was_done() {
    let mut run = Run::new().server(&[]).input("in.csv", mostly_unfit());
    limit(&mut run, 400);
    run.import("in.csv --max-errors 100%")
        .refuses(1, &["in.csv.results", "before anything is sent"])
        .hints("make room");
    assert_eq!(run.counts().of(Call::Create), 0);
    assert!(
        !run.exists("in.csv.results"),
        "half of the results are left"
    );

    run.shell(None);
    run.comes_right("in.csv --max-errors 100%", &rows(20));
    assert_eq!(run.counts().of(Call::Create), 20);
}

/// Small files are written at the end, and fail as late as possible.
#[test]
fn results_that_fail_at_the_very_end_leave_the_earlier_ones() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(300));
    run.import("in.csv").code(0);
    let results = run.text("in.csv.results/results.jsonl");
    limit(&mut run, 66);
    run.import("in.csv")
        .refuses(1, &["cannot write results to in.csv.results"])
        .hints("room");
    assert_eq!(run.text("in.csv.results/results.jsonl"), results);

    run.shell(None);
    run.comes_right("in.csv", &rows(300));
    assert_eq!(run.counts().of(Call::Create), 300);
}

#[test]
fn a_check_whose_results_do_not_fit_says_so() {
    let bad = rows(500).replace("USD", "Euro");
    let mut run = Run::new().input("in.csv", bad);
    limit(&mut run, 8);
    run.go("validate in.csv")
        .refuses(1, &["the results in in.csv.results are not complete"])
        .hints("room");
    run.shell(None);
    run.go("validate in.csv").code(3);
    let rejects = run.text("in.csv.results/rejects.csv");
    assert_eq!(rejects.lines().count(), 501);
}

/// More rows than are sorted in memory.
#[test]
fn an_input_that_cannot_be_sorted_is_not_sent() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(250_000));
    limit(&mut run, 4096);
    run.import("in.csv")
        .refuses(1, &["cannot write to in.csv.results"])
        .hints("room");
    assert_eq!(run.counts().of(Call::Create), 0);
    assert!(!run.exists("in.csv.checkpoint.db"));
    assert!(!run.exists("in.csv.results"));

    run.shell(None);
    run.write("in.csv", rows(20));
    run.comes_right("in.csv", &rows(20));
}

#[test]
fn standard_input_that_cannot_be_kept_is_not_sent() {
    let mut run = Run::new().server(&[]).stdin(rows(500));
    limit(&mut run, 8);
    let import = "- --out=-.results --checkpoint run.db";
    run.import(import)
        .refuses(1, &["cannot keep a copy of the input in -.results"])
        .hints("room");
    assert_eq!(run.counts().requests, 0);
    assert!(!run.exists("-.results"));

    run.shell(None);
    run.comes_right(import, &rows(500));
}

#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_cannot_be_printed_is_an_error_and_all_else_is_kept() {
    for option in ["", "--json"] {
        let mut run = Run::new().server(&[]).input("in.csv", rows(20));
        run.shell(Some(r#"exec "$@" >/dev/full"#.to_owned()));
        run.import(&format!("in.csv {option}"))
            .refuses(1, &["cannot write to standard output"])
            .hints("room");
        run.summary("in.csv").outcomes(&[("created", 20)]);

        run.shell(None);
        run.comes_right("in.csv", &rows(20));
        assert_eq!(run.counts().of(Call::Create), 20);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_that_takes_nothing_is_no_reason_to_stop() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(20));
    run.shell(Some(r#"exec "$@" 2>/dev/full"#.to_owned()));
    run.comes_right("in.csv -v", &rows(20));
}
