//! The tables of the test of the model, on the server and in the model, as the same text.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::time::Duration;

use super::session::DatabaseSession;
use super::timeline::{self, TimelineGuard};
use crate::ledger::Batch;
use crate::ledger::conformance::shared_database::{SharedRules, SimulatedDatabase, SimulatedPlace};

pub(super) const LEASE: Duration = Duration::from_secs(8);
pub(super) const QUARANTINE: Duration = Duration::from_secs(15);
pub(super) const PARTS: u32 = 3;

/// Functions that hide those of the server: the test says what time it is.
pub(super) const CLOCK: &str = "
    CREATE FUNCTION kb.at(setting text) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT 'epoch'::timestamptz
            + pg_catalog.current_setting('kable_test.' || setting)::bigint * interval '1 microsecond'
    $$;
    CREATE FUNCTION kb.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        $$ SELECT kb.at('now') $$;
    CREATE FUNCTION kb.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        $$ SELECT kb.at('started') $$;
    CREATE FUNCTION kb.pg_walfile_name(at pg_lsn) RETURNS text LANGUAGE sql VOLATILE AS
        $$ SELECT lpad(pg_catalog.current_setting('kable_test.timeline'), 8, '0') || '0' $$";

/// Makes the tables of the standby, which gets no commits until it is told to.
pub(super) const STANDBY: &str = "
    CREATE TABLE kb.standby_account (LIKE kb.account);
    CREATE TABLE kb.standby_worker (LIKE kb.worker);
    CREATE TABLE kb.standby_run (LIKE kb.run);
    CREATE TABLE kb.standby_figures (LIKE kb.figures);
    CREATE TABLE kb.standby_part (LIKE kb.part);
    CREATE TABLE kb.standby_customer (LIKE kb.customer);
    CREATE TABLE kb.standby_pace (LIKE kb.pace)";

const FILL_STANDBY: &str = "
    TRUNCATE kb.standby_account, kb.standby_worker, kb.standby_run, kb.standby_figures,
        kb.standby_part, kb.standby_customer, kb.standby_pace;
    INSERT INTO kb.standby_account SELECT * FROM kb.account;
    INSERT INTO kb.standby_worker SELECT * FROM kb.worker;
    INSERT INTO kb.standby_run SELECT * FROM kb.run;
    INSERT INTO kb.standby_figures SELECT * FROM kb.figures;
    INSERT INTO kb.standby_part SELECT * FROM kb.part;
    INSERT INTO kb.standby_customer SELECT * FROM kb.customer;
    INSERT INTO kb.standby_pace SELECT * FROM kb.pace";

/// The standby takes over. Its sequences are not behind.
const FAIL_OVER: &str = "
    TRUNCATE kb.account, kb.worker, kb.run, kb.figures, kb.part, kb.customer, kb.pace;
    INSERT INTO kb.account SELECT * FROM kb.standby_account;
    INSERT INTO kb.worker OVERRIDING SYSTEM VALUE SELECT * FROM kb.standby_worker;
    INSERT INTO kb.run OVERRIDING SYSTEM VALUE SELECT * FROM kb.standby_run;
    INSERT INTO kb.figures SELECT * FROM kb.standby_figures;
    INSERT INTO kb.part SELECT * FROM kb.standby_part;
    INSERT INTO kb.customer SELECT * FROM kb.standby_customer;
    INSERT INTO kb.pace SELECT * FROM kb.standby_pace";

/// Forgets all that workers wrote.
pub(super) const EMPTY: &str = "
    TRUNCATE kb.worker, kb.run, kb.figures, kb.part, kb.customer RESTART IDENTITY;
    UPDATE kb.account SET gaps = false, timeline = 1, claims_after = NULL;
    UPDATE kb.pace SET next_us = 0, held_us = 0, probe_us = 0, seen_us = 0, outages = 0";

/// All that the model has as well, as text.
pub(super) const STATE: &str = "
    SELECT concat_ws(chr(10),
        (SELECT string_agg(concat_ws(' ', 'worker', id, coalesce(session, id), coalesce(run::text, '-'),
            state, (extract(epoch FROM beat) * 1000000)::bigint,
            (extract(epoch FROM expires) * 1000000)::bigint,
            coalesce((extract(epoch FROM gone) * 1000000)::bigint::text, '-'), batch),
            chr(10) ORDER BY id) FROM kb.worker),
        (SELECT string_agg(concat_ws(' ', 'customer', client_id, id, run, worker, doubt,
            coalesce(settled_run::text, '-'), coalesce(claimed_by::text, '-')),
            chr(10) ORDER BY client_id) FROM kb.customer),
        (SELECT string_agg(concat_ws(' ', 'part', no, coalesce(worker::text, '-'), done,
            CASE WHEN worker IS NULL THEN
                coalesce((extract(epoch FROM not_before) * 1000000)::bigint::text, '-') END),
            chr(10) ORDER BY no) FROM kb.part),
        (SELECT concat_ws(' ', 'pace', next_us, held_us, probe_us, outages) FROM kb.pace),
        (SELECT concat_ws(' ', 'account', timeline, gaps,
            coalesce((extract(epoch FROM claims_after) * 1000000)::bigint::text, '-')) FROM kb.account))";

/// A worker, as a process knows it.
#[derive(Debug, Clone)]
pub(super) struct KnownWorker {
    pub(super) place: SimulatedPlace,
    /// How many batches it wrote.
    pub(super) batches: i64,
    pub(super) last: Option<Batch>,
    pub(super) parts: HashSet<u32>,
    pub(super) outages: Option<i64>,
}

