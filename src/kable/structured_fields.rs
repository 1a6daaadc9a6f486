//! Parses a line of `RateLimit` or `RateLimit-Policy`, which are structured fields
//! (RFC 9651), into items.
//!
//! A line that breaks the syntax is dropped whole, as RFC 9651 §4.2 requires; of a
//! parameter with the wrong type or sign, only the parameter. `limits.rs` says what
//! the values mean together.

use std::convert::Infallible;
use std::time::Duration;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor,
    ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::QuotaUnit;

/// The most items, and the most quotas, that are read from a response. Servers
/// have two or three policies; a response with thousands must stay cheap.
pub(super) const MOST_ITEMS: usize = 16;

/// One item of `RateLimit-Policy` or `RateLimit`, with the parameters of the
/// IETF draft. A number is a [`Duration`] of that many seconds: exact, and never
/// negative; most of them are seconds.
#[derive(Debug)]
pub(super) struct RateLimitItem {
    /// What the item itself is.
    pub(super) subject: Subject,
    /// `q`: the quota.
    pub(super) quota: Option<Duration>,
    /// `w`: the window.
    pub(super) window: Option<Duration>,
    /// `qu`: what is counted; `None` for a unit that is not supported.
    pub(super) unit: Option<QuotaUnit>,
    /// `r`: how many are left.
    pub(super) remaining: Option<Duration>,
    /// `t`: how long until there are more.
    pub(super) reset: Option<Duration>,
}

/// What an item itself is.
#[derive(Debug)]
pub(super) enum Subject {
    /// The name of a policy (since draft 08).
    Name(String),
    /// A quota without a name (up to draft 07).
    Number(Duration),
    /// Neither.
    Neither,
}

/// The limit that is closest to being reached, in the form of draft 07.
#[derive(Debug, Default)]
pub(super) struct ClosestLimit {
    /// `limit`.
    pub(super) limit: Option<Duration>,
    /// `remaining`.
    pub(super) remaining: Option<Duration>,
    /// `reset`.
    pub(super) reset: Option<Duration>,
}

/// `"burst";q=100;w=60, "daily";q=1000;w=86400` (current draft) or
/// `100;w=60, 1000;w=3600` (up to draft 07).
pub(super) fn items(line: &[u8]) -> Vec<RateLimitItem> {
    let read = Parser::new(line).parse_list_with_visitor(ItemListVisitor(Vec::new()));
    read.unwrap_or_default()
}

/// `limit=100, remaining=50, reset=5` (draft 07).
pub(super) fn closest(line: &[u8]) -> Option<ClosestLimit> {
    let read = Parser::new(line).parse_dictionary_with_visitor(ClosestLimit::default());
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

struct ItemListVisitor(Vec<RateLimitItem>);

impl<'de> ListVisitor<'de> for ItemListVisitor {
    type Out = Vec<RateLimitItem>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(ItemEntry(&mut self.0))
    }

    fn finish(self) -> Result<Vec<RateLimitItem>, Infallible> {
        Ok(self.0)
    }
}

struct ItemEntry<'a>(&'a mut Vec<RateLimitItem>);

impl<'de> EntryVisitor<'de> for ItemEntry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for ItemEntry<'_> {
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
        let item = RateLimitItem {
            subject,
            quota: None,
            window: None,
            unit: Some(QuotaUnit::Requests),
            remaining: None,
            reset: None,
        };
        Ok(ItemParameters { item, of: self.0 })
    }
}

struct ItemParameters<'a> {
    item: RateLimitItem,
    of: &'a mut Vec<RateLimitItem>,
}

impl<'de> ParameterVisitor<'de> for ItemParameters<'_> {
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
            // `pk` says whose quota it is: this client's.
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

impl<'de> DictionaryVisitor<'de> for ClosestLimit {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(match key.as_str() {
            "limit" => Some(NumberSlot(&mut self.limit)),
            "remaining" => Some(NumberSlot(&mut self.remaining)),
            "reset" => Some(NumberSlot(&mut self.reset)),
            _ => None,
        })
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

struct NumberSlot<'a>(&'a mut Option<Duration>);

impl<'de> EntryVisitor<'de> for NumberSlot<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for NumberSlot<'_> {
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
    fn no_more_items_are_read_than_the_bound() {
        let line = vec!["\"a\";r=1"; 5000].join(",");
        assert_eq!(items(line.as_bytes()).len(), MOST_ITEMS);
    }
}
