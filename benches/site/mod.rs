//! What the benchmarks stand on: rows, a sandbox in a process of its own, and
//! imports into it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};
use tempfile::TempDir;

/// A folder with an input of so many rows.
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

    /// Creates a second from one import by `binary`, into an empty sandbox that
    /// the ordinary build serves.
    pub(crate) fn import(&self, binary: &Path) -> f64 {
        let dir = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let sandbox = Sandbox::start(dir.path());
        let rows = self.folder.path().join("rows.jsonl");
        let ended = Command::new(binary)
            .arg("import")
            .arg(&rows)
            .args(["--base-url", &sandbox.url, "--rate", "unlimited"])
            .args(["--concurrency", "64", "--json", "--quiet"])
            .arg("--checkpoint")
            .arg(dir.path().join("run.db"))
            .arg("--out")
            .arg(dir.path().join("results"))
            .env("KABLE_CLIENT_ID", CLIENT_ID)
            .env("KABLE_CLIENT_SECRET", CLIENT_SECRET)
            .stderr(Stdio::inherit())
            .output()
            .expect("an import");
        assert!(ended.status.success(), "the import failed");
        let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("a summary");
        let created = summary["outcomes"]["created"].as_f64().expect("a count");
        let seconds = summary["elapsed_seconds"].as_f64().expect("a time");
        created / seconds
    }
}

/// A sandbox in a process of its own; it goes with the value.
struct Sandbox {
    child: Child,
    url: String,
}

impl Sandbox {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kable-bulk"))
            .args(["sandbox", "--port", "0"])
            .arg(folder.join("sandbox.db"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a sandbox");
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

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The program built with a feature, in a target folder of its own.
pub(crate) fn built_with(feature: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target").join(feature);
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--features", feature])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .status()
        .expect("cargo");
    assert!(built.success(), "the build with {feature} failed");
    target.join("release").join("kable-bulk")
}

/// The value in the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
