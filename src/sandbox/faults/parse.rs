//! Reads a fault from text; `mod.rs` has the grammar.

use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;

use super::kinds::{Argument, Effect, KINDS, OutageLength};
use crate::sandbox::faults::{Fault, FaultError, FaultTarget, Position};
use crate::sandbox::http::routes::Call;

/// The pause of `drip` by default: a customer of some 500 bytes takes two to three seconds.
const DRIP_PAUSE: Duration = Duration::from_millis(5);

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let free_text = takes_free_text(text);
        let (rest, target) = split_target(text, free_text);
        let target = target.map_or(Ok(FaultTarget::Call(None, Position::All)), read_target)?;
        let (rest, times) = split_suffix(rest, '*', read_times, free_text)?;
        let (rest, chance) = split_suffix(rest, '=', read_chance, free_text)?;
        let (name, argument) = match rest.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (rest, None),
        };
        let kind = KINDS
            .iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| FaultError::Kind(name.to_owned()))?;
        let (effect, lasts) = kind
            .argument
            .read(argument)
            .ok_or_else(|| FaultError::Argument {
                kind: kind.name,
                wanted: kind.argument.wanted(),
                found: argument.unwrap_or_default().to_owned(),
            })?;
        Ok(Self {
            name: kind.name,
            effect,
            lasts,
            target,
            chance,
            times,
        })
    }
}

/// Whether the argument may contain the signs that come after it in the grammar.
fn takes_free_text(text: &str) -> bool {
    KINDS.iter().any(|kind| {
        text.starts_with(kind.name) && matches!(kind.argument, Argument::Url(_) | Argument::Text(_))
    })
}

/// Splits at the first `@` before the name of a call, since a URL or a `clientId`
/// may contain others. Without one, what follows any `@` is a target that is wrong.
fn split_target(text: &str, free_text: bool) -> (&str, Option<&str>) {
    text.match_indices('@')
        .map(|(at, _)| text.split_at(at))
        .map(|(rest, target)| (rest, target.trim_start_matches('@')))
        .find(|(_, target)| names_call(target))
        .or_else(|| text.split_once('@').filter(|_| !free_text))
        .map_or((text, None), |(rest, target)| (rest, Some(target)))
}

/// Splits off the number behind the last `sign`. In free text, a sign without
/// a number belongs to the text.
fn split_suffix<T>(
    text: &str,
    sign: char,
    read: fn(&str) -> Result<T, FaultError>,
    free_text: bool,
) -> Result<(&str, Option<T>), FaultError> {
    let Some((rest, number)) = text.rsplit_once(sign) else {
        return Ok((text, None));
    };
    match read(number) {
        Ok(number) => Ok((rest, Some(number))),
        Err(_) if free_text => Ok((text, None)),
        Err(error) => Err(error),
    }
}

fn call_and_position(target: &str) -> (&str, Option<&str>) {
    target
        .split_once(':')
        .map_or((target, None), |(call, position)| (call, Some(position)))
}

fn names_call(target: &str) -> bool {
    let (call, _) = call_and_position(target);
    matches!(call, "client" | "request") || Call::of_word(call).is_some()
}

fn read_target(target: &str) -> Result<FaultTarget, FaultError> {
    let (call, position) = call_and_position(target);
    if call == "client" {
        return position
            .filter(|id| !id.is_empty())
            .map(|id| FaultTarget::Client(id.to_owned()))
            .ok_or_else(|| FaultError::Target(target.to_owned()));
    }
    let call = match call {
        "request" => None,
        word => Some(Call::of_word(word).ok_or_else(|| FaultError::Target(target.to_owned()))?),
    };
    let position = position.map_or(Ok(Position::All), read_position)?;
    Ok(FaultTarget::Call(call, position))
}

fn read_position(text: &str) -> Result<Position, FaultError> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let position = if let Some(nth) = text.strip_prefix("every-") {
        number(nth).map(Position::Every)
    } else if let Some(first) = text.strip_suffix('+') {
        number(first).map(Position::From)
    } else if let Some((first, last)) = text.split_once('-') {
        number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| Position::Between(first, last))
    } else {
        number(text).map(|only| Position::Between(only, only))
    };
    position.ok_or_else(|| FaultError::Position(text.to_owned()))
}

fn read_times(text: &str) -> Result<u64, FaultError> {
    text.parse()
        .ok()
        .filter(|times| *times > 0)
        .ok_or_else(|| FaultError::Times(text.to_owned()))
}

fn read_chance(text: &str) -> Result<f64, FaultError> {
    text.strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| FaultError::Chance(text.to_owned()))
}

pub(in crate::sandbox) fn read_time(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        millis.parse().ok().map(Duration::from_millis)
    } else {
        let seconds = text.strip_suffix('s')?;
        seconds.parse().ok().map(Duration::from_secs)
    }
}

