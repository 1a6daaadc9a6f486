//! The contract of ledgers on a real server, at two isolation levels, and what only a server
//! can do to a ledger.

use std::time::Duration;

use super::address::DatabaseAddress;
use super::{PostgresLedger, WorkerSettings};
use crate::domain::summary::TargetAccount;
use crate::ledger::LedgerError;
use crate::ledger::conformance::{LedgerStore, ledger_contract};

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "it is shared with the end-to-end tests, which need more of it"
)]
#[path = "../../../tests/support/postgres_server.rs"]
pub(crate) mod server;

use self::server::PostgresServer;

/// A schema of its own.
struct PostgresStore<const SERIALIZABLE: bool> {
    server: &'static PostgresServer,
    address: String,
}

impl<const SERIALIZABLE: bool> PostgresStore<SERIALIZABLE> {
    fn schema(&self) -> &str {
        let (_, schema) = self.address.split_once("schema=").unwrap();
        schema.split('&').next().unwrap()
    }

    /// Whatever workers there were are dead, and their requests have ended.
    fn bury_all(&self) {
        let schema = self.schema();
        let is_made = self.server.query(&format!(
            "SELECT to_regclass('{schema}.worker') IS NOT NULL"
        ));
        if is_made == "t" {
            self.server.query(&format!(
                "UPDATE {schema}.worker SET state = 'dead', gone = now() - interval '1 hour'"
            ));
        }
    }
}

impl<const SERIALIZABLE: bool> LedgerStore for PostgresStore<SERIALIZABLE> {
    type Opened = PostgresLedger;

    const HISTORIES: u32 = 8;

    fn start() -> Option<Self> {
        let server = PostgresServer::shared()?;
        let mut address = server.address();
        if SERIALIZABLE {
            address.push_str("&options=-c%20default_transaction_isolation%3Dserializable");
        }
        Some(Self { server, address })
    }

    fn open(&self, account: &TargetAccount) -> Result<PostgresLedger, LedgerError> {
        self.bury_all();
        let address = DatabaseAddress::parse(&self.address, &|_| None).unwrap();
        PostgresLedger::open(
            address,
            &WorkerSettings {
                target: account,
                now_ms: 1,
                shares: false,
                host: ("here".to_owned(), 1),
                timeout: Duration::ZERO,
                clock: || Duration::ZERO,
                says: &|_| {},
                is_stopped: &|| false,
            },
        )
    }
}

mod read_committed {
    use super::{PostgresStore, ledger_contract};

    ledger_contract!(PostgresStore<false>);
}

mod serializable {
    use super::{PostgresStore, ledger_contract};

    ledger_contract!(PostgresStore<true>);
}