/// A history, in the database and in the model.
pub(super) struct TwoDatabases {
    pub(super) session: DatabaseSession,
    pub(super) model: SimulatedDatabase,
    /// As the model was when the standby got the last commit.
    pub(super) standby: Option<SimulatedDatabase>,
    pub(super) rng: fastrand::Rng,
    pub(super) now: Duration,
    pub(super) workers: Vec<KnownWorker>,
    /// What happened, for people.
    pub(super) told: Vec<String>,
    /// How often each kind of answer was given.
    pub(super) met: BTreeMap<String, u32>,
}

impl TwoDatabases {
    pub(super) async fn begin_again(&mut self, seed: u64) {
        self.session.execute_all(EMPTY).await.unwrap();
        self.model = SimulatedDatabase::new(rules());
        self.standby = None;
        self.set("kable_test.timeline", Duration::from_micros(1))
            .await;
        self.rng = fastrand::Rng::with_seed(seed);
        self.workers.clear();
        self.told = vec![format!("seed {seed}")];
        self.restart(Duration::ZERO).await;
        self.go_to(Duration::from_secs(100)).await;
    }

    pub(super) async fn set(&self, setting: &'static str, time: Duration) {
        let time = time.as_micros().to_string();
        self.session
            .query("SELECT set_config($1, $2, false)", &[&setting, &time])
            .await
            .unwrap();
    }

    pub(super) async fn go_to(&mut self, now: Duration) {
        self.now = now;
        self.set("kable_test.now", now).await;
    }

    pub(super) async fn restart(&mut self, at: Duration) {
        self.set("kable_test.started", at).await;
        self.model.restarted(at);
    }

    /// The standby takes over, if there is one; else it gets no more commits from now on.
    pub(super) async fn fail_over(&mut self) {
        let Some(standby) = self.standby.take() else {
            self.session.execute_all(FILL_STANDBY).await.unwrap();
            self.standby = Some(self.model.clone());
            return;
        };
        self.session.execute_all(FAIL_OVER).await.unwrap();
        self.model.failed_over(standby, false);
        let timeline = self.model.timeline().cast_unsigned();
        self.set("kable_test.timeline", Duration::from_micros(timeline))
            .await;
        self.restart(Duration::ZERO).await;
        let guard = TimelineGuard {
            others_wrote: true,
            requests_live: LEASE + QUARANTINE,
            own: None,
        };
        // Two workers connect again.
        for _ in 0..2 {
            timeline::note(&self.session, guard).await.unwrap();
            self.model.note_timeline(self.now, guard.requests_live);
        }
        self.same("failover", (), (&(), &()));
    }

    /// Notes what happened, and that both answered the same.
    pub(super) fn same<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        with: impl Debug,
        (real, model): (&T, &T),
    ) {
        let (now, text) = (self.now, format!("{model:?}"));
        self.told.push(format!("{now:?}: {what} {with:?}: {text}"));
        assert_eq!(real, model, "{}", self.told.join("\n"));
        let kind: Vec<&str> = text
            .split('(')
            .take(2 + usize::from(text.starts_with('(')))
            .collect();
        let kind = kind.join("(");
        let kind = kind.split([' ', ',', ')', '{']).next().unwrap();
        *self.met.entry(format!("{what}: {kind}")).or_insert(0) += 1;
    }

    pub(super) async fn assert_same_tables(&self) {
        let row = self.session.query_row(STATE, &[]).await.unwrap();
        let real: String = row.try_get(0).unwrap();
        let model = state_of(&self.model);
        assert_eq!(real, model, "{}", self.told.join("\n"));
    }
}

pub(super) fn rules() -> SharedRules {
    SharedRules {
        parts: PARTS,
        lease: LEASE,
        quarantine: QUARANTINE,
        fences: true,
        delays_claims: true,
        doubts_gaps: true,
    }
}

/// The model's tables, as [`STATE`] shows those of the server.
pub(super) fn state_of(model: &SimulatedDatabase) -> String {
    let optional = |number: Option<i64>| number.map_or("-".to_owned(), |one| one.to_string());
    let mut lines = Vec::new();
    for (id, one) in &model.workers {
        let (session, run, state) = (one.session, optional(one.run), one.state.name());
        let times = [Some(one.beat), Some(one.expires), one.gone]
            .map(shown)
            .join(" ");
        lines.push(format!(
            "worker {id} {session} {run} {state} {times} {}",
            one.batch
        ));
    }
    for (row, one) in &model.customers {
        let (settled, by) = (optional(one.settled_run), optional(one.claimed_by));
        let (id, run, worker, doubt) = (one.id, one.run, one.worker, one.doubt);
        lines.push(format!(
            "customer {row} {id} {run} {worker} {doubt} {settled} {by}"
        ));
    }
    for (no, one) in model.parts.iter().enumerate() {
        let done = if one.is_done { "t" } else { "f" };
        let free = one
            .worker
            .is_none()
            .then(|| format!(" {}", shown(one.not_before)));
        let worker = optional(one.worker);
        lines.push(format!(
            "part {no} {worker} {done}{}",
            free.unwrap_or_default()
        ));
    }
    let pace = &model.pace;
    let times = [pace.next, pace.held, pace.probe].map(|time| time.as_micros().to_string());
    lines.push(format!("pace {} {}", times.join(" "), pace.outages));
    let account = &model.account;
    let gaps = if account.gaps { "t" } else { "f" };
    let after = shown(account.claims_after);
    lines.push(format!("account {} {gaps} {after}", account.timeline));
    lines.join("\n")
}

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.as_micros().to_string())
}
