//! Hostile inputs: each ends with its exit code and a clear sentence, in bounded memory.
//!
//! `KABLE_BULK_HOSTILE=full cargo test --release --test it hostile:: -- --nocapture` uses
//! the large sizes and prints the memory and time of each.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::{EndedRun, Run, rows, until};

/// The most memory that a run may take, resident.
const MOST_KIB: u64 = 128 << 10;

/// A run's limit of address space, in KiB: a blow-up between two samples fails too, and no
/// other test with it.
const WALL_KIB: u64 = 4 << 20;

/// A run that doesn't end in this time hangs. It is no measure of speed.
const DEADLINE: Duration = Duration::from_mins(5);

const HEADER: &str = "clientId,companyName,currency\n";
const MIB: u64 = 1 << 20;

/// `usual`, or `full` with `KABLE_BULK_HOSTILE=full`. The longest row has 4 MiB, so 5 MiB
/// serve as an endless one.
fn size(usual: u64, full: u64) -> u64 {
    match std::env::var("KABLE_BULK_HOSTILE").as_deref() {
        Ok("full") => full,
        Ok(_) | Err(_) => usual,
    }
}

/// A run in whose folder `name` is written part by part.
fn with_file(name: &str, write: impl FnOnce(&mut Parts)) -> Run {
    let mut run = Run::new();
    run.shell(Some(format!("ulimit -v {WALL_KIB}; exec \"$@\"")));
    let mut parts = Parts(BufWriter::new(File::create(run.path(name)).unwrap()));
    write(&mut parts);
    parts.0.flush().unwrap();
    run
}

/// A file that may be too large for the memory.
struct Parts(BufWriter<File>);

impl Parts {
    fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(part.as_ref()).unwrap();
        self
    }

    /// `part` repeated, to this many bytes in all.
    fn fill(&mut self, part: impl AsRef<[u8]>, bytes: u64) -> &mut Self {
        let part = part.as_ref();
        // Byte by byte, writing would take longer than the test.
        let parts_a_block = ((64 << 10) / part.len()).max(1);
        let block = part.repeat(parts_a_block);
        let mut missing = usize::try_from(bytes).unwrap() / part.len();
        while missing > 0 {
            let parts = missing.min(parts_a_block);
            self.add(&block[..parts * part.len()]);
            missing -= parts;
        }
        self
    }

    /// The results of `part` for each number below `many`, separated by commas.
    fn listed(&mut self, many: u64, part: impl Fn(u64) -> String) -> &mut Self {
        for number in 0..many {
            self.add(if number > 0 { "," } else { "" })
                .add(part(number));
        }
        self
    }
}

/// Validates `name`, which ends in time and in bounded memory.
fn validated(run: &Run, name: &str) -> EndedRun {
    let began = Instant::now();
    let mut running = run.start(&format!("validate {name}"));
    let status = PathBuf::from(format!("/proc/{}/status", running.id()));
    let mut peak_kib = 0;
    // The kernel keeps the peak; only the last moments are not sampled.
    while running.runs() {
        peak_kib = peak_kib.max(peak(&std::fs::read_to_string(&status).unwrap_or_default()));
        assert!(peak_kib <= MOST_KIB, "{name}: {peak_kib} KiB");
        assert!(began.elapsed() < DEADLINE, "{name} hangs");
        std::thread::sleep(Duration::from_millis(2));
    }
    let is_short = began.elapsed() < Duration::from_secs(1);
    assert!(peak_kib > 0 || is_short, "its memory was never seen");
    let input = std::fs::metadata(run.path(name)).unwrap().len();
    eprintln!(
        "{name:<24} {input:>12} bytes {:>8.2} s {:>5} MiB",
        began.elapsed().as_secs_f64(),
        peak_kib >> 10
    );
    running.end()
}

/// The peak resident memory, from a process's status (proc(5), `VmHWM`).
fn peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or_default()
}

/// Asserts that this many rows are rejected; returns the lines with this code.
fn rejects(run: &Run, name: &str, counts: [u64; 2], code: &str, lines: &[u64]) {
    let summary = run.summary(name);
    assert_eq!(
        ["read", "rejected"].map(|what| summary.rows(what)),
        counts,
        "{name}"
    );
    assert_eq!(summary.lines_of(code), lines, "{name}");
}

#[test]
fn a_quote_that_never_closes() {
    let run = with_file("open.csv", |file| {
        file.add(HEADER).add("c-1,Aster,USD\nc-2,\"Beryl,USD\n");
        file.fill("c-3,Citrine,USD\n", size(5, 1024) * MIB);
    });
    validated(&run, "open.csv")
        .code(3)
        .says("a closing quote is probably missing: everything from line 3 to ");
    rejects(&run, "open.csv", [2, 1], "malformed_row", &[3]);
}

