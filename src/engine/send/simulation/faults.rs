//! Faults that happen again and again: workers are killed, paused and cut off, and the
//! database is started again.

use std::time::Duration;

use super::network::{Addressee, SimulatedEvent, Simulation, WorkerFault};
use super::worker::WorkerEvent;

impl Simulation {
    /// The next fault of this kind, if there is one.
    pub(super) fn expect(&mut self, kind: WorkerFault) {
        let every = match kind {
            WorkerFault::Kill => self.scenario.kills,
            WorkerFault::Pause => self.scenario.pauses,
            WorkerFault::Partition => self.scenario.partitions,
            WorkerFault::Restart => self.scenario.restarts,
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
