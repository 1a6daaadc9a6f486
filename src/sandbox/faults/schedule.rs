//! Which request which fault strikes. It is told the time and owns no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sandbox::faults::{Fault, Length, Place, What, When};
use crate::sandbox::http::routes::Call;

/// The faults and how far they have come.
#[derive(Debug)]
pub(in crate::sandbox) struct Schedule {
    rules: Vec<Rule>,
    seed: u64,
    /// Requests that arrived.
    arrived: Numbers,
    /// Requests that passed every check.
    passed: Numbers,
    outage: Option<Outage>,
    revoked: bool,
    /// Seconds by which `Date` is ahead of the clock.
    clock_shift: i64,
}

/// A request as the faults see it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sandbox) struct Arrival<'a> {
    /// Its call; `None` if it means none.
    pub(in crate::sandbox) call: Option<Call>,
    /// The customer it is about, as it names it; empty where there is none.
    pub(in crate::sandbox) client: &'a str,
    /// Its path, still encoded.
    pub(in crate::sandbox) path: &'a str,
    /// Its body.
    pub(in crate::sandbox) body: &'a [u8],
}

/// What strikes a request.
#[derive(Debug, Default, PartialEq)]
pub(in crate::sandbox) struct Strike {
    /// The fault, if one strikes.
    pub(in crate::sandbox) what: Option<What>,
    /// How often the clock was set on the way.
    pub(in crate::sandbox) clock_steps: u64,
}

/// How many requests there were.
#[derive(Debug, Default)]
struct Numbers {
    all: u64,
    calls: BTreeMap<Call, u64>,
}

/// A request's number among all, and among those of its call.
#[derive(Debug, Clone, Copy)]
struct Number {
    of_all: u64,
    of_call: u64,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    struck: u64,
    /// When it struck first.
    since: Option<Duration>,
}

/// An outage that is on.
#[derive(Debug)]
enum Outage {
    Until(Duration),
    For(u64),
}

impl Numbers {
    fn next(&mut self, call: Option<Call>) -> Number {
        self.all += 1;
        let of_call = call.map_or(0, |call| {
            let number = self.calls.entry(call).or_default();
            *number += 1;
            *number
        });
        Number {
            of_all: self.all,
            of_call,
        }
    }
}

impl Rule {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            struck: 0,
            since: None,
        }
    }

    /// Whether it strikes this request, chance apart.
    fn meets(&self, number: Number, arrival: Arrival<'_>, at: Duration) -> bool {
        let once_begun = match (self.fault.what.lasts(), self.since) {
            (Some(time), Some(since)) if at >= since + time => return false,
            (Some(_), Some(_)) => true,
            _ => false,
        };
        let when = match &self.fault.when {
            When::Client(id) => id == arrival.client,
            When::Call(None, which) => once_begun || which.has(number.of_all),
            When::Call(only, which) => {
                *only == arrival.call && (once_begun || which.has(number.of_call))
            }
        };
        let content = if let What::Firewall(text) = &self.fault.what {
            memchr::memmem::find(arrival.body, text.as_bytes()).is_some()
        } else {
            self.fault.what != What::NoSlashes || arrival.path.to_ascii_uppercase().contains("%2F")
        };
        let left = self.fault.times.is_none_or(|times| self.struck < times);
        left && when && content
    }
}

