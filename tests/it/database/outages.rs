//! A connection that drops, a commit whose answer is lost, a server that crashes: nothing is
//! lost, nothing is done twice.

use kable_bulk::sandbox::http::routes::Call;

use super::{DatabaseCheckpoint, address};
use crate::common::postgres_proxy::PostgresProxy;
use crate::common::postgres_server::PostgresServer;
use crate::common::{Run, Running, customers_of_csv, rows, rows_from, until};

/// A checkpoint behind a proxy, and a run with it.
struct Proxied {
    database: DatabaseCheckpoint,
    proxy: PostgresProxy,
    run: Run,
}

impl Proxied {
    fn new(many: usize) -> Option<Self> {
        let database = DatabaseCheckpoint::new()?;
        let proxy = PostgresProxy::before(database.server.port());
        let run = Run::new()
            .env("KABLE_BULK_CHECKPOINT", &database.address_at(proxy.port()))
            .server(&[])
            .input("in.csv", rows(many));
        Some(Self {
            database,
            proxy,
            run,
        })
    }

    /// An import that is under way.
    fn begun(&self) -> Running {
        let running = self.run.start_import("in.csv --rate 100/s --timeout 1s");
        until("some creates", || self.run.counts().of(Call::Create) >= 10);
        running
    }

    /// The lease of every worker has ended.
    fn lease_ends(&self) {
        until("the end of the lease", || {
            let live = "SELECT count(*) FROM kb.worker
                WHERE state = 'live' AND expires > clock_timestamp()";
            self.database.sql(live) == "0"
        });
    }

    /// Every customer was created once, by one create.
    fn came_right(&self, many: usize) {
        self.run.holds(&customers_of_csv(&rows(many)));
        assert_eq!(self.run.counts().of(Call::Create), many as u64);
        assert_eq!(self.run.creates_in_vain(), 0);
        // A row in doubt counts as found if it was created in the run's first second.
        let summary = self.run.summary("in.csv");
        let well = summary.outcome("created") + summary.outcome("already_existed");
        assert_eq!(well, many as u64, "{:#}", summary.0);
        assert_eq!(self.run.results("in.csv").len(), many);
    }
}

#[test]
fn commits_and_their_answers_are_lost_and_found_out() {
    let Some(proxied) = Proxied::new(400) else {
        return;
    };
    proxied.proxy.lose_commits(3);
    proxied
        .run
        .import("in.csv --concurrency 4 --timeout 1s")
        .code(0);
    assert!(proxied.proxy.lost() >= 4, "{}", proxied.proxy.lost());
    proxied.came_right(400);
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_taken_up_again() {
    let Some(proxied) = Proxied::new(150) else {
        return;
    };
    let mut running = proxied.begun();
    let mut cuts = 0;
    until("its end", || {
        proxied.proxy.cut();
        cuts += 1;
        // Enough for a batch to come through.
        let created = proxied.run.counts().of(Call::Create);
        until("some creates more", || {
            proxied.run.counts().of(Call::Create) > created || !running.runs()
        });
        !running.runs()
    });
    running.end().code(0);
    assert!(cuts > 5, "{cuts}");
    proxied.came_right(150);
}

#[test]
fn a_database_that_is_gone_for_longer_than_the_lease_is_waited_for() {
    let Some(proxied) = Proxied::new(100) else {
        return;
    };
    let running = proxied.begun();
    proxied.proxy.down();
    proxied.lease_ends();
    proxied.proxy.up();
    running
        .end()
        .code(0)
        .says("the checkpoint's database can't be reached")
        .says("the checkpoint's database is back");
    proxied.came_right(100);
}

#[test]
fn one_that_was_taken_for_dead_writes_nothing_more() {
    let Some(proxied) = Proxied::new(100) else {
        return;
    };
    let running = proxied.begun();
    proxied.proxy.down();
    proxied.lease_ends();
    proxied.database.bury();
    let direct = format!(
        "in.csv --out other.results --checkpoint {}",
        proxied.database.address()
    );
    proxied.run.import(&direct).code(0);
    proxied.proxy.up();
    running
        .end()
        .code(1)
        .says("others took over its work")
        .says("hint: run the same command again");
    proxied.run.import("in.csv").code(0);
    proxied.came_right(100);
}

#[test]
fn ctrl_c_ends_a_run_whose_database_is_gone() {
    let Some(proxied) = Proxied::new(200) else {
        return;
    };
    let running = proxied.begun();
    proxied.proxy.down();
    running.signal("INT");
    running
        .end()
        .code(1)
        .says("the checkpoint's database can't be reached")
        .says("hint: ");
    proxied.proxy.up();
    proxied.database.bury();
    proxied.run.import("in.csv").code(0);
    proxied.came_right(200);
}

#[test]
fn a_server_that_crashes_in_mid_run_is_waited_for() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let run = Run::new()
        .env(
            "KABLE_BULK_CHECKPOINT",
            &address("kable", server.port(), "crashed"),
        )
        .server(&[])
        .input("in.csv", rows(150));
    let running = run.start_import("in.csv --rate 100/s");
    for goal in [10, 60] {
        until("some creates", || run.counts().of(Call::Create) >= goal);
        server.crash();
    }
    running.end().code(0);
    run.holds(&customers_of_csv(&rows(150)));
    assert_eq!(run.counts().of(Call::Create), 150);
    assert_eq!(run.creates_in_vain(), 0);
    run.summary("in.csv").outcomes(&[("created", 150)]);
}

/// As after a failover to a standby that lags, or a restored backup.
#[test]
fn commits_that_were_acknowledged_and_are_gone_stop_the_run() {
    let Some(proxied) = Proxied::new(200) else {
        return;
    };
    let running = proxied.begun();
    proxied.database.sql(
        "WITH lost AS (UPDATE kb.worker SET batch = batch - 2)
            DELETE FROM kb.customer WHERE id > 3 AND outcome = 'created'",
    );
    running
        .end()
        .code(1)
        .says("lost what its database had acknowledged")
        .says("hint: run the same command again: it looks every customer up");
    let lost = proxied.run.held().len();
    assert!((10..200).contains(&lost), "{lost}");
    // The customers whose claims are gone are looked up before a create is sent.
    proxied.run.import("in.csv").code(0);
    proxied.came_right(200);
}

/// A run that fails drops its checkpoint in the middle of its tasks.
#[test]
fn a_run_whose_input_is_rewritten_ends_with_its_message_and_gives_its_lease_up() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    // Wide, so that little is read ahead.
    let wide = |text: &str| {
        let lines = text.lines().enumerate().map(|(number, line)| match number {
            0 => format!("{line},note\n"),
            _ => format!("{line},{}\n", "x".repeat(3000)),
        });
        lines.collect::<String>()
    };
    let input = wide(&rows(300));
    let run = database.run().server(&[]).input("in.csv", &input);
    let running = run.start_import("in.csv --rate 100/s");
    until("some creates", || run.counts().of(Call::Create) >= 5);
    run.write("in.csv", wide(&rows_from(2, 301)));
    running
        .end()
        .refuses(1, &["in.csv was changed while it was being read"])
        .hints("run the same command again");
    let left = "SELECT string_agg(state, ' ') FROM kb.worker";
    assert_eq!(database.sql(left), "left");
    run.write("in.csv", input);
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(300)));
    assert_eq!(run.creates_in_vain(), 0);
}
