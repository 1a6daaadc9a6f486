//! One writer on a checkpoint (issue 12, 4), by whatever path it is opened and whatever
//! happens to the files beside it.

use std::os::unix::fs::symlink;

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, rows, until};

const CHECKPOINT: &str = "in.csv.checkpoint.db";

/// A slow run with this checkpoint.
fn begun(run: &Run, checkpoint: &str) -> crate::common::Running {
    let before = run.counts().of(Call::Create);
    let running = run.start_import(&format!("in.csv --rate 50/s --checkpoint {checkpoint}"));
    until("some creates", || {
        run.counts().of(Call::Create) >= before + 5
    });
    running
}

fn refused(run: &Run, checkpoint: &str) {
    run.import(&format!(
        "in.csv --checkpoint {checkpoint} --out other.results"
    ))
    .refuses(1, &["is in use by"]);
}

/// All of it exists once.
fn came_right(run: &Run, checkpoint: &str) {
    run.comes_right(&format!("in.csv --checkpoint {checkpoint}"), &rows(150));
    assert_eq!(run.counts().of(Call::Create), 150);
}

#[test]
fn a_chain_of_links_that_leads_nowhere_yet_is_the_file_it_leads_to() {
    let run = Run::new().server(&[]).input("in.csv", rows(150));
    std::fs::create_dir(run.path("far")).unwrap();
    symlink("second.db", run.path("first.db")).unwrap();
    symlink("far/real.db", run.path("second.db")).unwrap();
    let running = begun(&run, "first.db");
    for name in ["first.db", "second.db", "far/real.db"] {
        refused(&run, name);
        run.go(&format!("status --checkpoint {name}"))
            .code(0)
            .says("running: process");
    }
    running.end().code(0);
    assert!(run.path("first.db").is_symlink() && run.path("second.db").is_symlink());
    came_right(&run, "far/real.db");
}

#[test]
fn a_removed_lock_file_stops_the_run() {
    let run = Run::new().server(&[]).input("in.csv", rows(150));
    let running = begun(&run, CHECKPOINT);
    std::fs::remove_file(run.path(&format!("{CHECKPOINT}.lock"))).unwrap();
    running
        .end()
        .refuses(1, &[CHECKPOINT, ".lock was removed"])
        .hints("run the same command again");
    came_right(&run, CHECKPOINT);
}

/// Claims in a file that is no longer found by its name are not sent.
#[test]
fn a_checkpoint_that_is_moved_away_stops_the_run() {
    for name in [CHECKPOINT.to_owned(), format!("{CHECKPOINT}-wal")] {
        let run = Run::new().server(&[]).input("in.csv", rows(150));
        let running = begun(&run, CHECKPOINT);
        std::fs::rename(run.path(&name), run.path("moved")).unwrap();
        running
            .end()
            .refuses(1, &[&format!("{name} was removed, renamed or replaced")])
            .hints("put it back");
        std::fs::rename(run.path("moved"), run.path(&name)).unwrap();
        came_right(&run, CHECKPOINT);
    }
}

#[test]
fn a_file_under_the_former_temporary_name_is_left_alone() {
    let run = Run::new().server(&[]).input("in.csv", rows(150));
    let part = format!("{CHECKPOINT}.part");
    run.write("precious.txt", "precious");
    symlink("precious.txt", run.path(&part)).unwrap();
    run.import("in.csv").code(0);
    assert!(run.path(&part).is_symlink());
    assert_eq!(run.text("precious.txt"), "precious");
    assert_eq!(run.mode(CHECKPOINT), 0o600);
}