impl Schedule {
    pub(in crate::sandbox) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self {
            rules: faults.into_iter().map(Rule::new).collect(),
            seed,
            arrived: Numbers::default(),
            passed: Numbers::default(),
            outage: None,
            revoked: false,
            clock_shift: 0,
        }
    }

    /// Whether the key was revoked.
    pub(in crate::sandbox) fn revoked(&self) -> bool {
        self.revoked
    }

    /// Seconds by which `Date` is ahead of the clock.
    pub(in crate::sandbox) fn clock_shift(&self) -> i64 {
        self.clock_shift
    }

    /// Whether a request that comes at `at` falls into an outage; uses one up.
    pub(in crate::sandbox) fn down(&mut self, at: Duration) -> bool {
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

    /// Counts a request that arrived and says what the proxy makes of it.
    pub(in crate::sandbox) fn strike_at_proxy(
        &mut self,
        arrival: Arrival<'_>,
        at: Duration,
    ) -> Option<What> {
        let number = self.arrived.next(arrival.call);
        self.first(Place::Proxy, number, arrival, at).what
    }

    /// Counts a request that passed every check and says what strikes it.
    pub(in crate::sandbox) fn strike(&mut self, call: Call, client: &str, at: Duration) -> Strike {
        let arrival = Arrival {
            call: Some(call),
            client,
            ..Arrival::default()
        };
        let number = self.passed.next(arrival.call);
        let strike = self.first(Place::Api, number, arrival, at);
        match &strike.what {
            Some(What::RevokeKey) => self.revoked = true,
            Some(What::Outage(Length::Time(time))) => {
                self.outage = Some(Outage::Until(at + *time));
            }
            // The request that begins it is the first of them.
            Some(What::Outage(Length::Requests(count))) => {
                self.outage = Some(Outage::For(count.saturating_sub(1)));
            }
            _ => {}
        }
        strike
    }

    /// The first fault that strikes; the clock is set on the way there.
    fn first(
        &mut self,
        place: Place,
        number: Number,
        arrival: Arrival<'_>,
        at: Duration,
    ) -> Strike {
        let mut strike = Strike::default();
        for (index, rule) in self.rules.iter_mut().enumerate() {
            let hit = rule.fault.what.place() == place
                && rule.meets(number, arrival, at)
                && rule
                    .fault
                    .chance
                    .is_none_or(|chance| drawn(self.seed, index, number.of_all) < chance);
            if !hit {
                continue;
            }
            rule.struck += 1;
            rule.since.get_or_insert(at);
            if let What::Clock(seconds) = rule.fault.what {
                self.clock_shift = seconds;
                strike.clock_steps += 1;
            } else {
                strike.what = Some(rule.fault.what.clone());
                break;
            }
        }
        strike
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

    use super::{Arrival, Schedule, Strike};
    use crate::sandbox::faults::{Fault, What};
    use crate::sandbox::http::routes::Call;

    fn schedule(faults: &[&str]) -> Schedule {
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(faults, 1)
    }

    /// The numbers of the requests that are struck.
    fn struck(faults: &[&str], requests: impl IntoIterator<Item = (Call, String)>) -> Vec<usize> {
        let mut schedule = schedule(faults);
        let mut numbers = Vec::new();
        for (index, (call, client)) in requests.into_iter().enumerate() {
            if schedule
                .strike(call, &client, Duration::ZERO)
                .what
                .is_some()
            {
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
        let mut next = || schedule.strike(Call::Create, "c", Duration::ZERO).what;
        assert_eq!(next(), Some(What::Reset));
        assert_eq!(next(), Some(What::Hang));
    }

    #[test]
    fn an_outage_lasts_its_count_or_its_time() {
        let at = Duration::from_secs;
        let mut counted = schedule(&["outage:3@create:1"]);
        assert!(!counted.down(at(0)));
        assert!(counted.strike(Call::Create, "c", at(0)).what.is_some());
        let down: Vec<_> = (0..4).map(|_| counted.down(at(1))).collect();
        assert_eq!(down, [true, true, false, false]);

        let mut timed = schedule(&["outage:10s@create:1"]);
        assert!(timed.strike(Call::Create, "c", at(5)).what.is_some());
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

    #[test]
    fn a_call_is_down_once_and_for_its_time_while_others_work() {
        let at = Duration::from_secs;
        let mut schedule = schedule(&["down:10s@create:2"]);
        let mut struck = |call, second| schedule.strike(call, "c", at(second)).what.is_some();
        assert!(!struck(Call::Create, 0));
        assert!(struck(Call::Create, 5));
        assert!(struck(Call::Create, 6));
        assert!(!struck(Call::Lookup, 7));
        assert!(struck(Call::Create, 14));
        assert!(!struck(Call::Create, 15));
        assert!(!struck(Call::Create, 16));
        let mut schedule = self::schedule(&["down:10s"]);
        let mut struck = |second| schedule.strike(Call::Plans, "", at(second)).what.is_some();
        assert!(struck(1) && struck(10) && !struck(11) && !struck(30));
    }

    #[test]
    fn the_proxy_counts_all_that_arrives_and_the_api_what_it_takes() {
        let arrival = |call| Arrival {
            call,
            ..Arrival::default()
        };
        let mut schedule = schedule(&["not-found-page@request:2", "reset@create:1"]);
        let mut proxy = |call| schedule.strike_at_proxy(arrival(call), Duration::ZERO);
        assert_eq!(proxy(Some(Call::Create)), None);
        assert_eq!(proxy(None), Some(What::NotFoundPage(None)));
        assert_eq!(proxy(Some(Call::Create)), None);
        let strike = schedule.strike(Call::Create, "c", Duration::ZERO);
        assert_eq!(strike.what, Some(What::Reset));
    }

    #[test]
    fn a_firewall_looks_at_the_body_and_no_slashes_at_the_path() {
        let mut schedule = schedule(&["firewall:DROP TABLE*2", "no-slashes"]);
        let mut meets = |path, body: &str| {
            let arrival = Arrival {
                path,
                body: body.as_bytes(),
                ..Arrival::default()
            };
            let what = schedule.strike_at_proxy(arrival, Duration::ZERO);
            what.map(|what| what.word())
        };
        assert_eq!(meets("/a", "Robert'); DROP TABLE x"), Some("firewall"));
        assert_eq!(meets("/a", "Robert"), None);
        assert_eq!(meets("/a%2fb", "DROP TABLE"), Some("firewall"));
        assert_eq!(meets("/a%2fb", "DROP TABLE"), Some("no-slashes"));
        assert_eq!(meets("/a/b", ""), None);
    }

    #[test]
    fn a_clock_that_is_set_lets_other_faults_strike() {
        let mut schedule = schedule(&["clock:-60@create:2", "reset@create:2", "clock:5@create:3"]);
        let mut next = || {
            let strike = schedule.strike(Call::Create, "c", Duration::ZERO);
            (strike, schedule.clock_shift())
        };
        assert_eq!(next(), (Strike::default(), 0));
        let reset = Strike {
            what: Some(What::Reset),
            clock_steps: 1,
        };
        assert_eq!(next(), (reset, -60));
        assert_eq!(next().1, 5);
        assert_eq!(next().1, 5);
    }
}
