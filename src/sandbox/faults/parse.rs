//! Reads a fault from text and writes it again; `mod.rs` has the grammar.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;

use crate::sandbox::faults::{Fault, FaultError, Length, WORDS, What, When, Which};
use crate::sandbox::http::routes::Call;

/// Drip's pause: a customer of some 500 bytes takes two to three seconds.
const DRIP: Duration = Duration::from_millis(5);

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        // A URL and a firewall's text may hold any of the signs that follow.
        let free = text.starts_with("redirect") || text.starts_with("firewall");
        // The first @ with a call behind it: a URL or a clientId may have others.
        let (rest, when) = text
            .match_indices('@')
            .map(|(at, _)| text.split_at(at))
            .map(|(rest, when)| (rest, when.trim_start_matches('@')))
            .find(|(_, when)| is_when(when))
            .or_else(|| text.split_once('@').filter(|_| !free))
            .map_or((text, None), |(rest, when)| (rest, Some(when)));
        let when = when.map_or(Ok(When::Call(None, Which::All)), read_when)?;
        let (rest, times) = match rest.rsplit_once('*') {
            Some((rest, times)) if !free || read_times(times).is_ok() => {
                (rest, Some(read_times(times)?))
            }
            Some(_) | None => (rest, None),
        };
        let (rest, chance) = match rest.rsplit_once('=') {
            Some((rest, chance)) if !free || read_chance(chance).is_ok() => {
                (rest, Some(read_chance(chance)?))
            }
            Some(_) | None => (rest, None),
        };
        let (word, argument) = match rest.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (rest, None),
        };
        Ok(Self {
            what: What::read(word, argument)?,
            when,
            chance,
            times,
        })
    }
}

fn call_and_which(when: &str) -> (&str, Option<&str>) {
    when.split_once(':')
        .map_or((when, None), |(call, which)| (call, Some(which)))
}

fn is_when(when: &str) -> bool {
    let (call, _) = call_and_which(when);
    matches!(call, "client" | "request") || Call::of_word(call).is_some()
}

fn read_when(when: &str) -> Result<When, FaultError> {
    let (call, which) = call_and_which(when);
    if call == "client" {
        return which
            .filter(|id| !id.is_empty())
            .map(|id| When::Client(id.to_owned()))
            .ok_or_else(|| FaultError::When(when.to_owned()));
    }
    let call = match call {
        "request" => None,
        word => Some(Call::of_word(word).ok_or_else(|| FaultError::When(when.to_owned()))?),
    };
    Ok(When::Call(call, which.map_or(Ok(Which::All), read_which)?))
}

fn read_which(text: &str) -> Result<Which, FaultError> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let read = if let Some(nth) = text.strip_prefix("every-") {
        number(nth).map(Which::Every)
    } else if let Some(first) = text.strip_suffix('+') {
        number(first).map(Which::From)
    } else if let Some((first, last)) = text.split_once('-') {
        number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| Which::Between(first, last))
    } else {
        number(text).map(|only| Which::Between(only, only))
    };
    read.ok_or_else(|| FaultError::Which(text.to_owned()))
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

fn read_status_and_time(text: &str) -> Option<What> {
    let (status, time) = text.split_once('/')?;
    read_status(status)
        .zip(read_time(time))
        .map(|(status, time)| What::StatusThenLand(status, time))
}

fn read_length(text: &str) -> Option<Length> {
    read_time(text)
        .map(Length::Time)
        .or_else(|| text.parse().ok().map(Length::Requests))
}

impl What {
    fn read(word: &str, argument: Option<&str>) -> Result<Self, FaultError> {
        let known = WORDS
            .into_iter()
            .find(|known| *known == word)
            .ok_or_else(|| FaultError::Word(word.to_owned()))?;
        let (read, wanted) = Self::with(known, argument);
        read.ok_or_else(|| FaultError::Argument {
            word: known,
            wanted,
            found: argument.unwrap_or_default().to_owned(),
        })
    }

    /// The fault of this word, if the argument is right, and what is a right one.
    fn with(word: &str, argument: Option<&str>) -> (Option<Self>, &'static str) {
        let page = |what: fn(Option<Duration>) -> Self| {
            let time = argument.map_or(Some(None), |text| read_time(text).map(Some));
            (time.map(what), "a time such as 2s, or nothing")
        };
        let status = |what: fn(StatusCode) -> Self| {
            let status = argument.and_then(read_status);
            (status.map(what), "a status from 200 to 599")
        };
        match word {
            "status" => status(Self::Status),
            "status-after" => status(Self::StatusAfter),
            "login-page" => page(Self::LoginPage),
            "not-found-page" => page(Self::NotFoundPage),
            "drip" => (
                argument.map_or(Some(DRIP), read_time).map(Self::Drip),
                "a time such as 20ms, or nothing",
            ),
            "throttle" => (
                argument
                    .map_or(Some(None), |text| text.parse().ok().map(Some))
                    .map(Self::Throttle),
                "whole seconds, or nothing",
            ),
            "redirect" => (
                argument
                    .filter(|url| url.starts_with("http"))
                    .map(|url| Self::Redirect(url.to_owned())),
                "a URL",
            ),
            "outage" => (
                argument.and_then(read_length).map(Self::Outage),
                "a time such as 30s, or a number of requests",
            ),
            "status-then-land" => (
                argument.and_then(read_status_and_time),
                "a status and a time such as 503/2s",
            ),
            "firewall" => (
                argument
                    .filter(|text| !text.is_empty())
                    .map(|text| Self::Firewall(text.to_owned())),
                "the text that is refused",
            ),
            "clock" => (
                argument.and_then(|text| text.parse().ok()).map(Self::Clock),
                "whole seconds such as 90 or -3600",
            ),
            other => match (Self::timed(other), Self::simple(other)) {
                (Some(timed), _) => (
                    argument.and_then(read_time).map(timed),
                    "a time such as 2s or 50ms",
                ),
                (None, simple) => (simple.filter(|_| argument.is_none()), "nothing"),
            },
        }
    }

