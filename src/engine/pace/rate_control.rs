//! How many requests may start per second, found by trying (pure).
//!
//! An advertised limit is used with a small margin. Without one, the rate grows until
//! a request is refused, falls to the throughput that was accepted, stays there for a
//! while, and then probes higher again. If a refusal causes a pause, the limit is
//! estimated from the throughput before it (`throughput.rs`), and the time of the next
//! probe balances the cost of a pause against the possible gain. Times are since the
//! run's start.

use std::time::Duration;

use super::rate_bound::RateBound;
use super::throughput::Throughput;

/// The rate at which the search starts, in requests per second.
const INITIAL_RATE: f64 = 10.0;

/// Which share of a known limit is used, one that is advertised or was found again after
/// long: requests that arrive bunched should not be refused.
const SHARE_OF_KNOWN: f64 = 0.985;

/// Which share of the accepted throughput is used after a refusal.
const SHARE_OF_ACCEPTED: f64 = 0.97;

/// Two estimates that differ by a smaller share are taken for the same limit.
const SAME_LIMIT: f64 = 0.1;

/// How far a rate that works moves towards a higher estimate: the throughput may have
/// been a burst.
const TOWARDS_ESTIMATE: f64 = 0.25;

/// The largest share that one refusal takes off the rate.
const DEEPEST_CUT: f64 = 0.5;

/// The lowest share of the rate that a streak of refusals leaves. During a streak the
/// pauses relieve the server, and a rate near zero would outlast the streak's cause.
const LOWEST_OF_STREAK: f64 = 0.1;

/// The lowest rate that is found: one request in ten minutes.
const LOWEST_RATE: f64 = 1.0 / 600.0;

/// The largest step up, as a share of the rate; before the first refusal every step is
/// this large.
const LARGEST_STEP: f64 = 1.0;

/// The first step up from a settled rate.
const FIRST_STEP: f64 = 0.01;

/// By which factor each further step is larger.
const GROWTH: f64 = 2.0;

/// The same if a refusal causes a pause: the slower the rate grows, the closer to the
/// limit it is refused.
const SLOW_GROWTH: f64 = 1.2;

/// A streak of refusals tells something of the limit once so many requests were accepted.
const ENOUGH_FOR_A_LIMIT: u32 = 10;

/// How long to wait between two steps up.
const STEP: Duration = Duration::from_secs(1);

/// The shortest time that a rate is kept after it was found.
const SHORTEST_REST: Duration = Duration::from_secs(8);

/// A limit is expected to stay for as long as it has stayed so far, and at least this
/// long.
const LIMIT_LASTS: Duration = Duration::from_mins(2);

/// The least possible gain of a higher rate: the share of the accepted throughput that
/// isn't used.
const LEAST_GAIN: f64 = 1.0 / SHARE_OF_ACCEPTED - 1.0;

/// The fewest requests for which a rate is kept after it was found: at a low rate, one
/// refusal is a large share of all requests.
const REST_FOR_REQUESTS: f64 = 80.0;

/// If all requests were refused for this long, the limit counts requests over a longer
/// window, and that window was used up.
const USED_UP: Duration = Duration::from_secs(5);

/// Finds the rate. Rates are in requests per second.
#[derive(Debug, Clone)]
pub struct RateControl {
    ceiling: f64,
    rate: f64,
    /// The rate of the start.
    initial: f64,
    /// How many requests were accepted.
    accepted: u32,
    /// The advertised limit, less its margin.
    advertised: Option<f64>,
    /// The rate after the last refusal.
    settled: Option<f64>,
    /// Which share of the limit that is.
    share: f64,
    /// A higher rate that worked for long before the limit fell.
    earlier: Option<f64>,
    /// When the current limit was first seen.
    limit_since: Duration,
    /// The last time the rate was lowered: refusals of requests sent before it belong to
    /// the same burst.
    last_cut: Option<Duration>,
    /// When the rate next grows, and by which share.
    step_at: Duration,
    step: f64,
    /// How long a refusal pauses all requests at the settled rate.
    refusal_cost: Duration,
    /// The share that the next refusal takes off while the throughput isn't known.
    next_cut: f64,
    throughput: Throughput,
    /// The first refusal since the last accepted request, and the rate after it.
    streak: Option<(Duration, f64)>,
    /// When a window that had been used up began anew, and how many requests were
    /// accepted since.
    long_window: Option<(Duration, f64)>,
}

