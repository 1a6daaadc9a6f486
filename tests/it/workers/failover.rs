//! A standby that lags takes the database over: customers whose claims it lacks are not
//! created again, by any worker.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::postgres_server::PostgresServer;
use crate::common::{Run, customers_of_csv, rows, until};

const ROWS: usize = 500;

#[test]
fn customers_whose_claims_are_gone_are_looked_up_by_all() {
    let Some(primary) = PostgresServer::start() else {
        return;
    };
    let standby = primary.standby();
    let run = Run::new().server(&[]).input("in.csv", rows(ROWS));
    let ports = (primary.port(), standby.port());
    let line = |out: &str| {
        format!(
            "in.csv --checkpoint postgres://kable@127.0.0.1:{},127.0.0.1:{}/postgres?\
             schema=kable&lease=1s&target_session_attrs=read-write \
             --out {out} --rate 200/s --timeout 1s",
            ports.0, ports.1
        )
    };
    let created_by = |many: u64| {
        until("some creates", || run.counts().of(Call::Create) >= many);
    };
    let workers = ["one", "two"].map(|out| {
        let worker = run.start_import(&line(out));
        created_by(10);
        worker
    });
    standby.lag();
    // Those of these are gone later.
    created_by(run.counts().of(Call::Create) + 100);
    drop(primary);
    standby.promote();
    // One that comes before the others know takes over parts that are free by now.
    let third = run.start_import(&line("three"));
    for worker in workers {
        worker
            .end()
            .code(1)
            .says("lost what its database had acknowledged");
    }
    third.end().code(0);
    run.holds(&customers_of_csv(&rows(ROWS)));
    assert_eq!(run.counts().of(Call::Create), ROWS as u64);
    assert_eq!(run.creates_in_vain(), 0);
}
