//! Several processes on one import, over a real PostgreSQL and the sandbox.
//!
//! - `chaos.rs`: killed, frozen and cut off at any moment
//! - `failover.rs`: a standby takes over that lacks the latest commits
//! - `together.rs`: who may join, who is refused, and what stops all
//! - `pace.rs`: one rate, one pause and one outage for all
//! - `proxy.rs`: a proxy before the database that delays and cuts

mod chaos;
mod failover;
mod pace;
mod proxy;
mod together;

use std::fs::File;
use std::process::{Child, ExitStatus, Stdio};

use kable_bulk::sandbox::settings::Settings;

use crate::common::postgres_server::PostgresServer;
use crate::common::{Run, Running, rows, until};

/// An import that several processes work on.
struct SharedImport {
    run: Run,
    server: &'static PostgresServer,
    address: String,
    lease: &'static str,
}

impl SharedImport {
    /// An import of `many` rows with the server that the tests share; `None` if none is
    /// installed.
    fn of(many: usize, faults: &[&str]) -> Option<Self> {
        Self::with(many, faults, |_| {})
    }

    fn with(many: usize, faults: &[&str], change: impl FnOnce(&mut Settings)) -> Option<Self> {
        let server = PostgresServer::shared()?;
        Some(Self {
            run: Run::new()
                .server_with(faults, change)
                .input("in.csv", rows(many)),
            server,
            address: server.address(),
            lease: "1s",
        })
    }

    /// The words of a worker whose results are in the folder `out`.
    fn line(&self, out: &str, more: &str) -> String {
        format!(
            "in.csv --checkpoint {}&lease={} --out {out} --timeout 1s {more}",
            self.address, self.lease
        )
    }

    /// Starts a worker whose results are in the folder `out`.
    fn start(&self, out: &str, more: &str) -> Running {
        self.run.start_import(&self.line(out, more))
    }

    /// What `psql` says of a statement in which `kb` is the import's schema.
    fn query(&self, sql: &str) -> String {
        let schema = self.address.rsplit_once('=').unwrap().1;
        self.server
            .query(&sql.replace("kb.", &format!("{schema}.")))
    }

    /// How many workers are alive and at work.
    fn live(&self) -> usize {
        if self.query("SELECT to_regclass('kb.figures')").is_empty() {
            return 0;
        }
        let sql = "SELECT count(*) FROM kb.worker WHERE state = 'live' AND run IS NOT NULL";
        self.query(sql).parse().unwrap()
    }

    /// Waits until so many workers work on the run.
    fn until_live(&self, many: usize) {
        until("the workers have joined", || self.live() == many);
    }

    /// Waits until the sandbox holds so many customers.
    fn until_held(&self, many: usize) {
        until("some customers", || self.run.held().len() >= many);
    }
}

/// A worker whose output goes to a file, so that no pipe has to be read meanwhile.
struct Worker {
    child: Child,
    /// Whether SIGSTOP has frozen it.
    is_frozen: bool,
}

impl Worker {
    /// Starts `kable-bulk` with the words of `line`, and adds its messages to `told`.
    fn start(run: &Run, line: &str, told: &str) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(run.path(told))
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let child = run
            .command(&words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            child,
            is_frozen: false,
        }
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Freezes it, or lets it go on.
    fn freeze(&mut self, is_frozen: bool) {
        let signal = if is_frozen { "-STOP" } else { "-CONT" };
        let sent = std::process::Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        self.is_frozen = is_frozen;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
