//! How many requests may start per second, found by evidence (pure).
//!
//! What is known is used: a limit that the server tells is kept a little below.
//! Where it tells nothing the rate grows until it is refused, falls to what was
//! accepted, stays there, and tries more again later. Where a refusal costs a
//! pause, the limit is worked out from what passed (`throughput.rs`), and the next
//! try is weighed: what it costs against what there is to gain, for as long as
//! limits last. Times are since the run's start.

use std::time::Duration;

use super::throughput::Throughput;

/// Where the search begins, in requests per second.
const GENTLE: f64 = 10.0;

/// How much of a limit that the server tells is used, so that requests that
/// arrive bunched are not refused.
const OF_TOLD: f64 = 0.985;

/// How much of what was accepted is used after a refusal.
const OF_ACCEPTED: f64 = 0.97;

/// How far a limit may be from the one that was found and still be the same.
const THE_SAME: f64 = 0.1;

/// How much of the way towards a better guess a rate that is known to be good
/// goes: what was accepted may have been a burst.
const LEARNT: f64 = 0.25;

/// The most that one refusal takes away.
const DEEPEST_CUT: f64 = 0.5;

/// The most that refusals take away without anything accepted between them: it
/// is the pauses that help then, and a rate of next to nothing would outlast
/// what it was found by.
const DEEPEST_OF_STREAK: f64 = 0.1;

/// No rate that is found is lower: one in ten minutes.
const LEAST: f64 = 1.0 / 600.0;

/// The largest step, as a share of the rate; before anything was refused each
/// step is as large.
const LARGEST_STEP: f64 = 1.0;

/// The first step beyond a rate that was found.
const FIRST_STEP: f64 = 0.01;

/// How much larger each further one is; and how much where a refusal costs a
/// pause: the later it comes, the better it says where the limit is.
const GROWTH: f64 = 2.0;
const GENTLE_GROWTH: f64 = 1.2;

/// How long a step is watched before the next.
const STEP: Duration = Duration::from_secs(1);

/// How long a rate is kept after it was found, at least.
const SHORTEST_REST: Duration = Duration::from_secs(8);

/// How long a limit is thought to last, at least; else as long as it has.
const LASTS: Duration = Duration::from_mins(2);

/// What there is to gain by trying more, at least: the share of what was
/// accepted that isn't used.
const LEAST_GAIN: f64 = 1.0 / OF_ACCEPTED - 1.0;

/// For how many requests a rate is kept after it was found, at least: of a slow
/// rate's few requests, a refusal is a large share.
const REST_FOR_REQUESTS: f64 = 80.0;

/// From this long without an answer but refusals on, the limit is one over a
/// longer time: it was used up.
const USED_UP: Duration = Duration::from_secs(5);

/// What holds the rate where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// `--rate` or `--max-rate`.
    Ceiling,
    /// A limit that the server tells.
    Advertised,
    /// A refusal.
    Refused,
    /// Nothing: it is still growing.
    Growing,
}

/// The rate. Rates are in requests per second.
#[derive(Debug, Clone)]
pub struct RateControl {
    ceiling: f64,
    rate: f64,
    told: Option<f64>,
    /// The rate that it fell back to when it was last refused.
    kept: Option<f64>,
    /// A higher one that was good for long, before the limit fell.
    good: Option<f64>,
    /// Since when the limit is what it is.
    since: Duration,
    /// The last cut: refusals of requests that were sent before it are its own.
    cut: Option<Duration>,
    /// The next step up, and how large it is.
    step_at: Duration,
    step: f64,
    /// The time that a refusal costs at the rate that was found.
    cost: Duration,
    /// What the next refusal takes away where it isn't known what is accepted.
    share: f64,
    passed: Throughput,
    /// The first of the refusals since the last acceptance, and the rate that it
    /// left.
    streak: Option<(Duration, f64)>,
    /// Since a limit that had been used up was there again: when, and how many
    /// were accepted.
    budget: Option<(Duration, f64)>,
}