impl RateControl {
    /// Starts at `ceiling` if `at_once` (`--rate`), else low.
    pub fn new(ceiling: f64, at_once: bool) -> Self {
        let initial = if at_once {
            ceiling
        } else {
            INITIAL_RATE.min(ceiling)
        };
        Self {
            ceiling,
            rate: initial,
            initial,
            accepted: 0,
            advertised: None,
            settled: None,
            share: SHARE_OF_ACCEPTED,
            earlier: None,
            limit_since: Duration::ZERO,
            last_cut: None,
            step_at: STEP,
            step: LARGEST_STEP,
            refusal_cost: Duration::ZERO,
            next_cut: 1.0 - SHARE_OF_ACCEPTED,
            throughput: Throughput::default(),
            streak: None,
            long_window: None,
        }
    }

    /// How many requests may start per second now.
    pub fn rate(&self) -> f64 {
        let advertised = self.advertised.unwrap_or(f64::INFINITY);
        self.rate.min(advertised).min(self.ceiling)
    }

    /// The margin below the limit, as a part of each second: starts that are late by no more
    /// can be made up for, and no second has more of them than the limit.
    pub fn margin(&self) -> Duration {
        let share = match self.bound() {
            RateBound::Advertised => SHARE_OF_KNOWN,
            RateBound::Refused => self.share,
            RateBound::Ceiling | RateBound::Growing => SHARE_OF_ACCEPTED,
        };
        Duration::from_secs_f64(1.0 - share)
    }

    /// What determines the rate.
    pub fn bound(&self) -> RateBound {
        let rate = self.rate();
        if rate >= self.ceiling {
            RateBound::Ceiling
        } else if self.advertised.is_some_and(|limit| rate >= limit) {
            RateBound::Advertised
        } else if self.settled.is_some() {
            RateBound::Refused
        } else {
            RateBound::Growing
        }
    }

    /// A request was accepted; `was_used` says whether requests waited for this rate: one
    /// that isn't reached proves nothing. True if a step up was due.
    pub fn accepted(&mut self, now: Duration, was_used: bool) -> bool {
        self.throughput.add(now);
        self.end_streak(now);
        self.accepted = self.accepted.saturating_add(1);
        if now < self.step_at {
            return false;
        }
        self.step_at = now + STEP;
        self.next_cut = 1.0 - SHARE_OF_ACCEPTED;
        // A rate far above the throughput proves nothing either.
        let is_reached = self
            .throughput
            .rate(now)
            .is_none_or(|throughput| self.rate < throughput * 2.5);
        if was_used && is_reached {
            self.step_up(now);
        }
        true
    }

    fn step_up(&mut self, now: Duration) {
        let next = (self.rate * (1.0 + self.step)).min(self.ceiling);
        if let Some(earlier) = self.earlier.take_if(|earlier| next >= *earlier) {
            // The limit has risen to what it was before.
            self.rate = earlier;
            self.settled = Some(earlier);
            self.share = SHARE_OF_KNOWN;
            self.step = FIRST_STEP;
            self.limit_since = now;
            self.step_at = now + self.rest(now, LEAST_GAIN);
            return;
        }
        self.rate = next;
        if self.settled.is_some() {
            let growth = if self.refusal_cost.is_zero() || self.earlier.is_some() {
                GROWTH
            } else {
                SLOW_GROWTH
            };
            self.step = (self.step * growth).min(LARGEST_STEP);
        }
    }

    /// Sets the limit that the server advertises; `None` if it no longer does.
    pub fn set_advertised(&mut self, limit: Option<f64>) {
        let before = self.advertised;
        self.advertised = limit.map(|limit| limit * SHARE_OF_KNOWN);
        // A new advertised limit is used without a search. If it does not hold, a refusal
        // lowers the rate again.
        if let Some(advertised) = self.advertised {
            let has_risen = before.is_none_or(|before| advertised > before * 1.01);
            if has_risen && self.rate < advertised {
                self.rate = advertised.min(self.ceiling);
                self.earlier = None;
                self.step = FIRST_STEP;
            }
        }
    }

    /// Whether a refusal of a request that started at `sent` begins a new burst.
    pub fn is_new(&self, sent: Duration) -> bool {
        self.last_cut.is_none_or(|cut| sent >= cut)
    }

