//! The structured fields in which a server tells its limits (RFC 9651): one
//! line of a header → what stands in it.
//!
//! A line that breaks the syntax is dropped whole, as RFC 9651 §4.2 wants; a
//! parameter of the wrong type or sign is dropped alone. What the values mean
//! together is `limits.rs`'s.

use std::convert::Infallible;
use std::time::Duration;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor,
    ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::QuotaUnit;

/// The most items, and the most quotas, of a response that are looked at.
/// Servers have two or three policies; thousands of them must not cost as much
/// on every response.
pub(super) const MOST_ITEMS: usize = 16;

/// One item of `RateLimit-Policy` or `RateLimit`, with the parameters of the
/// IETF draft. A number is a [`Duration`] of as many seconds: exact, never
/// negative, and most of them are seconds.
#[derive(Debug)]
pub(super) struct Item {
    /// What the item itself is.
    pub(super) subject: Subject,
    /// `q`: the quota.
    pub(super) quota: Option<Duration>,
    /// `w`: the window.
    pub(super) window: Option<Duration>,
    /// `qu`: what is counted; `None` where it is nothing that we count.
    pub(super) unit: Option<QuotaUnit>,
    /// `r`: how many are left.
    pub(super) remaining: Option<Duration>,
    /// `t`: until there are more.
    pub(super) reset: Option<Duration>,
}

/// What an item itself is.
#[derive(Debug)]
pub(super) enum Subject {
    /// The name of a policy (since draft 08).
    Name(String),
    /// A quota without a name (to draft 07).
    Number(Duration),
    /// Neither.
    Neither,
}

/// The limit that is closest to being reached, as draft 07 tells it.
#[derive(Debug, Default)]
pub(super) struct Closest {
    /// `limit`.
    pub(super) limit: Option<Duration>,
    /// `remaining`.
    pub(super) remaining: Option<Duration>,
    /// `reset`.
    pub(super) reset: Option<Duration>,
}

/// `"burst";q=100;w=60, "daily";q=1000;w=86400` (current draft) or
/// `100;w=60, 1000;w=3600` (to draft 07).
pub(super) fn items(line: &[u8]) -> Vec<Item> {
    let read = Parser::new(line).parse_list_with_visitor(Items(Vec::new()));
    read.unwrap_or_default()
}

/// `limit=100, remaining=50, reset=5` (draft 07).
pub(super) fn closest(line: &[u8]) -> Option<Closest> {
    let read = Parser::new(line).parse_dictionary_with_visitor(Closest::default());
    read.ok()
}

fn number(value: &BareItemFromInput<'_>) -> Option<Duration> {
    if let BareItemFromInput::Integer(whole) = value {
        return u64::try_from(*whole).ok().map(Duration::from_secs);
    }
    if let BareItemFromInput::Decimal(decimal) = value {
        let thousandths = u64::try_from(decimal.as_integer_scaled_1000());
        return thousandths.ok().map(Duration::from_millis);
    }
    None
}

fn text<'v>(value: &'v BareItemFromInput<'_>) -> Option<&'v str> {
    if let BareItemFromInput::String(text) = value {
        return Some(text.as_str());
    }
    // Drafts between 07 and 08 name policies with tokens.
    if let BareItemFromInput::Token(token) = value {
        return Some(token.as_str());
    }
    None
}

fn unit(value: &BareItemFromInput<'_>) -> Option<QuotaUnit> {
    match text(value)? {
        "requests" | "request" => Some(QuotaUnit::Requests),
        "concurrent-requests" => Some(QuotaUnit::InFlight),
        _ => None,
    }
}

struct Items(Vec<Item>);

impl<'de> ListVisitor<'de> for Items {
    type Out = Vec<Item>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(Entry(&mut self.0))
    }

    fn finish(self) -> Result<Vec<Item>, Infallible> {
        Ok(self.0)
    }
}

struct Entry<'a>(&'a mut Vec<Item>);

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Entry<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        let subject = match (text(&value), number(&value)) {
            (Some(name), _) => Subject::Name(name.to_owned()),
            (None, Some(number)) => Subject::Number(number),
            (None, None) => Subject::Neither,
        };
        let item = Item {
            subject,
            quota: None,
            window: None,
            unit: Some(QuotaUnit::Requests),
            remaining: None,
            reset: None,
        };
        Ok(Parameters { item, of: self.0 })
    }
}

struct Parameters<'a> {
    item: Item,
    of: &'a mut Vec<Item>,
}

impl<'de> ParameterVisitor<'de> for Parameters<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Infallible> {
        match key.as_str() {
            "q" => self.item.quota = number(&value),
            "w" => self.item.window = number(&value),
            "qu" => self.item.unit = unit(&value),
            "r" => self.item.remaining = number(&value),
            "t" => self.item.reset = number(&value),
            // `pk`, whose quota it is, is ours in any case.
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        if self.of.len() < MOST_ITEMS {
            self.of.push(self.item);
        }
        Ok(())
    }
}

impl<'de> DictionaryVisitor<'de> for Closest {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(match key.as_str() {
            "limit" => Some(Slot(&mut self.limit)),
            "remaining" => Some(Slot(&mut self.remaining)),
            "reset" => Some(Slot(&mut self.reset)),
            _ => None,
        })
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

struct Slot<'a>(&'a mut Option<Duration>);

impl<'de> EntryVisitor<'de> for Slot<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Slot<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        *self.0 = number(&value);
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_ITEMS, closest, items};

    #[test]
    fn a_line_that_breaks_the_syntax_is_dropped_whole() {
        for broken in [
            "\"a\";r=1,",
            "\"a\";r=1 \"b\"",
            "\"a\";r=1234567890123456",
            "\"a;r=1",
            "limit=1",
        ] {
            assert!(items(broken.as_bytes()).is_empty(), "{broken}");
        }
        assert!(closest(b"limit=1, \"a\"").is_none());
    }

    #[test]
    fn a_line_of_thousands_is_read_to_a_bound() {
        let line = vec!["\"a\";r=1"; 5000].join(",");
        assert_eq!(items(line.as_bytes()).len(), MOST_ITEMS);
    }
}
