//! Faults that happen again and again: workers are killed, paused and cut off, and the
//! database is started again.

use std::time::Duration;

use super::network::{Addressee, SimulatedEvent, Simulation, WorkerFault};
use super::scenario::Guard;
use super::worker::WorkerEvent;
use crate::ledger::conformance::shared_database::SimulatedDatabase;

impl Simulation {
    /// The next fault of this kind, if there is one.
    pub(super) fn expect(&mut self, kind: WorkerFault) {
        let every = match kind {
            WorkerFault::Kill => self.scenario.kills,
            WorkerFault::Pause => self.scenario.pauses,
            WorkerFault::Partition => self.scenario.partitions,
            WorkerFault::Restart => self.scenario.restarts,
            WorkerFault::Failover => self.scenario.failovers,
        };
        let Some(every) = every else { return };
        let most = u64::try_from(every.as_millis()).unwrap() * 2;
        let after = self.between(1, most);
        if self.now + after < self.scenario.faults_until {
            self.push(after, SimulatedEvent::Fault(kind));
        }
    }

    pub(super) fn fault(&mut self, kind: WorkerFault) {
        let place = self.rng.usize(0..self.hosts.len());
        let lease_ms = u64::try_from(self.scenario.lease.as_millis()).unwrap();
        let most = u64::try_from(self.scenario.quarantine.as_millis()).unwrap() + lease_ms;
        let lasts = if self.rng.bool() {
            self.between(200, lease_ms)
        } else {
            self.between(lease_ms, most * 2)
        };
        let until = self.now + lasts;
        match kind {
            WorkerFault::Kill => self.kill(place),
            WorkerFault::Pause => self.hosts[place].paused_until = until,
            WorkerFault::Partition => self.hosts[place].cut_until = until,
            WorkerFault::Restart => {
                self.database_down_until = self.now + self.between(500, 3000);
                self.database.restarted(self.database_down_until);
            }
            WorkerFault::Failover => {
                // From now on the standby gets no commits.
                let lag = self.between(100, 5000);
                let standby = Box::new(self.database.clone());
                self.push(lag, SimulatedEvent::Failover(standby));
            }
        }
    }

    /// A standby takes over. All connections are lost; some workers find it later than others.
    pub(super) fn fail_over(&mut self, standby: SimulatedDatabase) {
        if standby.timeline() != self.database.timeline() {
            // Another one has.
            return;
        }
        self.result.failovers += 1;
        let reuses_numbers = !self.scenario.has(Guard::NewNumbers) && self.rng.bool();
        self.database.failed_over(standby, reuses_numbers);
        self.database_down_until = self.now + self.between(200, 3000);
        let lease_ms = u64::try_from(self.scenario.lease.as_millis()).unwrap();
        for place in 0..self.hosts.len() {
            let found = self.now + self.between(0, lease_ms * 3 / 2);
            let host = &mut self.hosts[place];
            host.cut_until = host.cut_until.max(found);
            // What it had done may be undone.
            if std::mem::take(&mut host.is_finished) {
                let again = self.between(1000, 5000);
                self.push(again, SimulatedEvent::Spawn(place));
            }
        }
        if !self.database.is_done(self.scenario.rows) {
            self.result.ended = None;
        }
    }

    /// A process is killed, or is stopped and leaves; another one takes its place.
    fn kill(&mut self, place: usize) {
        let host = &mut self.hosts[place];
        if host.worker.is_none() {
            return;
        }
        self.result.kills += 1;
        let process = host.process;
        if self.rng.bool() {
            self.tell(Addressee { place, process }, WorkerEvent::Stopped);
            return;
        }
        self.hosts[place].worker = None;
        self.hosts[place].paused_until = Duration::ZERO;
        let again = self.between(1000, 5000);
        self.push(again, SimulatedEvent::Spawn(place));
    }
}