    /// A request that started at `sent` was refused (429), which pauses all requests for
    /// `cost`.
    pub fn refused(&mut self, now: Duration, sent: Duration, cost: Duration) {
        if !self.is_new(sent) {
            return;
        }
        let before = self.rate();
        let limit = self.throughput.limit(now);
        let accepted = if cost.is_zero() {
            self.throughput.rate(now)
        } else {
            self.remember_earlier(now, before);
            limit.map(|limit| limit.likely)
        };
        let found = self.found(before, accepted);
        // If the limit is the same as before, the last step was too far: go back to the
        // settled rate, or slightly above it if more was accepted meanwhile. Otherwise the
        // limit has changed: the estimate is rough, and the search goes on immediately.
        let is_same = |settled: &f64| (found / settled - 1.0).abs() < SAME_LIMIT;
        let same = self.settled.filter(is_same);
        let is_known = same.is_some() && limit.is_some() && self.has_lasted(now);
        self.share = if is_known && !cost.is_zero() {
            SHARE_OF_KNOWN
        } else {
            SHARE_OF_ACCEPTED
        };
        self.rate = match same {
            Some(settled) if before > settled && cost.is_zero() => {
                settled + (found - settled).max(0.0) * TOWARDS_ESTIMATE
            }
            Some(_) | None => found * self.share / SHARE_OF_ACCEPTED,
        };
        self.earlier = self.earlier.filter(|earlier| *earlier > self.rate);
        // The next refusal at this rate is expected to cost as much as the last.
        self.refusal_cost = cost.max(same.map_or(Duration::ZERO, |_| self.refusal_cost));
        let rest = if same.is_some() {
            let most = limit.map_or(before, |limit| limit.most);
            let most = most.max(self.earlier.unwrap_or_default());
            self.rest(now, most / self.rate - 1.0)
        } else {
            self.limit_since = now;
            STEP
        };
        self.settled = Some(self.rate);
        self.step_at = now + cost + rest;
        self.last_cut = Some(now);
        self.step = FIRST_STEP;
        self.streak = self.streak.or(Some((now, self.rate)));
        // Earlier throughput says nothing about the new limit. If there wasn't enough of
        // it for an estimate, measuring goes on.
        if accepted.is_some() {
            self.throughput = Throughput::default();
        }
    }

    /// Remembers a settled rate that worked for long: if the limit has fallen, it may
    /// return to the old one.
    fn remember_earlier(&mut self, now: Duration, before: f64) {
        if let Some(settled) = self.settled.filter(|_| self.has_lasted(now)) {
            let rate = settled.min(before);
            self.earlier = Some(self.earlier.map_or(rate, |earlier| earlier.max(rate)));
        }
    }

    /// Whether the rate since the last refusal worked for long.
    fn has_lasted(&self, now: Duration) -> bool {
        let enough = self.refusal_cost + SHORTEST_REST;
        self.last_cut.is_some_and(|cut| now >= cut + enough)
    }

    /// The rate after a refusal at rate `before`.
    ///
    /// If too few requests were accepted since the last refusal for an estimate, each
    /// refusal takes off twice the share of the one before it.
    fn found(&mut self, before: f64, accepted: Option<f64>) -> f64 {
        let Some(accepted) = accepted else {
            let cut = self.next_cut;
            self.next_cut = (cut * 2.0).min(DEEPEST_CUT);
            let streak = self.streak.map_or(0.0, |(_, rate)| rate);
            let lowest = (streak * LOWEST_OF_STREAK).max(LOWEST_RATE);
            return (before * (1.0 - cut)).max(lowest.min(before));
        };
        self.next_cut = 1.0 - SHARE_OF_ACCEPTED;
        (accepted.min(before) * SHARE_OF_ACCEPTED).max(before * DEEPEST_CUT)
    }

    /// How long to keep the settled rate before probing higher; a higher rate may gain
    /// `gain`, as a share of the rate.
    ///
    /// A failed probe costs a pause, once per rest. A late probe loses the gain for half a
    /// rest on average, once per limit's lifetime. This rest minimises the sum.
    fn rest(&self, now: Duration, gain: f64) -> Duration {
        let lasts = LIMIT_LASTS.max(now.saturating_sub(self.limit_since));
        let cost = self.refusal_cost.as_secs_f64();
        let balanced = (2.0 * cost * lasts.as_secs_f64() / gain.max(LEAST_GAIN)).sqrt();
        let requests = Duration::try_from_secs_f64(REST_FOR_REQUESTS / self.rate);
        SHORTEST_REST
            .max(Duration::from_secs_f64(balanced))
            .max(requests.unwrap_or(Duration::MAX))
    }

