//! Which fault strikes which request. The time is passed in; there is no clock here.

use std::collections::BTreeMap;
use std::time::Duration;

use super::kinds::{ApiEffect, CannedReply, Effect, OutageLength, ProxyFilter};
use crate::sandbox::faults::{Fault, FaultTarget};
use crate::sandbox::http::routes::Call;

/// The faults, and what they have done so far.
#[derive(Debug)]
pub(in crate::sandbox) struct Schedule {
    faults: Vec<ScheduledFault>,
    seed: u64,
    /// Requests that arrived.
    arrived: RequestTotals,
    /// Requests that passed every check.
    passed: RequestTotals,
    outage: Option<OngoingOutage>,
    revoked: bool,
    /// Seconds by which `Date` is ahead of the clock.
    clock_shift: i64,
}

/// A request as the faults see it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sandbox) struct ObservedRequest<'a> {
    /// Its call; `None` if its method or path is wrong.
    pub(in crate::sandbox) call: Option<Call>,
    /// The customer's id that it names; empty if it names none.
    pub(in crate::sandbox) client: &'a str,
    /// Its path, still percent-encoded.
    pub(in crate::sandbox) path: &'a str,
    pub(in crate::sandbox) body: &'a [u8],
}

/// A fault that strikes a request.
#[derive(Debug, PartialEq)]
pub(in crate::sandbox) struct Strike<E> {
    /// The name of the fault's kind.
    pub(in crate::sandbox) name: &'static str,
    pub(in crate::sandbox) effect: E,
}

/// What the faults in the API do with a request.
#[derive(Debug, Default, PartialEq)]
pub(in crate::sandbox) struct ApiStrikes {
    /// The names of the faults that set the clock.
    pub(in crate::sandbox) clock_changes: Vec<&'static str>,
    /// The fault that decides the response, if one strikes.
    pub(in crate::sandbox) strike: Option<Strike<ApiEffect>>,
}

/// How many requests there were.
#[derive(Debug, Default)]
struct RequestTotals {
    all: u64,
    by_call: BTreeMap<Call, u64>,
}

/// A request's number among all, and among those of its call.
#[derive(Debug, Clone, Copy)]
struct RequestNumber {
    of_all: u64,
    of_call: u64,
}

#[derive(Debug)]
struct ScheduledFault {
    fault: Fault,
    /// How often it struck.
    struck: u64,
    first_strike: Option<Duration>,
}

#[derive(Debug)]
enum OngoingOutage {
    Until(Duration),
    /// So many more requests.
    Requests(u64),
}

impl RequestTotals {
    fn next(&mut self, call: Option<Call>) -> RequestNumber {
        self.all += 1;
        let of_call = call.map_or(0, |call| {
            let number = self.by_call.entry(call).or_default();
            *number += 1;
            *number
        });
        RequestNumber {
            of_all: self.all,
            of_call,
        }
    }
}

impl ProxyFilter {
    fn matches(&self, request: ObservedRequest<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::EncodedSlash => request.path.to_ascii_uppercase().contains("%2F"),
            Self::BodyContains(text) => {
                memchr::memmem::find(request.body, text.as_bytes()).is_some()
            }
        }
    }
}

impl ScheduledFault {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            struck: 0,
            first_strike: None,
        }
    }

    /// Whether it strikes this request; counts the strike.
    ///
    /// `draw` is the request's random number from 0 to 1 for this fault.
    fn strikes(
        &mut self,
        request: ObservedRequest<'_>,
        number: RequestNumber,
        draw: f64,
        at: Duration,
    ) -> bool {
        let strikes = self.fault.times.is_none_or(|times| self.struck < times)
            && self.targets(request, number, at)
            && self.fault.chance.is_none_or(|chance| draw < chance);
        if strikes {
            self.struck += 1;
            self.first_strike.get_or_insert(at);
        }
        strikes
    }

    fn targets(&self, request: ObservedRequest<'_>, number: RequestNumber, at: Duration) -> bool {
        let lasting = match (self.fault.lasts, self.first_strike) {
            (Some(time), Some(first)) if at >= first + time => return false,
            (Some(_), Some(_)) => true,
            (Some(_) | None, _) => false,
        };
        match &self.fault.target {
            FaultTarget::Client(id) => id == request.client,
            FaultTarget::Call(None, position) => lasting || position.includes(number.of_all),
            FaultTarget::Call(call, position) => {
                *call == request.call && (lasting || position.includes(number.of_call))
            }
        }
    }
}