impl RateControl {
    /// Begins at `ceiling` where that is what is wanted (`--rate`), else gently.
    pub fn new(ceiling: f64, at_once: bool) -> Self {
        Self {
            ceiling,
            rate: if at_once {
                ceiling
            } else {
                GENTLE.min(ceiling)
            },
            told: None,
            kept: None,
            good: None,
            since: Duration::ZERO,
            cut: None,
            step_at: STEP,
            step: LARGEST_STEP,
            cost: Duration::ZERO,
            share: 1.0 - OF_ACCEPTED,
            passed: Throughput::default(),
            streak: None,
            budget: None,
        }
    }

    /// How many may start per second now.
    pub fn rate(&self) -> f64 {
        let told = self.told.unwrap_or(f64::INFINITY);
        self.rate.min(told).min(self.ceiling)
    }

    /// What holds it there.
    pub fn held(&self) -> Held {
        let rate = self.rate();
        if rate >= self.ceiling {
            Held::Ceiling
        } else if self.told.is_some_and(|told| rate >= told) {
            Held::Advertised
        } else if self.kept.is_some() {
            Held::Refused
        } else {
            Held::Growing
        }
    }

    /// Takes in that a request was accepted; `was_used` says whether the rate was
    /// what held requests back, for a rate that is not used proves nothing.
    /// True where a step was due.
    pub fn accepted(&mut self, now: Duration, was_used: bool) -> bool {
        self.passed.add(now);
        self.ended_streak(now);
        if now < self.step_at {
            return false;
        }
        self.step_at = now + STEP;
        self.share = 1.0 - OF_ACCEPTED;
        // A rate far above what comes of it says nothing either.
        let is_reached = self
            .passed
            .rate(now)
            .is_none_or(|passed| self.rate < passed * 2.5);
        if was_used && is_reached {
            self.step_up(now);
        }
        true
    }

    fn step_up(&mut self, now: Duration) {
        let next = (self.rate * (1.0 + self.step)).min(self.ceiling);
        if let Some(good) = self.good.take_if(|good| next >= *good) {
            // The limit is again what it was.
            self.rate = good;
            self.kept = Some(good);
            self.step = FIRST_STEP;
            self.since = now;
            self.step_at = now + self.rest(now, LEAST_GAIN);
            return;
        }
        self.rate = next;
        if self.kept.is_some() {
            let growth = if self.cost.is_zero() || self.good.is_some() {
                GROWTH
            } else {
                GENTLE_GROWTH
            };
            self.step = (self.step * growth).min(LARGEST_STEP);
        }
    }

    /// Takes in the limit that the server tells; `None` where it no longer does.
    pub fn told(&mut self, limit: Option<f64>) {
        let before = self.told;
        self.told = limit.map(|limit| limit * OF_TOLD);
        // A limit that is told needs no search, unless it was refused before
        // it was reached.
        if let Some(told) = self.told {
            let has_risen = before.is_none_or(|before| told > before * 1.01);
            if has_risen && self.rate < told {
                self.rate = told.min(self.ceiling);
                self.good = None;
                self.step = FIRST_STEP;
            }
        }
    }

    /// Whether a refusal of a request that started at `sent` is news.
    pub fn is_new(&self, sent: Duration) -> bool {
        self.cut.is_none_or(|cut| sent >= cut)
    }

    /// Takes in that a request that started at `sent` was refused for want of
    /// pace, which holds all requests back for `cost`.
    pub fn refused(&mut self, now: Duration, sent: Duration, cost: Duration) {
        if !self.is_new(sent) {
            return;
        }
        let before = self.rate();
        let limit = self.passed.limit(now);
        let accepted = if cost.is_zero() {
            self.passed.rate(now)
        } else {
            self.keep_in_mind(now, before);
            limit.map(|limit| limit.likely)
        };
        let found = self.found(before, accepted);
        // A step too far goes back to where it was good, and a little less far
        // back if more was accepted meanwhile. Elsewhere the limit is
        // another one than it was: what was found is a guess, and the true one
        // is sought at once.
        let is_same = |kept: &f64| (found / kept - 1.0).abs() < THE_SAME;
        let same = self.kept.filter(is_same);
        self.rate = match same {
            Some(kept) if before > kept && cost.is_zero() => {
                kept + (found - kept).max(0.0) * LEARNT
            }
            Some(_) | None => found,
        };
        self.good = self.good.filter(|good| *good > self.rate);
        // What a refusal cost at this rate, the next one will cost too.
        self.cost = cost.max(same.map_or(Duration::ZERO, |_| self.cost));
        let rest = if same.is_some() {
            let most = limit.map_or(before, |limit| limit.most);
            let most = most.max(self.good.unwrap_or_default());
            self.rest(now, most / self.rate - 1.0)
        } else {
            self.since = now;
            STEP
        };
        self.kept = Some(self.rate);
        self.step_at = now + cost + rest;
        self.cut = Some(now);
        self.step = FIRST_STEP;
        self.streak = self.streak.or(Some((now, self.rate)));
        // What was accepted before is no measure for what is accepted now; but
        // until there is one, it is still being taken.
        if accepted.is_some() {
            self.passed = Throughput::default();
        }
    }