    /// Begins the search anew, once: at the very start a long streak of refusals says nothing
    /// of the rate. Another client had used the limit up, or an earlier run.
    fn begin_again(&mut self, now: Duration) {
        self.accepted = ENOUGH_FOR_A_LIMIT;
        self.rate = self.rate.max(self.initial);
        self.settled = None;
        self.earlier = None;
        self.refusal_cost = Duration::ZERO;
        self.step = LARGEST_STEP;
        self.step_at = now + STEP;
    }

    /// A request was accepted, perhaps the first after a streak of refusals.
    ///
    /// A limit over a long window accepts everything until it is used up, then nothing
    /// until the next window. What was accepted between two such ends is the limit; the
    /// cuts during the streak don't count.
    fn end_streak(&mut self, now: Duration) {
        if let Some((_, accepted)) = &mut self.long_window {
            *accepted += 1.0;
        }
        let Some((since, rate)) = self.streak.take() else {
            return;
        };
        let gap = now.saturating_sub(since);
        // An advertised limit is more precise.
        if gap < USED_UP || self.advertised.is_some() {
            return;
        }
        if self.accepted < ENOUGH_FOR_A_LIMIT {
            self.begin_again(now);
            return;
        }
        self.rate = rate;
        if let Some((began, accepted)) = self.long_window {
            let average = accepted / now.saturating_sub(began).as_secs_f64();
            self.rate = (average * SHARE_OF_ACCEPTED).min(rate);
        }
        self.settled = Some(self.rate);
        self.step = FIRST_STEP;
        self.refusal_cost = gap;
        self.earlier = None;
        self.limit_since = now;
        self.step_at = now + self.rest(now, LEAST_GAIN);
        self.long_window = Some((now, 0.0));
        self.throughput = Throughput::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{ENOUGH_FOR_A_LIMIT, INITIAL_RATE, RateBound, RateControl};

    const CEILING: f64 = 2000.0;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Accepts every request that the rate allows between two times.
    fn accept(control: &mut RateControl, from: f64, until: f64) {
        let mut now = from;
        while now < until {
            control.accepted(at(now), true);
            now += 1.0 / control.rate();
        }
    }

    fn refuse(control: &mut RateControl, now: f64) {
        control.refused(at(now), at(now), Duration::ZERO);
    }

    /// A rate control that was refused at 100 requests per second.
    fn settled_at_100() -> RateControl {
        let mut control = RateControl::new(CEILING, false);
        control.set_advertised(Some(100.0));
        control.set_advertised(None);
        accept(&mut control, 0.0, 0.95);
        refuse(&mut control, 0.95);
        control
    }

    fn near(rate: f64, expected: f64) -> bool {
        (rate / expected - 1.0).abs() < 0.03
    }

    #[test]
    fn the_search_starts_low_and_doubles() {
        let mut control = RateControl::new(CEILING, false);
        assert!(near(control.rate(), INITIAL_RATE));
        accept(&mut control, 0.0, 3.5);
        assert!(
            near(control.rate(), INITIAL_RATE * 8.0),
            "{}",
            control.rate()
        );
        assert_eq!(control.bound(), RateBound::Growing);
    }

    #[test]
    fn a_given_rate_is_used_from_the_start() {
        let control = RateControl::new(200.0, true);
        assert_eq!(
            (control.rate(), control.bound()),
            (200.0, RateBound::Ceiling)
        );
    }

    #[test]
    fn a_rate_that_is_not_reached_does_not_grow() {
        let mut control = RateControl::new(CEILING, false);
        (0..1000).for_each(|tenth| {
            control.accepted(at(f64::from(tenth) / 10.0), false);
        });
        assert!(near(control.rate(), INITIAL_RATE));
    }

    #[test]
    fn an_advertised_limit_is_used_at_once_with_a_margin() {
        let mut control = RateControl::new(CEILING, false);
        control.set_advertised(Some(100.0));
        assert!((97.0..100.0).contains(&control.rate()));
        assert_eq!(control.bound(), RateBound::Advertised);
        control.set_advertised(Some(50.0));
        assert!(control.rate() < 50.0);
        control.set_advertised(Some(100.0));
        assert!(control.rate() > 97.0);
    }

    #[test]
    fn a_refusal_lowers_the_rate_to_the_accepted_throughput() {
        let mut control = settled_at_100();
        let kept = control.rate();
        assert!((90.0..100.0).contains(&kept), "{kept}");
        assert_eq!(control.bound(), RateBound::Refused);
        accept(&mut control, 1.0, 1.9);
        assert!(near(control.rate(), kept), "{}", control.rate());
    }

    #[test]
    fn refusals_of_one_burst_lower_the_rate_once() {
        let mut control = settled_at_100();
        let kept = control.rate();
        for _ in 0..20 {
            control.refused(at(1.0), at(0.9), Duration::ZERO);
        }
        assert!(near(control.rate(), kept) && !control.is_new(at(0.9)) && control.is_new(at(1.0)));
    }

    #[test]
    fn one_refusal_at_most_halves_the_rate() {
        let mut control = RateControl::new(CEILING, true);
        for tenth in 0..20 {
            control.accepted(at(f64::from(tenth) / 10.0), true);
        }
        refuse(&mut control, 2.0);
        assert!(near(control.rate(), CEILING / 2.0), "{}", control.rate());
    }

    #[test]
    fn each_refusal_of_a_streak_takes_off_a_larger_share() {
        let mut control = RateControl::new(100.0, true);
        let rates: Vec<_> = (0..5)
            .map(|tenth| {
                let before = control.rate();
                refuse(&mut control, f64::from(tenth) / 10.0);
                control.rate() / before
            })
            .collect();
        assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
        assert!(near(rates[0], 0.97) && near(rates[4], 0.52), "{rates:?}");
    }

    #[test]
    fn the_rate_recovers_at_once_after_a_long_streak_of_refusals() {
        let mut control = RateControl::new(100.0, true);
        control.accepted = ENOUGH_FOR_A_LIMIT;
        for second in 0..1000 {
            refuse(&mut control, f64::from(second));
            assert!(control.rate() > 9.0, "{}", control.rate());
        }
        control.accepted(at(1000.0), true);
        assert!(near(control.rate(), 97.0), "{}", control.rate());
    }

    #[test]
    fn a_long_streak_of_refusals_at_the_start_is_forgotten() {
        let mut control = RateControl::new(CEILING, false);
        control.refused(at(0.1), at(0.0), at(5.0));
        accept(&mut control, 5.2, 8.7);
        assert!(
            near(control.rate(), INITIAL_RATE * 8.0),
            "{}",
            control.rate()
        );
        assert_eq!(control.bound(), RateBound::Growing);
    }

    #[test]
    fn a_refused_step_is_undone_and_the_next_one_is_later() {
        let mut control = settled_at_100();
        let kept = control.rate();
        accept(&mut control, 1.0, 4.5);
        let too_far = control.rate();
        assert!(too_far > kept);
        refuse(&mut control, 4.5);
        assert!((kept..too_far).contains(&control.rate()));
        let kept = control.rate();
        accept(&mut control, 4.5, 12.0);
        assert!(near(control.rate(), kept), "{}", control.rate());
        accept(&mut control, 12.0, 16.0);
        assert!(control.rate() > kept);
    }

    /// Runs against a token bucket with a burst of a tenth of a second; each refusal causes
    /// a pause of a second. Returns the share of the limit that was used, and the refusals.
    fn run_with_pauses(
        control: &mut RateControl,
        limit: f64,
        seconds: std::ops::Range<f64>,
    ) -> (f64, usize) {
        let (mut tokens, mut now) = (limit / 10.0, seconds.start);
        let (mut accepted, mut refusals) = (0.0, 0);
        while now < seconds.end {
            let mut step = 1.0 / control.rate();
            if tokens >= 1.0 {
                tokens -= 1.0;
                accepted += 1.0;
                control.accepted(at(now), true);
            } else {
                refusals += 1;
                control.refused(at(now), at(now), at(1.0));
                step += 1.0;
            }
            now += step;
            tokens = (tokens + step * limit).min(limit / 10.0);
        }
        (accepted / (seconds.end - seconds.start) / limit, refusals)
    }

    #[test]
    fn two_refusals_with_pauses_find_the_limit() {
        for limit in [60.0, 100.0, 137.0, 250.0, 1000.0] {
            let mut control = RateControl::new(CEILING, false);
            let (_, refusals) = run_with_pauses(&mut control, limit, 0.0..30.0);
            assert_eq!(refusals, 2, "{limit}");
            let of_limit = control.rate() / limit;
            assert!((0.95..1.0).contains(&of_limit), "{limit}: {of_limit}");
        }
    }

    #[test]
    fn a_limit_that_is_found_again_is_used_further() {
        for limit in [20.0, 100.0, 1000.0] {
            let mut control = RateControl::new(CEILING, false);
            run_with_pauses(&mut control, limit, 0.0..30.0);
            assert_eq!(control.margin(), Duration::from_millis(30));
            let (share, _) = run_with_pauses(&mut control, limit, 30.0..600.0);
            assert!((0.97..1.0).contains(&share), "{limit}: {share}");
            assert_eq!(control.margin(), Duration::from_millis(15));
            let of_limit = control.settled.unwrap() / limit;
            assert!((0.975..1.0).contains(&of_limit), "{limit}: {of_limit}");
        }
    }

    #[test]
    fn a_halved_limit_is_found_and_its_return_is_used_at_once() {
        let mut control = RateControl::new(CEILING, false);
        run_with_pauses(&mut control, 100.0, 0.0..60.0);
        let before = control.rate();
        let (share, refusals) = run_with_pauses(&mut control, 50.0, 60.0..120.0);
        assert!(share > 0.85 && refusals <= 7, "{share} {refusals}");
        // The rate itself may be trying a little more at that moment.
        assert!(near(control.settled.unwrap(), 48.5), "{control:?}");
        let (share, refusals) = run_with_pauses(&mut control, 100.0, 120.0..180.0);
        assert!(share > 0.8 && refusals == 0, "{share} {refusals}");
        assert!(near(control.rate(), before), "{}", control.rate());
    }

    #[test]
    fn the_rest_balances_the_cost_of_a_probe_against_its_gain() {
        let rest = |cost, now, gain| {
            let mut control = settled_at_100();
            control.refusal_cost = at(cost);
            control.rest(at(now), gain).as_secs_f64()
        };
        assert!(near(rest(0.0, 60.0, 0.1), 8.0));
        assert!(near(rest(1.0, 60.0, 0.1), 49.0));
        // Four times the cost, then four times the gain.
        assert!(near(rest(4.0, 60.0, 0.1), 98.0));
        assert!(near(rest(1.0, 60.0, 0.4), 24.5));
        // The limit has lasted for eight minutes.
        assert!(near(rest(1.0, 480.0, 0.1), 98.0));
    }

    #[test]
    fn a_limit_over_a_minute_is_found() {
        let mut control = RateControl::new(CEILING, false);
        for minute in [0.0, 60.0, 120.0] {
            // 600 requests are accepted, and then none.
            for request in 0..600 {
                control.accepted(at(minute + f64::from(request) / 100.0), true);
            }
            if minute < 120.0 {
                refuse(&mut control, minute + 6.0);
            }
        }
        assert!(near(control.rate(), 10.0 * 0.97), "{}", control.rate());
    }

    #[test]
    fn an_advertised_limit_outweighs_a_streak_of_refusals() {
        let mut control = RateControl::new(CEILING, false);
        control.set_advertised(Some(0.1));
        refuse(&mut control, 1.0);
        control.set_advertised(Some(20.0));
        control.accepted(at(60.0), true);
        assert!(near(control.rate(), 20.0), "{}", control.rate());
    }

    #[derive(Debug, Clone)]
    enum ControlEvent {
        Accepted(bool),
        Refused(u64),
        Advertised(Option<f64>),
    }

    fn event() -> impl Strategy<Value = (u64, ControlEvent)> {
        let event = prop_oneof![
            8 => any::<bool>().prop_map(ControlEvent::Accepted),
            1 => (0_u64..60_000).prop_map(ControlEvent::Refused),
            1 => proptest::option::of(0.001..10_000.0).prop_map(ControlEvent::Advertised),
        ];
        (0_u64..20_000, event)
    }

    proptest! {
        #[test]
        fn the_rate_stays_below_ceiling_and_advertised_limit_and_above_zero(
            ceiling in 0.01..5000.0,
            at_once: bool,
            events in proptest::collection::vec(event(), 0..500),
        ) {
            let mut control = RateControl::new(ceiling, at_once);
            let (mut now, mut advertised) = (Duration::ZERO, None);
            for (millis, event) in events {
                now += Duration::from_millis(millis);
                let before = control.rate();
                match event {
                    ControlEvent::Accepted(was_used) => {
                        control.accepted(now, was_used);
                    }
                    ControlEvent::Refused(cost) => {
                        control.refused(now, now, Duration::from_millis(cost));
                        prop_assert!(control.rate() <= before);
                    }
                    ControlEvent::Advertised(limit) => {
                        control.set_advertised(limit);
                        advertised = limit;
                    }
                }
                let highest = advertised.map_or(ceiling, |limit: f64| limit.min(ceiling));
                prop_assert!(control.rate() <= highest);
                prop_assert!(control.rate() > 0.0005);
            }
        }
    }
}