    /// The faults that take a time and nothing else.
    fn timed(word: &str) -> Option<fn(Duration) -> Self> {
        Some(match word {
            "delay" => Self::Delay,
            "land-late" => Self::LandLate,
            "land-late-unchecked" => Self::LandLateUnchecked,
            "reset-then-land" => Self::ResetThenLand,
            "down" => Self::Down,
            _ => return None,
        })
    }

    /// The faults that are a word and nothing more.
    fn simple(word: &str) -> Option<Self> {
        Some(match word {
            "reset" => Self::Reset,
            "hang" => Self::Hang,
            "html" => Self::Html,
            "bad-gateway" => Self::BadGateway,
            "revoke-key" => Self::RevokeKey,
            "lost-reply" => Self::LostReply,
            "hang-after" => Self::HangAfter,
            "cut-body" => Self::CutBody,
            "empty-body" => Self::EmptyBody,
            "html-after" => Self::HtmlAfter,
            "garbage" => Self::Garbage,
            "other-body" => Self::OtherBody,
            "altered" => Self::Altered,
            "huge-body" => Self::HugeBody,
            "no-slashes" => Self::NoSlashes,
            _ => return None,
        })
    }
}

/// As it can be read again.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.word())?;
        if let Some(argument) = self.what.argument() {
            write!(f, ":{argument}")?;
        }
        if let Some(chance) = self.chance {
            write!(f, "={}%", chance * 100.0)?;
        }
        if let Some(times) = self.times {
            write!(f, "*{times}")?;
        }
        match &self.when {
            When::Call(None, Which::All) => Ok(()),
            When::Call(call, which) => {
                write!(f, "@{}{which}", call.map_or("request", Call::word))
            }
            When::Client(id) => write!(f, "@client:{id}"),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::From(first) => write!(f, ":{first}+"),
            Self::Between(only, last) if only == last => write!(f, ":{only}"),
            Self::Between(first, last) => write!(f, ":{first}-{last}"),
            Self::Every(nth) => write!(f, ":every-{nth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::faults::{Fault, WORDS, What, When, Which};
    use crate::sandbox::http::routes::Call;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap()
    }

    fn said(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        for text in [
            "lost-reply=1%",
            "lost-reply@create:17",
            "status:503@client:c-5",
            "status:503=5%",
            "reset*2@client:a@b*c=d",
            "hang@lookup",
            "throttle:7=0.5%*3@create:every-10",
            "throttle",
            "outage:20@request:50",
            "outage:30000ms@request:50+",
            "redirect:http://u@127.0.0.1:9/x@create:1",
            "redirect:http://u@127.0.0.1:9/x",
            "revoke-key@create:500+",
            "drip:20ms@create:3-5",
            "land-late:4000ms=5%@create",
            "land-late-unchecked:50ms@create:1-5",
            "status-then-land:503/2000ms*2@create",
            "reset-then-land:2000ms",
            "down:30000ms@create:5",
            "login-page",
            "login-page:2000ms@create:3",
            "not-found-page:2000ms",
            "no-slashes@lookup",
            "firewall:' OR 1=1; SELECT * FROM a@b.example",
            "firewall:<script>=50%*2@create",
            "clock:-3600@create:5",
        ] {
            assert_eq!(fault(text).to_string(), text);
        }
    }

    #[test]
    fn every_word_is_read_and_says_its_word() {
        for word in WORDS {
            let argument = match word {
                "delay" | "land-late" | "land-late-unchecked" | "reset-then-land" | "down" => ":1s",
                "status" | "status-after" => ":500",
                "status-then-land" => ":500/1s",
                "firewall" => ":x",
                "clock" => ":60",
                "redirect" => ":http://127.0.0.1/",
                "outage" => ":3",
                _ => "",
            };
            assert_eq!(fault(&format!("{word}{argument}")).what.word(), word);
        }
    }

    #[test]
    fn the_parts_of_a_fault_go_where_they_belong() {
        let read = fault("lost-reply=25%*4@create:every-5");
        let expected = Fault {
            what: What::LostReply,
            when: When::Call(Some(Call::Create), Which::Every(5)),
            chance: Some(0.25),
            times: Some(4),
        };
        assert_eq!(read, expected);
        assert_eq!(fault("reset").when, When::Call(None, Which::All));
        let client = fault("reset@client:me@request.example");
        assert_eq!(client.when, When::Client("me@request.example".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            (
                "lose",
                "\"lose\" is no fault (wanted one of login-page, not-found-page,",
            ),
            ("reset:5", "reset takes nothing, not \"5\""),
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
            ("login-page:now", "login-page takes a time such as 2s, or"),
            ("clock:1h", "clock takes whole seconds such as 90 or -3600"),
            ("reset=101%", "\"101%\" is no share"),
            ("reset=1", "\"1\" is no share"),
            ("reset*0", "\"0\" is no number of times"),
            ("reset@client", "\"client\" names no requests"),
            ("reset@delivery:5", "\"delivery:5\" names no requests"),
            ("reset@create:0", "\"0\" is no position"),
            ("reset@create:5-4", "\"5-4\" is no position"),
            ("reset@create:every-0", "\"every-0\" is no position"),
        ] {
            let said = said(text);
            assert!(said.starts_with(message), "{text}: {said}");
        }
    }
}
