//! Which request which fault strikes. It is told the time and owns no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sandbox::calls::Call;
use crate::sandbox::faults::{Fault, Length, What, When};

/// The faults and how far they have come.
#[derive(Debug)]
pub(super) struct Schedule {
    rules: Vec<Rule>,
    seed: u64,
    requests: u64,
    calls: BTreeMap<Call, u64>,
    outage: Option<Outage>,
    revoked: bool,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    struck: u64,
}

/// An outage that is on.
#[derive(Debug)]
enum Outage {
    Until(Duration),
    For(u64),
}

impl Schedule {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let rules = faults
            .into_iter()
            .map(|fault| Rule { fault, struck: 0 })
            .collect();
        Self {
            rules,
            seed,
            requests: 0,
            calls: BTreeMap::new(),
            outage: None,
            revoked: false,
        }
    }

    /// Whether the key was revoked.
    pub(super) fn revoked(&self) -> bool {
        self.revoked
    }

    /// Whether a request that comes at `at` falls into an outage; uses one up.
    pub(super) fn down(&mut self, at: Duration) -> bool {
        let down = match &mut self.outage {
            None | Some(Outage::For(0)) => false,
            Some(Outage::Until(end)) => at < *end,
            Some(Outage::For(left)) => {
                *left -= 1;
                true
            }
        };
        if !down {
            self.outage = None;
        }
        down
    }

    /// Counts a request that passed every check and says what strikes it.
    pub(super) fn strike(&mut self, call: Call, client: &str, at: Duration) -> Option<What> {
        self.requests += 1;
        let of_call = self.calls.entry(call).or_default();
        *of_call += 1;
        let (number, of_call, seed) = (self.requests, *of_call, self.seed);
        let meant = |fault: &Fault| match &fault.when {
            When::Client(id) => id == client,
            When::Call(None, which) => which.has(number),
            When::Call(Some(only), which) => *only == call && which.has(of_call),
        };
        let (_, rule) = self.rules.iter_mut().enumerate().find(|(index, rule)| {
            rule.fault.times.is_none_or(|times| rule.struck < times)
                && meant(&rule.fault)
                && rule
                    .fault
                    .chance
                    .is_none_or(|chance| drawn(seed, *index, number) < chance)
        })?;
        rule.struck += 1;
        let what = rule.fault.what.clone();
        match &what {
            What::RevokeKey => self.revoked = true,
            What::Outage(Length::Time(time)) => self.outage = Some(Outage::Until(at + *time)),
            // The request that begins it is the first of them.
            What::Outage(Length::Requests(count)) => {
                self.outage = Some(Outage::For(count.saturating_sub(1)));
            }
            What::Reset
            | What::Hang
            | What::Delay(_)
            | What::Html
            | What::Status(_)
            | What::BadGateway
            | What::Throttle(_)
            | What::Redirect(_)
            | What::LostReply
            | What::HangAfter
            | What::CutBody
            | What::EmptyBody
            | What::HtmlAfter
            | What::Garbage
            | What::OtherBody
            | What::Altered
            | What::HugeBody
            | What::Drip(_)
            | What::StatusAfter(_) => {}
        }
        Some(what)
    }
}

/// A number from 0 to 1 for one request and one rule: the same in every run.
fn drawn(seed: u64, rule: usize, number: u64) -> f64 {
    let rule = (rule as u64).rotate_left(32);
    let mut chance = fastrand::Rng::with_seed(seed.rotate_left(17) ^ rule ^ number);
    // Neighbouring seeds have alike first draws; the second is well mixed.
    let _: u64 = chance.u64(..);
    chance.f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sandbox::calls::Call;
    use crate::sandbox::faults::{Fault, What};
    use crate::sandbox::schedule::Schedule;

    fn schedule(faults: &[&str]) -> Schedule {
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(faults, 1)
    }

    /// The numbers of the requests that are struck.
    fn struck(faults: &[&str], requests: impl IntoIterator<Item = (Call, String)>) -> Vec<usize> {
        let mut schedule = schedule(faults);
        let mut numbers = Vec::new();
        for (index, (call, client)) in requests.into_iter().enumerate() {
            if schedule.strike(call, &client, Duration::ZERO).is_some() {
                numbers.push(index + 1);
            }
        }
        numbers
    }

    fn creates(count: usize) -> impl Iterator<Item = (Call, String)> {
        (1..=count).map(|n| (Call::Create, format!("c-{n}")))
    }

    fn lookups_and_creates(count: usize) -> impl Iterator<Item = (Call, String)> {
        creates(count).flat_map(|create| [(Call::Lookup, create.1.clone()), create])
    }

    #[test]
    fn positions_count_requests_or_those_of_a_call() {
        assert_eq!(struck(&["reset@create:3"], lookups_and_creates(5)), [6]);
        assert_eq!(struck(&["reset@request:3"], lookups_and_creates(5)), [3]);
        assert_eq!(struck(&["reset@create:every-2"], creates(6)), [2, 4, 6]);
        assert_eq!(struck(&["reset@lookup"], lookups_and_creates(2)), [1, 3]);
    }

    #[test]
    fn a_clients_requests_are_struck_as_often_as_said() {
        assert_eq!(
            struck(&["reset@client:c-2"], lookups_and_creates(3)),
            [3, 4]
        );
        assert_eq!(struck(&["reset*1@client:c-2"], lookups_and_creates(3)), [3]);
    }

    #[test]
    fn chance_strikes_its_share_and_the_same_in_every_run() {
        let first = struck(&["reset=10%"], creates(10_000));
        assert!((900..1100).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(&["reset=10%"], creates(10_000)));
        assert!(struck(&["reset=0%"], creates(100)).is_empty());
        assert_eq!(struck(&["reset=100%"], creates(100)).len(), 100);
    }

    #[test]
    fn of_two_faults_the_first_strikes() {
        let mut schedule = schedule(&["hang@create:2", "reset"]);
        let mut next = || schedule.strike(Call::Create, "c", Duration::ZERO);
        assert_eq!(next(), Some(What::Reset));
        assert_eq!(next(), Some(What::Hang));
    }

    #[test]
    fn an_outage_lasts_its_count_or_its_time() {
        let at = Duration::from_secs;
        let mut counted = schedule(&["outage:3@create:1"]);
        assert!(!counted.down(at(0)));
        assert!(counted.strike(Call::Create, "c", at(0)).is_some());
        let down: Vec<_> = (0..4).map(|_| counted.down(at(1))).collect();
        assert_eq!(down, [true, true, false, false]);

        let mut timed = schedule(&["outage:10s@create:1"]);
        assert!(timed.strike(Call::Create, "c", at(5)).is_some());
        assert_eq!(
            [6, 14, 15, 16].map(|s| timed.down(at(s))),
            [true, true, false, false]
        );
    }

    #[test]
    fn a_revoked_key_stays_revoked() {
        let mut schedule = schedule(&["revoke-key@create:2"]);
        schedule.strike(Call::Create, "c", Duration::ZERO);
        assert!(!schedule.revoked());
        schedule.strike(Call::Create, "c", Duration::ZERO);
        assert!(schedule.revoked());
    }
}
