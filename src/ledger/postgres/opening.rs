//! Opens a checkpoint in a PostgreSQL database: to read it, to plan, or as a worker that writes.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::Mutex;

use super::address::DatabaseAddress;
use super::connection::Connection;
use super::format::{self, FORMAT, SchemaKind};
use super::keeper::{Keeper, Kept};
use super::lease::{self, NewWorker, Registration, WorkerPlace};
use super::open_ledger::{LOOK_AGAIN, PostgresLedger, WriterState};
use super::pages::ReadAhead;
use super::timeline::MAY_LACK;
use crate::domain::summary::TargetAccount;
use crate::ledger::workers::LeaseDeadline;
use crate::ledger::{LedgerError, account_of};

/// How much longer than its time-out a request may live in the network.
const MARGIN: Duration = Duration::from_secs(5);

/// A process that is to write a checkpoint.
pub struct WorkerSettings<'a> {
    /// The account that it sends to.
    pub target: &'a TargetAccount,
    /// The local clock, in Unix milliseconds.
    pub now_ms: i64,
    /// Whether other workers may join it, and it may join others.
    pub shares: bool,
    /// The machine's name, and the process's number, for people.
    pub host: (String, u32),
    /// The longest time that a request waits for its response.
    pub timeout: Duration,
    /// A clock that is never set, and that goes on while the machine sleeps.
    pub clock: fn() -> Duration,
    /// Is told what it waits for.
    pub says: &'a dyn Fn(&str),
    /// Whether it should give up waiting.
    pub is_stopped: &'a dyn Fn() -> bool,
}

impl Debug for WorkerSettings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerSettings").finish_non_exhaustive()
    }
}

impl PostgresLedger {
    /// Opens the checkpoint at `address` for a worker, or makes it.
    pub fn open(
        address: DatabaseAddress,
        settings: &WorkerSettings<'_>,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Self::connected(address)?;
        let (target, now_ms) = (settings.target.clone(), settings.now_ms);
        let schema = ledger.connection.address.schema().to_owned();
        ledger.read(format::ensure_server)?;
        if ledger.schema_kind()? == SchemaKind::Empty {
            ledger.connection.run("create", async |session, _| {
                format::create(session, &schema, &target, now_ms).await
            })?;
        }
        let format = ledger.identify()?;
        ledger.ensure_account(settings.target)?;
        if format < FORMAT {
            ledger.connection.run("upgrade", async |session, _| {
                format::upgrade(session, &schema).await
            })?;
        }
        let requests_live = ledger.connection.address.lease() + settings.timeout + MARGIN;
        if ledger.connection.guard(requests_live)? {
            (settings.says)(&format!("warning: {MAY_LACK}"));
        }
        let place = ledger.register(settings)?;
        let kept = Arc::new(Kept {
            worker: (place.id, place.nonce),
            deadline: Arc::new(LeaseDeadline::new(settings.clock)),
            acknowledged: AtomicI64::new(0),
            observer: Mutex::default(),
            shares: settings.shares,
            requests_live,
        });
        // From here on nothing but this worker writes, unless it shares.
        ledger.connection.keep(Arc::clone(&kept));
        let address = ledger.connection.address.clone();
        let keeper = Keeper::start(address, Some(Arc::clone(&kept)));
        let keeper = keeper.map_err(|error| {
            ledger.leave(place, false);
            ledger.keeper_error(error)
        })?;
        ledger.writer = Some(WriterState {
            keeper,
            kept,
            place,
            shares: settings.shares,
            run: 0,
            is_shared_run: false,
            is_first: !place.is_joined(),
            open: HashSet::new(),
            parts: HashSet::new(),
        });
        Ok(ledger)
    }

    /// Opens the checkpoint at `address` for reading, also while workers write to it.
    pub fn open_to_read(address: DatabaseAddress) -> Result<Self, LedgerError> {
        let mut ledger = Self::connected(address)?;
        ledger.identify()?;
        Ok(ledger)
    }