    /// Remembers the rate at which it was if it was good for long: should the
    /// limit be another one now, it may be the old one again later.
    fn keep_in_mind(&mut self, now: Duration, before: f64) {
        let good = self.kept.zip(self.cut);
        let good = good.filter(|(_, cut)| now >= *cut + self.cost + SHORTEST_REST);
        if let Some((kept, _)) = good {
            let good = kept.min(before);
            self.good = Some(self.good.map_or(good, |better| better.max(good)));
        }
    }

    /// The rate after a refusal at `before`.
    ///
    /// Where too little was accepted since the last one to know how much may be,
    /// each takes twice as much as the one before it.
    fn found(&mut self, before: f64, accepted: Option<f64>) -> f64 {
        let Some(accepted) = accepted else {
            let share = self.share;
            self.share = (share * 2.0).min(DEEPEST_CUT);
            let streak = self.streak.map_or(0.0, |(_, rate)| rate);
            let least = (streak * DEEPEST_OF_STREAK).max(LEAST);
            return (before * (1.0 - share)).max(least.min(before));
        };
        self.share = 1.0 - OF_ACCEPTED;
        (accepted.min(before) * OF_ACCEPTED).max(before * DEEPEST_CUT)
    }

    /// How long a rate that was found is kept before more is tried, where it may
    /// be more by `gain`, as a share of the rate.
    ///
    /// A try that fails costs a pause, once in each rest; one that comes late
    /// loses what was to be gained for half a rest, once in the time that a limit
    /// lasts. This rest makes the sum least.
    fn rest(&self, now: Duration, gain: f64) -> Duration {
        let lasts = LASTS.max(now.saturating_sub(self.since));
        let cost = self.cost.as_secs_f64();
        let weighed = (2.0 * cost * lasts.as_secs_f64() / gain.max(LEAST_GAIN)).sqrt();
        let requests = Duration::try_from_secs_f64(REST_FOR_REQUESTS / self.rate);
        SHORTEST_REST
            .max(Duration::from_secs_f64(weighed))
            .max(requests.unwrap_or(Duration::MAX))
    }