#[test]
fn a_line_without_end() {
    let run = with_file("line.csv", |file| {
        file.add(HEADER).add("c-1,Aster,USD\nc-2,");
        file.fill("x", size(5, 500) * MIB)
            .add(",USD\nc-3,Citrine,USD\n");
    });
    validated(&run, "line.csv")
        .code(3)
        .says("the row is longer than 4 MiB");
    rejects(&run, "line.csv", [3, 1], "malformed_row", &[3]);
}

fn body(id: &str, more: &str) -> String {
    format!(r#"{{"clientId":"{id}","companyName":"Aster","currency":"USD"{more}"#)
}

#[test]
fn a_line_of_json_without_end() {
    let run = with_file("line.jsonl", |file| {
        file.add(body("c-1", "}\n"))
            .add(body("c-2", r#","note":""#));
        file.fill("x", size(5, 500) * MIB).add("\"}\n");
        file.add(body("c-3", "}\n"));
    });
    validated(&run, "line.jsonl")
        .code(3)
        .says("the row is longer than 4 MiB");
    rejects(&run, "line.jsonl", [3, 1], "malformed_row", &[2]);
}

#[test]
fn a_header_of_very_many_columns() {
    let many = 16_000;
    let run = with_file("wide.csv", |file| {
        file.add("clientId,companyName,currency,");
        file.listed(many, |number| format!("x{number}"));
        file.add("\nc-1,Aster,USD").fill(",", many).add("\n");
    });
    validated(&run, "wide.csv")
        .code(0)
        .says("16,000 columns that feed no field");
}

#[test]
fn a_row_of_a_million_cells() {
    let run = with_file("cells.csv", |file| {
        file.add(HEADER).add("c-1,Aster,USD\n");
        file.listed(1_000_000, |_| "x".to_owned());
        file.add("\nc-3,Citrine,USD\n");
    });
    validated(&run, "cells.csv")
        .code(3)
        .says("the row has more than 16384 cells");
    rejects(&run, "cells.csv", [3, 1], "malformed_row", &[3]);
}

#[test]
fn a_million_members() {
    let run = with_file("members.jsonl", |file| {
        file.add(body("c-1", "}\n")).add(body("c-2", ","));
        file.listed(1_000_000, |number| format!(r#""m{number}":1"#));
        file.add("}\n").add(body("c-3", "}\n"));
    });
    validated(&run, "members.jsonl")
        .code(3)
        .says("the row is longer than 4 MiB");
    rejects(&run, "members.jsonl", [3, 1], "malformed_row", &[2]);
}

/// As many as a row of 4 MiB holds: all are read, few are kept.
#[test]
fn members_up_to_the_longest_row() {
    let run = with_file("members.jsonl", |file| {
        // The second row finds the columns that are kept full.
        for (row, name, members) in [("c-1", "a", 360_000), ("c-2", "b", 1000)] {
            file.add(body(row, ","));
            file.listed(members, |number| format!(r#""{name}{number:x}":1"#));
            file.add("}\n");
        }
    });
    validated(&run, "members.jsonl")
        .code(0)
        .says("members.jsonl has more than 300 columns that feed no field");
}

#[test]
fn json_that_is_nested_without_end() {
    let deep = 100_000;
    let run = with_file("deep.jsonl", |file| {
        file.add(body("c-1", "}\n"));
        for (id, open, close) in [
            ("c-2", "[", "]"),
            ("c-3", r#"{"a":"#, "}"),
            ("c-4", "[", ""),
        ] {
            file.add(body(id, r#","deep":"#));
            file.add(open.repeat(deep)).add("1").add(close.repeat(deep));
            file.add("}\n");
        }
        file.add(body("c-5", "}\n"));
    });
    validated(&run, "deep.jsonl")
        .code(3)
        .says("wanted , or ] here");
    rejects(&run, "deep.jsonl", [5, 1], "malformed_row", &[4]);
}

#[test]
fn nothing_but_nul() {
    let run = with_file("nul.csv", |file| {
        file.fill("\0", size(5, 1024) * MIB);
    });
    validated(&run, "nul.csv").refuses(1, &["nul.csv is a binary file"]);
}

/// After the bytes that are read to detect the type of a file.
#[test]
fn nul_in_the_midst_of_rows() {
    let run = with_file("nul.csv", |file| {
        file.add(rows(10_000)).add("c-x,As\0ter,USD\n");
        file.fill("\0", MIB).add("\n");
        file.fill("\0", size(5, 500) * MIB).add("\n");
    });
    validated(&run, "nul.csv")
        .code(3)
        .says("holds the control character U+0000");
    let problems = run.text("nul.csv.results/problems.csv");
    assert!(problems.contains("the row is longer than 4 MiB"));
    rejects(
        &run,
        "nul.csv",
        [10_003, 3],
        "malformed_row",
        &[10_003, 10_004],
    );
    assert_eq!(run.summary("nul.csv").lines_of("invalid_value"), [10_002]);
}

/// A file of a few MB that would be a thousand times as large.
///
/// Deflate's fixed codes (RFC 1951 §3.2.6): a letter, and then "the last byte,
/// 258 times more" again and again, which are thirteen bits.
fn bomb() -> Vec<u8> {
    let mut bits = vec![1, 1, 0];
    let code = |bits: &mut Vec<u8>, value: u32, length: u32| {
        bits.extend((0..length).rev().map(|bit| u8::from(value >> bit & 1 == 1)));
    };
    code(&mut bits, 0x30 + u32::from(b'x'), 8);
    for _ in 0..size(50_000, 8_000_000) {
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let packed = bits.chunks(8).map(|byte| {
        let bits = byte.iter().zip(0..);
        bits.fold(0, |byte, (bit, place)| byte | bit << place)
    });
    head.into_iter().chain(packed).chain([0; 8]).collect()
}

/// It is unpacked without being held, and its checksum is wrong.
#[test]
fn a_gzip_bomb() {
    for name in ["bomb.csv.gz", "bomb.csv"] {
        let run = with_file(name, |file| {
            file.add(bomb());
        });
        validated(&run, name)
            .refuses(1, &[name, "is compressed with gzip", "it is damaged"])
            .hints("gzip -t FILE");
    }
}

#[test]
fn nothing_but_quotes() {
    // As many as a header may have: closed, or left open.
    for (quotes, sentence) in [
        (4_000_000, "has no column for clientId"),
        (4_000_001, "a quote is opened and never closed"),
    ] {
        let run = with_file("quotes.csv", |file| {
            file.fill("\"", quotes);
        });
        validated(&run, "quotes.csv").refuses(1, &["quotes.csv", sentence]);
    }
}

#[test]
fn nothing_but_line_ends() {
    for end in ["\n", "\r", "\r\n"] {
        let run = with_file("ends.csv", |file| {
            file.fill(end, size(200_000, 100_000_000));
        });
        validated(&run, "ends.csv").refuses(1, &["ends.csv is empty"]);
    }
    let run = with_file("ends.csv", |file| {
        file.add(HEADER).fill("\r\n", size(100_000, 10_000_000));
    });
    validated(&run, "ends.csv").code(0).says("blank rows");
    let summary = run.summary("ends.csv");
    assert_eq!(summary.rows("skipped"), summary.rows("read"));
}

#[test]
fn lines_that_end_in_cr_alone() {
    let many = size(20_000, 2_000_000);
    let run = with_file("old.csv", |file| {
        file.add(HEADER.replace('\n', "\r"));
        for number in 1..=many {
            file.add(format!("c-{number},\"As\rter\",USD\r"));
        }
        file.add("c-1,,Euro");
    });
    validated(&run, "old.csv").code(3);
    rejects(
        &run,
        "old.csv",
        [many + 1, 1],
        "missing_field",
        &[2 + 2 * many],
    );

    let run = with_file("old.jsonl", |file| {
        file.add(body("c-1", "}\r")).add(body("c-2", "}\r"));
    });
    validated(&run, "old.jsonl").code(0);
}

#[test]
fn a_byte_order_mark_in_the_middle() {
    let run = with_file("mark.csv", |file| {
        file.add("\u{feff}").add(HEADER).add("c-1,Aster,USD\n");
        file.add("\u{feff}c-2,Beryl,USD\n");
        file.add("c-3,\u{feff}Citrine,USD\n");
    });
    validated(&run, "mark.csv")
        .code(3)
        .says(r#"clientId "\u{feff}c-2" has blanks around it"#);
    rejects(&run, "mark.csv", [3, 1], "invalid_value", &[3]);
    assert_eq!(run.summary("mark.csv").lines_of("corrected"), [4]);

    let run = with_file("mark.jsonl", |file| {
        file.add("\u{feff}").add(body("c-1", "}\n"));
        file.add("\u{feff}").add(body("c-2", "}\n"));
    });
    validated(&run, "mark.jsonl").code(3).says("not JSON");
    rejects(&run, "mark.jsonl", [2, 1], "malformed_row", &[2]);
}

fn cut(run: &Run, bytes: u64) {
    let file = File::options().write(true).open(run.path("in.csv"));
    file.unwrap().set_len(bytes).unwrap();
}

fn changed(ended: EndedRun, run: &Run) {
    ended.refuses(1, &["in.csv was changed while it was being read"]);
    assert!(!run.exists("in.csv.results/summary.json"));
}

/// Whether a thread of it waits in a system call whose name contains `word`.
fn waits(running: &crate::common::Running, word: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", running.id()));
    threads.is_ok_and(|threads| {
        threads.flatten().any(|thread| {
            std::fs::read_to_string(thread.path().join("wchan"))
                .is_ok_and(|place| place.contains(word))
        })
    })
}

/// A check that has read all of the input and waits in the second pass, where it prints
/// each rejected row: its output is not read.
fn held_in_the_second_pass(run: &Run) -> crate::common::Running {
    let running = run.start("validate in.csv -v");
    until("what it says is not taken any more", || {
        waits(&running, "pipe")
    });
    running
}

#[test]
fn shorter_while_it_is_read_again() {
    let run = with_file("in.csv", |file| {
        file.add(rows(20_000)).add("c-x,,USD\n");
        for number in 20_000..80_000 {
            file.add(format!("d-{number},,USD\n"));
        }
    });
    let running = held_in_the_second_pass(&run);
    cut(&run, 600_000);
    changed(running.end(), &run);
}

/// An endless row that begins with `start` and continues with `filler` is rejected, and the
/// rows around it are not.
fn is_let_go(start: &str, filler: &str) {
    let run = with_file("long.csv", |file| {
        file.add(HEADER).add("c-1,Aster,USD\n").add(start);
        file.fill(filler, size(5, 1024) * MIB)
            .add("\nc-3,Citrine,USD\n");
    });
    validated(&run, "long.csv")
        .code(3)
        .says("the row is longer than 4 MiB");
    rejects(&run, "long.csv", [3, 1], "malformed_row", &[3]);
}

/// All pieces that are read end where a cell ends.
#[test]
fn a_row_of_nothing_but_delimiters() {
    is_let_go("", ",");
}

#[test]
fn a_cell_of_nothing_but_doubled_quotes() {
    is_let_go("", "\"");
}

#[test]
fn blanks_without_end_behind_a_closing_quote() {
    is_let_go("\"c-2\"", " ");
}

/// Whether a row is too long must not depend on where the pieces end in which the file is
/// read.
#[test]
fn a_row_just_beyond_the_longest() {
    for before in [0, 100, 5000] {
        let run = with_file("long.csv", |file| {
            file.add(HEADER);
            for number in 0..before {
                file.add(format!("c-{number},Aster,USD\n"));
            }
            file.add("c-x,").fill("x", 4 * MIB).add(",USD\n");
        });
        validated(&run, "long.csv")
            .code(3)
            .says("the row is longer than 4 MiB");
        let line = before + 2;
        rejects(&run, "long.csv", [before + 1, 1], "malformed_row", &[line]);
    }
}

#[test]
fn a_header_of_a_million_columns() {
    let run = with_file("wide.csv", |file| {
        file.add("clientId,companyName,currency,");
        file.listed(1_000_000, |_| "x".to_owned());
        file.add("\nc-1,Aster,USD").fill(",", 1_000_000).add("\n");
    });
    validated(&run, "wide.csv").refuses(1, &["wide.csv, line 1", "more than 16384 cells"]);
}

#[test]
fn a_header_without_end() {
    let run = with_file("header.csv", |file| {
        file.add("clientId,companyName,currency,");
        file.fill("x", 5 * MIB).add("\nc-1,Aster,USD,\n");
    });
    validated(&run, "header.csv").refuses(1, &["header.csv, line 1", "longer than 4 MiB"]);
}

#[test]
fn a_header_with_a_quote_that_never_closes() {
    let run = with_file("header.csv", |file| {
        file.add("clientId,companyName,\"currency\n").add(rows(10));
    });
    validated(&run, "header.csv").refuses(
        1,
        &["header.csv, line 1", "a quote is opened and never closed"],
    );
}

/// A row has at most 4 MiB, and may name an id two million times in them.
#[test]
fn one_plan_named_without_end() {
    let run = with_file("plans.csv", |file| {
        file.add("clientId,companyName,currency,planIds\nc-1,Aster,USD,");
        file.fill("x;", 4_000_000).add("\n");
    });
    validated(&run, "plans.csv");
    assert!(run.bytes("plans.csv.results/problems.csv").len() < 1_000_000);
}

#[test]
fn an_input_that_changed_is_no_want_of_room() {
    let run = with_file("in.csv", |file| {
        file.add(rows(1000));
        for number in 0..5000 {
            file.add(format!("d-{number},,USD\n"));
        }
    });
    let running = held_in_the_second_pass(&run);
    cut(&run, 10_000);
    running
        .end()
        .keeps_to_itself("checkpoint")
        .hints("let it be finished first");
}