fn read_status(text: &str) -> Option<StatusCode> {
    // A status below 200 is no final answer (RFC 9110 §15.2).
    text.parse()
        .ok()
        .filter(|code| (200..600).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
}

fn read_outage(text: &str) -> Option<OutageLength> {
    read_time(text)
        .map(OutageLength::Time)
        .or_else(|| text.parse().ok().map(OutageLength::Requests))
}

impl Argument {
    /// The effect with the argument `text`, and how long the fault lasts; `None` if
    /// the argument is wrong.
    fn read(&self, text: Option<&str>) -> Option<(Effect, Option<Duration>)> {
        let effect = match self {
            Self::Nothing(effect) => text.is_none().then(|| effect.clone())?,
            Self::Lasting(effect) => return Some((effect.clone(), Some(read_time(text?)?))),
            Self::MayLast(effect) => {
                let lasts = match text {
                    Some(text) => Some(read_time(text)?),
                    None => None,
                };
                return Some((effect.clone(), lasts));
            }
            Self::Time(effect) => effect(read_time(text?)?),
            Self::Pause(effect) => effect(text.map_or(Some(DRIP_PAUSE), read_time)?),
            Self::Status(effect) => effect(read_status(text?)?),
            Self::StatusAndTime(effect) => {
                let (status, time) = text?.split_once('/')?;
                effect(read_status(status)?, read_time(time)?)
            }
            Self::Wait(effect) => effect(match text {
                Some(seconds) => Some(seconds.parse().ok()?),
                None => None,
            }),
            Self::Seconds(effect) => effect(text?.parse().ok()?),
            Self::Outage(effect) => effect(read_outage(text?)?),
            Self::Url(effect) => effect(text.filter(|url| url.starts_with("http"))?.to_owned()),
            Self::Text(effect) => effect(text.filter(|text| !text.is_empty())?.to_owned()),
        };
        Some((effect, None))
    }

    /// What a right argument is.
    fn wanted(&self) -> &'static str {
        match self {
            Self::Nothing(_) => "no argument",
            Self::Time(_) | Self::Lasting(_) => "a time such as 2s or 50ms",
            Self::MayLast(_) => "a time such as 2s, or nothing",
            Self::Pause(_) => "a time such as 20ms, or nothing",
            Self::Status(_) => "a status from 200 to 599",
            Self::StatusAndTime(_) => "a status and a time such as 503/2s",
            Self::Wait(_) => "whole seconds, or nothing",
            Self::Seconds(_) => "whole seconds such as 90 or -3600",
            Self::Outage(_) => "a time such as 30s, or a number of requests",
            Self::Url(_) => "a URL",
            Self::Text(_) => "the text that is refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use crate::sandbox::faults::kinds::{
        ApiEffect, Argument, CannedReply, Effect, KINDS, OutageLength, ProxyFilter, Spoilage,
    };
    use crate::sandbox::faults::{Fault, FaultTarget, Position};
    use crate::sandbox::http::routes::Call;
    use crate::sandbox::store::task::Uniqueness;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap()
    }

    fn on(call: Call, position: Position) -> FaultTarget {
        FaultTarget::Call(Some(call), position)
    }

    fn on_requests(position: Position) -> FaultTarget {
        FaultTarget::Call(None, position)
    }

    fn on_client(id: &str) -> FaultTarget {
        FaultTarget::Client(id.to_owned())
    }

    #[test]
    fn every_kind_is_read_by_its_name() {
        for kind in &KINDS {
            let argument = match kind.argument {
                Argument::Nothing(_)
                | Argument::MayLast(_)
                | Argument::Pause(_)
                | Argument::Wait(_) => "",
                Argument::Time(_) | Argument::Lasting(_) => ":1s",
                Argument::Status(_) => ":500",
                Argument::StatusAndTime(_) => ":500/1s",
                Argument::Seconds(_) => ":60",
                Argument::Outage(_) => ":3",
                Argument::Url(_) => ":http://127.0.0.1/",
                Argument::Text(_) => ":x",
            };
            assert_eq!(fault(&format!("{}{argument}", kind.name)).name, kind.name);
        }
    }

    #[test]
    fn targets_are_read() {
        for (text, target) in [
            ("reset", on_requests(Position::All)),
            ("reset@request", on_requests(Position::All)),
            (
                "outage:20@request:50",
                on_requests(Position::Between(50, 50)),
            ),
            ("reset@request:50+", on_requests(Position::From(50))),
            ("hang@lookup", on(Call::Lookup, Position::All)),
            (
                "drip:20ms@create:3-5",
                on(Call::Create, Position::Between(3, 5)),
            ),
            (
                "throttle@create:every-10",
                on(Call::Create, Position::Every(10)),
            ),
            (
                "reset@client:me@request.example",
                on_client("me@request.example"),
            ),
            ("reset*2@client:a@b*c=d", on_client("a@b*c=d")),
            (
                "redirect:http://u@127.0.0.1:9/x",
                on_requests(Position::All),
            ),
        ] {
            assert_eq!(fault(text).target, target, "{text}");
        }
    }

    #[test]
    fn chance_and_times_are_read() {
        for (text, chance, times) in [
            ("lost-reply=1%", Some(0.01), None),
            ("lost-reply*3", None, Some(3)),
            ("lost-reply=25%*4@create:every-5", Some(0.25), Some(4)),
            ("throttle:7=0.5%*3@create:every-10", Some(0.005), Some(3)),
            ("reset@client:a@b*c=d", None, None),
            ("firewall:<script>=50%*2@create", Some(0.5), Some(2)),
            ("firewall:' OR 1=1; SELECT * FROM a@b.example", None, None),
        ] {
            let read = fault(text);
            assert_eq!((read.chance, read.times), (chance, times), "{text}");
        }
    }

    #[test]
    fn arguments_are_read() {
        let second = Duration::from_secs(1);
        let instead = |reply| Effect::Api(ApiEffect::ReplyInstead(reply));
        let drip = |millis| {
            let pause = Duration::from_millis(millis);
            Effect::Api(ApiEffect::Spoil(Spoilage::Drip(pause)))
        };
        let outage = |length| Effect::Api(ApiEffect::Outage(length));
        let delay = |uniqueness| Effect::Api(ApiEffect::Delay(second, uniqueness));
        let unavailable = || CannedReply::Status(StatusCode::SERVICE_UNAVAILABLE);
        let late_after = |reply| Effect::Api(ApiEffect::ReplyThenDelay(reply, second));
        for (text, effect) in [
            ("status:503@client:c-5", instead(unavailable())),
            ("status:503=5%", instead(unavailable())),
            ("throttle", instead(CannedReply::Throttle(None))),
            ("throttle:7=1%", instead(CannedReply::Throttle(Some(7)))),
            ("outage:20@request:50", outage(OutageLength::Requests(20))),
            ("outage:1000ms", outage(OutageLength::Time(second))),
            (
                "redirect:http://u@127.0.0.1:9/x@create:1",
                instead(CannedReply::Redirect("http://u@127.0.0.1:9/x".to_owned())),
            ),
            ("drip", drip(5)),
            ("drip:20ms@create:3-5", drip(20)),
            ("delay:1s", delay(Uniqueness::Checked)),
            ("land-late:1000ms=5%@create", delay(Uniqueness::Checked)),
            ("land-late-unchecked:1s", delay(Uniqueness::Unchecked)),
            (
                "status-then-land:503/1s*2@create",
                late_after(unavailable()),
            ),
            ("reset-then-land:1s", late_after(CannedReply::Reset)),
            ("down:30s@create:5", instead(unavailable())),
            ("clock:-3600@create:5", Effect::SetClock(-3600)),
        ] {
            assert_eq!(fault(text).effect, effect, "{text}");
        }
        let firewall = fault("firewall:' OR 1=1; SELECT * FROM a@b.example").effect;
        let text = "' OR 1=1; SELECT * FROM a@b.example".to_owned();
        let Effect::Proxy(_, filter) = firewall else {
            panic!("{firewall:?}");
        };
        assert_eq!(filter, ProxyFilter::BodyContains(text));
    }

    #[test]
    fn some_kinds_last_for_a_time() {
        let two = Some(Duration::from_secs(2));
        assert_eq!(fault("down:2s").lasts, two);
        assert_eq!(fault("login-page:2000ms@create:3").lasts, two);
        assert_eq!(fault("login-page").lasts, None);
        assert_eq!(fault("delay:2s").lasts, None);
    }

    #[test]
    fn an_error_names_what_is_wrong() {
        for (text, message) in [
            (
                "lose",
                "unknown fault \"lose\", perhaps lost-reply (wanted one of login-page,",
            ),
            ("x", "unknown fault \"x\" (wanted one of login-page,"),
            ("reset:5", "reset takes no argument, not \"5\""),
            (
                "status:99",
                "status takes a status from 200 to 599, not \"99\"",
            ),
            ("status", "status takes a status from 200 to 599, not \"\""),
            (
                "delay:5",
                "delay takes a time such as 2s or 50ms, not \"5\"",
            ),
            ("outage:x", "outage takes a time such as 30s, or a number"),
            ("land-late", "land-late takes a time such as 2s or 50ms"),
            (
                "status-then-land:503",
                "status-then-land takes a status and a time",
            ),
            ("firewall:", "firewall takes the text that is refused"),
            ("redirect:x@y", "redirect takes a URL, not \"x@y\""),
            ("login-page:now", "login-page takes a time such as 2s, or"),
            ("clock:1h", "clock takes whole seconds such as 90 or -3600"),
            ("reset=101%", "\"101%\" is not a chance"),
            ("reset=1", "\"1\" is not a chance"),
            ("reset*0", "\"0\" is not a number of times"),
            ("reset@client", "\"client\" is not a call"),
            ("reset@delivery:5", "\"delivery:5\" is not a call"),
            ("reset@create:0", "\"0\" is not a position"),
            ("reset@create:5-4", "\"5-4\" is not a position"),
            ("reset@create:every-0", "\"every-0\" is not a position"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