    /// Opens the checkpoint at `address` for reading, to plan a run against `target`.
    pub fn open_to_plan(
        address: DatabaseAddress,
        target: &TargetAccount,
    ) -> Result<Self, LedgerError> {
        let ledger = Self::open_to_read(address)?;
        ledger.ensure_account(target)?;
        Ok(ledger)
    }

    /// Whether there is a checkpoint at `address`.
    pub fn is_there(address: DatabaseAddress) -> Result<bool, LedgerError> {
        let mut ledger = Self::connected(address)?;
        Ok(ledger.schema_kind()? != SchemaKind::Empty)
    }

    pub(super) fn connected(address: DatabaseAddress) -> Result<Self, LedgerError> {
        Ok(Self {
            writer: None,
            connection: Connection::open(address)?,
            target: TargetAccount::default(),
            ahead: ReadAhead::default(),
        })
    }

    pub(super) fn schema_kind(&mut self) -> Result<SchemaKind, LedgerError> {
        let schema = self.connection.address.schema().to_owned();
        self.connection.run("read", async |session, _| {
            format::kind(session, &schema).await
        })
    }

    /// Reads whose checkpoint it is, and returns its format; an error if it is none.
    fn identify(&mut self) -> Result<i32, LedgerError> {
        let path = self.connection.path();
        match self.schema_kind()? {
            SchemaKind::Empty => Err(LedgerError::NotThere { path }),
            SchemaKind::Other => Err(LedgerError::NotALedger { path }),
            SchemaKind::Checkpoint { format, .. } if format > FORMAT => Err(LedgerError::Newer {
                path,
                found: i64::from(format),
                known: i64::from(FORMAT),
            }),
            SchemaKind::Checkpoint { target, format } => {
                self.target = target;
                Ok(format)
            }
        }
    }

    fn ensure_account(&self, given: &TargetAccount) -> Result<(), LedgerError> {
        if self.target == *given {
            return Ok(());
        }
        Err(LedgerError::OtherAccount {
            path: self.connection.path(),
            recorded: account_of(&self.target),
            given: account_of(given),
        })
    }

    /// Registers a worker, once nothing is in its way. Another one that is alive is in the
    /// way, and one that may be: it is waited for until it is heard from, or its lease ends.
    fn register(&mut self, settings: &WorkerSettings<'_>) -> Result<WorkerPlace, LedgerError> {
        let (host, process) = settings.host.clone();
        let worker = NewWorker {
            shares: settings.shares,
            host,
            process,
            lease: self.connection.address.lease(),
            quarantine: settings.timeout + MARGIN,
            nonce: fastrand::i64(..),
        };
        let mut last_beat = None;
        let mut is_told = false;
        loop {
            let registered = self.connection.run("write to", async |session, is_again| {
                lease::register(session, &worker, is_again).await
            })?;
            let (what, wait) = match registered {
                Registration::Registered(place) => return Ok(place),
                Registration::Busy {
                    holder,
                    beat_us,
                    ends_in,
                } => {
                    let is_alive = *last_beat.get_or_insert(beat_us) != beat_us;
                    if is_alive || (settings.is_stopped)() {
                        return Err(LedgerError::InUse {
                            path: self.connection.path(),
                            holder,
                        });
                    }
                    (
                        format!("{holder}, which may have died, to be heard from"),
                        ends_in,
                    )
                }
                Registration::Quarantine(wait) => {
                    let what = "requests of a worker that died, which may still be under way";
                    (what.to_owned(), wait)
                }
            };
            if (settings.is_stopped)() {
                return Err(LedgerError::InUse {
                    path: self.connection.path(),
                    holder: "a worker that died".to_owned(),
                });
            }
            if !is_told {
                is_told = true;
                let most = humantime::format_duration(Duration::from_secs(wait.as_secs() + 1));
                (settings.says)(&format!("waiting for {what} (at most {most})"));
            }
            self.connection
                .pause(wait.clamp(Duration::from_millis(10), LOOK_AGAIN));
        }
    }
}