impl Schedule {
    pub(in crate::sandbox) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self {
            faults: faults.into_iter().map(ScheduledFault::new).collect(),
            seed,
            arrived: RequestTotals::default(),
            passed: RequestTotals::default(),
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

    /// Whether a request that arrives at `at` falls into an outage; counts it if so.
    pub(in crate::sandbox) fn is_out(&mut self, at: Duration) -> bool {
        let out = match &mut self.outage {
            None | Some(OngoingOutage::Requests(0)) => false,
            Some(OngoingOutage::Until(end)) => at < *end,
            Some(OngoingOutage::Requests(left)) => {
                *left -= 1;
                true
            }
        };
        if !out {
            self.outage = None;
        }
        out
    }

    /// Counts a request that arrived and finds the proxy's fault that strikes it.
    pub(in crate::sandbox) fn strike_at_proxy(
        &mut self,
        request: ObservedRequest<'_>,
        at: Duration,
    ) -> Option<Strike<CannedReply>> {
        let number = self.arrived.next(request.call);
        for (index, scheduled) in self.faults.iter_mut().enumerate() {
            let Effect::Proxy(reply, filter) = &scheduled.fault.effect else {
                continue;
            };
            let (reply, matches) = (reply.clone(), filter.matches(request));
            let draw = draw(self.seed, index, number.of_all);
            if matches && scheduled.strikes(request, number, draw, at) {
                let name = scheduled.fault.name;
                return Some(Strike {
                    name,
                    effect: reply,
                });
            }
        }
        None
    }

    /// Counts a request that passed every check and finds the faults that strike it.
    pub(in crate::sandbox) fn strike_at_api(
        &mut self,
        call: Call,
        client: &str,
        at: Duration,
    ) -> ApiStrikes {
        let request = ObservedRequest {
            call: Some(call),
            client,
            ..ObservedRequest::default()
        };
        let number = self.passed.next(request.call);
        let mut strikes = ApiStrikes::default();
        for (index, scheduled) in self.faults.iter_mut().enumerate() {
            if matches!(scheduled.fault.effect, Effect::Proxy(..)) {
                continue;
            }
            let draw = draw(self.seed, index, number.of_all);
            if !scheduled.strikes(request, number, draw, at) {
                continue;
            }
            let name = scheduled.fault.name;
            match &scheduled.fault.effect {
                Effect::Proxy(..) => {}
                Effect::SetClock(seconds) => {
                    self.clock_shift = *seconds;
                    strikes.clock_changes.push(name);
                }
                Effect::Api(effect) => {
                    let effect = effect.clone();
                    self.begin(&effect, at);
                    strikes.strike = Some(Strike { name, effect });
                    break;
                }
            }
        }
        strikes
    }

    /// Notes what an effect does to the requests that follow.
    fn begin(&mut self, effect: &ApiEffect, at: Duration) {
        match effect {
            ApiEffect::RevokeKey => self.revoked = true,
            ApiEffect::Outage(OutageLength::Time(time)) => {
                self.outage = Some(OngoingOutage::Until(at + *time));
            }
            // The request that begins the outage is the first of them.
            ApiEffect::Outage(OutageLength::Requests(count)) => {
                self.outage = Some(OngoingOutage::Requests(count.saturating_sub(1)));
            }
            ApiEffect::ReplyInstead(_)
            | ApiEffect::ReplyAfter(_)
            | ApiEffect::Spoil(_)
            | ApiEffect::Delay(..)
            | ApiEffect::ReplyThenDelay(..) => {}
        }
    }
}

/// A number from 0 to 1 for one request and one fault: the same in every run.
fn draw(seed: u64, fault: usize, request: u64) -> f64 {
    let fault = (fault as u64).rotate_left(32);
    let mut random = fastrand::Rng::with_seed(seed.rotate_left(17) ^ fault ^ request);
    // Similar seeds have similar first draws; the second is well mixed.
    let _: u64 = random.u64(..);
    random.f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ObservedRequest, Schedule};
    use crate::sandbox::faults::Fault;
    use crate::sandbox::http::routes::Call;

    fn schedule(faults: &[&str]) -> Schedule {
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        Schedule::new(faults, 1)
    }