    /// Takes in that a request was accepted, perhaps the first after refusals.
    ///
    /// A limit over a longer time lets everything pass until it is used up, and
    /// nothing from then on. What was accepted from one such end to the next is
    /// what it allows; the cuts meanwhile meant nothing.
    fn ended_streak(&mut self, now: Duration) {
        if let Some((_, accepted)) = &mut self.budget {
            *accepted += 1.0;
        }
        let Some((since, rate)) = self.streak.take() else {
            return;
        };
        let gap = now.saturating_sub(since);
        // What a server tells says it better.
        if gap < USED_UP || self.told.is_some() {
            return;
        }
        self.rate = rate;
        if let Some((began, accepted)) = self.budget {
            let average = accepted / now.saturating_sub(began).as_secs_f64();
            self.rate = (average * OF_ACCEPTED).min(rate);
        }
        self.kept = Some(self.rate);
        self.step = FIRST_STEP;
        self.cost = gap;
        self.good = None;
        self.since = now;
        self.step_at = now + self.rest(now, LEAST_GAIN);
        self.budget = Some((now, 0.0));
        self.passed = Throughput::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{GENTLE, Held, RateControl};

    const CEILING: f64 = 2000.0;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Accepts all that the control lets start between two times.
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

    /// A rate control that was refused at 100 a second, of which about as many pass.
    fn found() -> RateControl {
        let mut control = RateControl::new(CEILING, false);
        control.told(Some(100.0));
        control.told(None);
        accept(&mut control, 0.0, 0.95);
        refuse(&mut control, 0.95);
        control
    }

    fn near(rate: f64, wanted: f64) -> bool {
        (rate / wanted - 1.0).abs() < 0.03
    }

    #[test]
    fn it_begins_gently_and_doubles() {
        let mut control = RateControl::new(CEILING, false);
        assert!(near(control.rate(), GENTLE));
        accept(&mut control, 0.0, 3.5);
        assert!(near(control.rate(), GENTLE * 8.0), "{}", control.rate());
        assert_eq!(control.held(), Held::Growing);
    }

    #[test]
    fn a_rate_that_is_given_is_used_at_once() {
        let control = RateControl::new(200.0, true);
        assert_eq!((control.rate(), control.held()), (200.0, Held::Ceiling));
    }

    #[test]
    fn a_rate_that_nobody_uses_does_not_grow() {
        let mut control = RateControl::new(CEILING, false);
        (0..1000).for_each(|tenth| {
            control.accepted(at(f64::from(tenth) / 10.0), false);
        });
        assert!(near(control.rate(), GENTLE));
    }

    #[test]
    fn what_is_told_is_used_at_once_and_kept_a_little_below() {
        let mut control = RateControl::new(CEILING, false);
        control.told(Some(100.0));
        assert!((97.0..100.0).contains(&control.rate()));
        assert_eq!(control.held(), Held::Advertised);
        control.told(Some(50.0));
        assert!(control.rate() < 50.0);
        control.told(Some(100.0));
        assert!(control.rate() > 97.0);
    }

    #[test]
    fn a_refusal_goes_back_to_what_was_accepted_and_stays_there() {
        let mut control = found();
        let kept = control.rate();
        assert!((90.0..100.0).contains(&kept), "{kept}");
        assert_eq!(control.held(), Held::Refused);
        accept(&mut control, 1.0, 1.9);
        assert!(near(control.rate(), kept), "{}", control.rate());
    }

    #[test]
    fn what_was_sent_before_a_cut_is_not_held_against_it() {
        let mut control = found();
        let kept = control.rate();
        for _ in 0..20 {
            control.refused(at(1.0), at(0.9), Duration::ZERO);
        }
        assert!(near(control.rate(), kept) && !control.is_new(at(0.9)) && control.is_new(at(1.0)));
    }

    #[test]
    fn one_refusal_takes_at_most_half() {
        let mut control = RateControl::new(CEILING, true);
        for tenth in 0..20 {
            control.accepted(at(f64::from(tenth) / 10.0), true);
        }
        refuse(&mut control, 2.0);
        assert!(near(control.rate(), CEILING / 2.0), "{}", control.rate());
    }

    #[test]
    fn refusals_that_go_on_take_more_and_more() {
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
    fn however_long_it_is_refused_it_is_soon_back() {
        let mut control = RateControl::new(100.0, true);
        for second in 0..1000 {
            refuse(&mut control, f64::from(second));
            assert!(control.rate() > 9.0, "{}", control.rate());
        }
        control.accepted(at(1000.0), true);
        assert!(near(control.rate(), 97.0), "{}", control.rate());
    }

    #[test]
    fn a_step_too_far_goes_back_and_the_next_one_is_later() {
        let mut control = found();
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

    /// A bucket that holds a tenth of a second's worth; a refusal costs a second.
    fn dear(control: &mut RateControl, limit: f64, seconds: std::ops::Range<f64>) -> (f64, usize) {
        let (mut held, mut now) = (limit / 10.0, seconds.start);
        let (mut passed, mut refusals) = (0.0, 0);
        while now < seconds.end {
            let mut step = 1.0 / control.rate();
            if held >= 1.0 {
                held -= 1.0;
                passed += 1.0;
                control.accepted(at(now), true);
            } else {
                refusals += 1;
                control.refused(at(now), at(now), at(1.0));
                step += 1.0;
            }
            now += step;
            held = (held + step * limit).min(limit / 10.0);
        }
        (passed / (seconds.end - seconds.start) / limit, refusals)
    }

    #[test]
    fn two_dear_refusals_find_the_limit() {
        for limit in [60.0, 100.0, 137.0, 250.0, 1000.0] {
            let mut control = RateControl::new(CEILING, false);
            let (_, refusals) = dear(&mut control, limit, 0.0..30.0);
            assert_eq!(refusals, 2, "{limit}");
            let of_limit = control.rate() / limit;
            assert!((0.95..1.0).contains(&of_limit), "{limit}: {of_limit}");
        }
    }

    #[test]
    fn a_limit_that_halves_is_found_and_when_it_is_back_it_is_there_at_once() {
        let mut control = RateControl::new(CEILING, false);
        dear(&mut control, 100.0, 0.0..60.0);
        let before = control.rate();
        let (share, refusals) = dear(&mut control, 50.0, 60.0..120.0);
        assert!(share > 0.85 && refusals <= 7, "{share} {refusals}");
        assert!(near(control.rate(), 48.5), "{}", control.rate());
        let (share, refusals) = dear(&mut control, 100.0, 120.0..180.0);
        assert!(share > 0.8 && refusals == 0, "{share} {refusals}");
        assert!(near(control.rate(), before), "{}", control.rate());
    }

    #[test]
    fn a_rest_weighs_what_a_try_costs_against_what_it_may_gain() {
        let rest = |cost, now, gain| {
            let mut control = found();
            control.cost = at(cost);
            control.rest(at(now), gain).as_secs_f64()
        };
        assert!(near(rest(0.0, 60.0, 0.1), 8.0));
        assert!(near(rest(1.0, 60.0, 0.1), 49.0));
        // Four times as dear, and four times as much to gain.
        assert!(near(rest(4.0, 60.0, 0.1), 98.0));
        assert!(near(rest(1.0, 60.0, 0.4), 24.5));
        // It has lasted for eight minutes.
        assert!(near(rest(1.0, 480.0, 0.1), 98.0));
    }

    #[test]
    fn a_limit_over_a_minute_is_what_a_minute_takes() {
        let mut control = RateControl::new(CEILING, false);
        for minute in [0.0, 60.0, 120.0] {
            // 600 pass, and then nothing.
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
    fn where_the_server_tells_its_limit_a_gap_says_nothing() {
        let mut control = RateControl::new(CEILING, false);
        control.told(Some(0.1));
        refuse(&mut control, 1.0);
        control.told(Some(20.0));
        control.accepted(at(60.0), true);
        assert!(near(control.rate(), 20.0), "{}", control.rate());
    }

    #[derive(Debug, Clone)]
    enum Event {
        Accepted(bool),
        Refused(u64),
        Told(Option<f64>),
    }

    fn event() -> impl Strategy<Value = (u64, Event)> {
        let event = prop_oneof![
            8 => any::<bool>().prop_map(Event::Accepted),
            1 => (0_u64..60_000).prop_map(Event::Refused),
            1 => proptest::option::of(0.001..10_000.0).prop_map(Event::Told),
        ];
        (0_u64..20_000, event)
    }

    proptest! {
        #[test]
        fn it_never_exceeds_the_ceiling_or_what_is_told_and_never_stops(
            ceiling in 0.01..5000.0,
            at_once: bool,
            events in proptest::collection::vec(event(), 0..500),
        ) {
            let mut control = RateControl::new(ceiling, at_once);
            let (mut now, mut told) = (Duration::ZERO, None);
            for (millis, event) in events {
                now += Duration::from_millis(millis);
                let before = control.rate();
                match event {
                    Event::Accepted(was_used) => {
                        control.accepted(now, was_used);
                    }
                    Event::Refused(cost) => {
                        control.refused(now, now, Duration::from_millis(cost));
                        prop_assert!(control.rate() <= before);
                    }
                    Event::Told(limit) => {
                        control.told(limit);
                        told = limit;
                    }
                }
                let highest = told.map_or(ceiling, |told: f64| told.min(ceiling));
                prop_assert!(control.rate() <= highest);
                prop_assert!(control.rate() > 0.0005);
            }
        }
    }
}
