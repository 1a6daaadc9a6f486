//! What the benchmarks share: rows, a server in a process of its own, and imports into it.

pub(crate) mod bare_server;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};
use tempfile::TempDir;
use tokio::time::Instant;

/// The role in which a benchmark is that server.
pub(crate) const SERVER: &str = "server";

/// A folder with an input of this many rows.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// JSONL rows of about 350 bytes.
    pub(crate) fn with_rows(rows: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut text = String::new();
        for row in 1..=rows {
            writeln!(
                text,
                r#"{{"clientId":"acct-{row:09}","companyName":"Company number {row} of them all","currency":"USD","billingContact":{{"firstName":"Ada","lastName":"Number {row}","email":"ap+{row}@company.example","phone":"+1 555 {row:07}","addressLine1":"{row} Long Street","city":"Springfield","state":"IL","postalCode":"62701","country":"US"}}}}"#
            )
            .expect("a string can be written to");
        }
        std::fs::write(folder.path().join("rows.jsonl"), text).expect("the rows");
        Self { folder }
    }

    /// One import by `binary` into a server that keeps nothing. Its checkpoint is a new file, unless another one
    /// is given. The time is that of the whole command, from its start to its end.
    pub(crate) fn import(&self, binary: &Path, checkpoint: Option<&str>) -> Load {
        self.serve(|place| {
            let file = place.folder.join("run.db");
            let mut command = Command::new(binary);
            command
                .arg("import")
                .arg(place.rows)
                .args(["--base-url", place.url, "--rate", "unlimited"])
                .args(["--concurrency", "64", "--json", "--quiet"])
                .arg("--checkpoint")
                .arg(checkpoint.map_or(file.as_path(), Path::new))
                .arg("--out")
                .arg(place.folder.join("results"))
                .env("KABLE_CLIENT_ID", CLIENT_ID)
                .env("KABLE_CLIENT_SECRET", CLIENT_SECRET);
            let began = Instant::now();
            let load = measured(&mut command, |said| {
                let summary: serde_json::Value = serde_json::from_str(said).expect("a summary");
                summary["outcomes"]["created"].as_f64().expect("a count")
            });
            Load {
                a_second: load.a_second / began.elapsed().as_secs_f64(),
                ..load
            }
        })
    }

    /// Puts a load on a server that has no customers.
    pub(crate) fn serve(&self, load: impl FnOnce(&Place<'_>) -> Load) -> Load {
        let folder = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let server = Server::start();
        load(&Place {
            url: &server.url,
            rows: &self.folder.path().join("rows.jsonl"),
            folder: folder.path(),
        })
    }
}

/// The target of a load, and its input.
pub(crate) struct Place<'p> {
    pub(crate) url: &'p str,
    pub(crate) rows: &'p Path,
    pub(crate) folder: &'p Path,
}

/// The results of a program, and its cost.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) a_second: f64,
    /// User and system, the whole program's.
    pub(crate) processor_seconds: f64,
    pub(crate) peak_mib: f64,
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>6.0}/s {:>5.2} processor seconds {:>5.1} MiB",
            self.a_second, self.processor_seconds, self.peak_mib
        )
    }
}

/// Runs a program; `read` parses from its output how many it did a second.
pub(crate) fn measured(command: &mut Command, read: impl FnOnce(&str) -> f64) -> Load {
    let before = processor_seconds_of_ended_children();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a program");
    let status = format!("/proc/{}/status", child.id());
    let mut stdout = child.stdout.take().expect("its words");
    let listening = std::thread::spawn(move || std::io::read_to_string(&mut stdout));
    let mut peak_kib = 0.0_f64;
    let ended = loop {
        // The kernel keeps the peak; only the last moments are not sampled.
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or_default());
        match child.try_wait().expect("its end") {
            Some(ended) => break ended,
            #[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    // 3 is a check that found rows to correct.
    assert!(matches!(ended.code(), Some(0 | 3)), "{command:?} failed");
    let said = listening.join().expect("a thread").expect("text");
    Load {
        a_second: read(&said),
        processor_seconds: processor_seconds_of_ended_children() - before,
        peak_mib: peak_kib / 1024.0,
    }
}

/// From Linux's own count (proc(5), "cutime" and "cstime"); 0 elsewhere.
fn processor_seconds_of_ended_children() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(13).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS_A_SECOND
}

/// A server in a process of its own, stopped when the value is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let command = command.arg(SERVER).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a server");
        let stdout = child.stdout.take().expect("its words");
        let line = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("--base-url "))
            .expect("its address");
        let url = line.split_whitespace().last().expect("an address");
        Self {
            url: url.to_owned(),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The median of every figure.
pub(crate) fn medians(loads: &[Load]) -> Load {
    let median = |figure: fn(&Load) -> f64| {
        let mut values: Vec<f64> = loads.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Load {
        a_second: median(|load| load.a_second),
        processor_seconds: median(|load| load.processor_seconds),
        peak_mib: median(|load| load.peak_mib),
    }
}