    /// The name of the fault that strikes a request of `call` at `at`.
    fn strike(schedule: &mut Schedule, call: Call, at: Duration) -> Option<&'static str> {
        let strikes = schedule.strike_at_api(call, "c", at);
        strikes.strike.map(|strike| strike.name)
    }

    /// The numbers of the requests that are struck.
    fn struck(faults: &[&str], requests: impl IntoIterator<Item = (Call, String)>) -> Vec<usize> {
        let mut schedule = schedule(faults);
        let mut numbers = Vec::new();
        for (index, (call, client)) in requests.into_iter().enumerate() {
            let strikes = schedule.strike_at_api(call, &client, Duration::ZERO);
            if strikes.strike.is_some() {
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
    fn positions_count_all_requests_or_those_of_a_call() {
        assert_eq!(struck(&["reset@create:3"], lookups_and_creates(5)), [6]);
        assert_eq!(struck(&["reset@request:3"], lookups_and_creates(5)), [3]);
        assert_eq!(struck(&["reset@create:every-2"], creates(6)), [2, 4, 6]);
        assert_eq!(struck(&["reset@lookup"], lookups_and_creates(2)), [1, 3]);
    }

    #[test]
    fn a_clients_requests_are_struck_up_to_the_limit() {
        assert_eq!(
            struck(&["reset@client:c-2"], lookups_and_creates(3)),
            [3, 4]
        );
        assert_eq!(struck(&["reset*1@client:c-2"], lookups_and_creates(3)), [3]);
    }

    #[test]
    fn chance_strikes_its_share_of_requests_and_the_same_in_every_run() {
        let first = struck(&["reset=10%"], creates(10_000));
        assert!((900..1100).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(&["reset=10%"], creates(10_000)));
        assert!(struck(&["reset=0%"], creates(100)).is_empty());
        assert_eq!(struck(&["reset=100%"], creates(100)).len(), 100);
    }

    #[test]
    fn the_first_of_two_matching_faults_strikes() {
        let mut schedule = schedule(&["hang@create:2", "reset"]);
        let mut next = || strike(&mut schedule, Call::Create, Duration::ZERO);
        assert_eq!(next(), Some("reset"));
        assert_eq!(next(), Some("hang"));
    }

    #[test]
    fn an_outage_lasts_for_its_count_or_its_time() {
        let at = Duration::from_secs;
        let mut counted = schedule(&["outage:3@create:1"]);
        assert!(!counted.is_out(at(0)));
        assert!(strike(&mut counted, Call::Create, at(0)).is_some());
        let out: Vec<_> = (0..4).map(|_| counted.is_out(at(1))).collect();
        assert_eq!(out, [true, true, false, false]);

        let mut timed = schedule(&["outage:10s@create:1"]);
        assert!(strike(&mut timed, Call::Create, at(5)).is_some());
        assert_eq!(
            [6, 14, 15, 16].map(|s| timed.is_out(at(s))),
            [true, true, false, false]
        );
    }

    #[test]
    fn a_revoked_key_stays_revoked() {
        let mut schedule = schedule(&["revoke-key@create:2"]);
        strike(&mut schedule, Call::Create, Duration::ZERO);
        assert!(!schedule.revoked());
        strike(&mut schedule, Call::Create, Duration::ZERO);
        assert!(schedule.revoked());
    }

    #[test]
    fn a_call_is_down_once_and_for_its_time_while_others_work() {
        let at = Duration::from_secs;
        let mut schedule = schedule(&["down:10s@create:2"]);
        let mut struck = |call, second| strike(&mut schedule, call, at(second)).is_some();
        assert!(!struck(Call::Create, 0));
        assert!(struck(Call::Create, 5));
        assert!(struck(Call::Create, 6));
        assert!(!struck(Call::Lookup, 7));
        assert!(struck(Call::Create, 14));
        assert!(!struck(Call::Create, 15));
        assert!(!struck(Call::Create, 16));
        let mut schedule = self::schedule(&["down:10s"]);
        let mut struck = |second| strike(&mut schedule, Call::Plans, at(second)).is_some();
        assert!(struck(1) && struck(10) && !struck(11) && !struck(30));
    }

    #[test]
    fn the_proxy_counts_every_request_and_the_api_only_valid_ones() {
        let observed = |call| ObservedRequest {
            call,
            ..ObservedRequest::default()
        };
        let mut schedule = schedule(&["not-found-page@request:2", "reset@create:1"]);
        let mut proxy = |call| {
            let strike = schedule.strike_at_proxy(observed(call), Duration::ZERO);
            strike.map(|strike| strike.name)
        };
        assert_eq!(proxy(Some(Call::Create)), None);
        assert_eq!(proxy(None), Some("not-found-page"));
        assert_eq!(proxy(Some(Call::Create)), None);
        let first = strike(&mut schedule, Call::Create, Duration::ZERO);
        assert_eq!(first, Some("reset"));
    }

    #[test]
    fn a_firewall_filters_by_body_and_no_slashes_by_path() {
        let mut schedule = schedule(&["firewall:DROP TABLE*2", "no-slashes"]);
        let mut struck = |path, body: &str| {
            let request = ObservedRequest {
                path,
                body: body.as_bytes(),
                ..ObservedRequest::default()
            };
            let strike = schedule.strike_at_proxy(request, Duration::ZERO);
            strike.map(|strike| strike.name)
        };
        assert_eq!(struck("/a", "Robert'); DROP TABLE x"), Some("firewall"));
        assert_eq!(struck("/a", "Robert"), None);
        assert_eq!(struck("/a%2fb", "DROP TABLE"), Some("firewall"));
        assert_eq!(struck("/a%2fb", "DROP TABLE"), Some("no-slashes"));
        assert_eq!(struck("/a/b", ""), None);
    }

    #[test]
    fn setting_the_clock_lets_another_fault_strike() {
        let mut schedule = schedule(&["clock:-60@create:2", "reset@create:2", "clock:5@create:3"]);
        let mut next = || {
            let strikes = schedule.strike_at_api(Call::Create, "c", Duration::ZERO);
            let name = strikes.strike.map(|strike| strike.name);
            (name, strikes.clock_changes.len(), schedule.clock_shift())
        };
        assert_eq!(next(), (None, 0, 0));
        assert_eq!(next(), (Some("reset"), 1, -60));
        assert_eq!(next(), (None, 1, 5));
        assert_eq!(next(), (None, 0, 5));
    }
}
