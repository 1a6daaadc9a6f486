//! Removes secrets from text that a server sent back, in any common encoding.
//!
//! A server may echo a request: as it was, in another case, escaped for JSON, a
//! URL or HTML (also several times), as hexadecimal digits or base64, with blanks
//! or invisible characters inside, or cut short. The text is decoded in layers;
//! each byte keeps its place in the original text, and the secret's part of that
//! text is replaced. A secret that was encrypted is not found.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::decoding::{self, DecodedByte};
use super::pair_filter::PairFilter;
use crate::domain::hex::hex;

/// The replacement for a secret.
const REPLACEMENT: &str = "…";

/// How many bytes of a secret are enough to be replaced in a message.
const PART: usize = 8;

/// The same in a customer's data, which is compared with rows: a name that shares
/// a word with a secret must not change.
const PART_OF_DATA: usize = 16;

/// How many times a text may have been escaped.
const LAYERS: usize = 6;

/// The public prefixes of the vendor's secrets (`docs/api.md`, "Hosts, transport,
/// authentication").
const PREFIXES: [&[u8]; 2] = [b"sk_live", b"sk_test"];

/// The secrets to remove from text.
#[derive(Clone, Default)]
pub(super) struct Redaction {
    messages: Arc<Needles>,
    data: Arc<Needles>,
    /// Of the needles in data.
    data_filter: Arc<PairFilter>,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

/// Parts of secrets in every encoding, in lower case.
#[derive(Default)]
struct Needles {
    /// How many bytes of a secret are enough to be replaced.
    part: usize,
    /// Whether every word in the format of the vendor's secrets is replaced.
    by_shape: bool,
    /// The parts, by their length.
    parts: Vec<(usize, HashSet<Vec<u8>>)>,
    /// Parts that are replaced only next to others: a secret's public prefix.
    public: HashSet<Vec<u8>>,
}

impl Redaction {
    /// A redaction of `secrets`, and of every other secret of the vendor's format.
    pub(super) fn of<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut messages = Needles::of_parts(PART, true);
        let mut data = Needles::of_parts(PART_OF_DATA, false);
        for secret in secrets {
            messages.add(secret.trim());
            data.add(secret.trim());
        }
        let parts = data.parts.iter().flat_map(|(_, parts)| parts);
        let data_filter = PairFilter::of(parts.map(Vec::as_slice));
        Self {
            data_filter: Arc::new(data_filter),
            messages: Arc::new(messages),
            data: Arc::new(data),
        }
    }

    /// A message without secrets.
    pub(super) fn redacted(&self, text: &str) -> String {
        without(text, self.messages.found_in(text))
    }

    /// Removes secrets from a value of a customer's data.
    pub(super) fn redact_value(&self, value: &mut String) {
        if !self.data_filter.may_match(value) {
            return;
        }
        let found = self.data.found_in(value);
        if !found.is_empty() {
            *value = without(value, found);
        }
    }
}

impl Needles {
    fn of_parts(part: usize, by_shape: bool) -> Self {
        Self {
            part,
            by_shape,
            ..Self::default()
        }
    }

    /// The ranges of secrets in `text`, in any encoding.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut units = decoding::units(text);
        for _ in 0..LAYERS {
            // Short secrets, and those recognised by their format alone, are not
            // looked for across blanks: they would be found in ordinary words.
            self.find(
                &units,
                self.by_shape,
                |length| length < self.part,
                &mut found,
            );
            let visible = decoding::visible(&units);
            self.find(&visible, false, |length| length >= self.part, &mut found);
            let Some(decoded) = decoding::decoded(&units) else {
                break;
            };
            units = decoded;
        }
        found
    }

    fn add(&mut self, secret: &str) {
        let form = secret.to_ascii_lowercase().into_bytes();
        let (hidden, part) = (hidden_length(&form), self.part);
        if hidden < part {
            self.add_parts(&form, form.len());
            return;
        }
        self.add_parts(&form, part);
        // A part that is all prefix reveals nothing.
        if form.len() - hidden >= part
            && let Some((_, parts)) = self.parts.iter_mut().find(|(length, _)| *length == part)
        {
            let (public, _) = form.split_at(part);
            parts.remove(public);
            self.public.insert(public.to_vec());
        }
        self.add_parts(&in_hex(secret.as_bytes()), 2 * part);
        for shift in 0..3 {
            let encoded = in_base64(secret.as_bytes(), shift);
            let for_urls = encoded.replace('+', "-").replace('/', "_");
            for form in [encoded, for_urls] {
                self.add_parts(&form.to_ascii_lowercase().into_bytes(), part * 8 / 6);
            }
        }
    }

    fn add_parts(&mut self, form: &[u8], length: usize) {
        if length == 0 {
            return;
        }
        let parts = form.windows(length).map(<[u8]>::to_vec);
        match self.parts.iter_mut().find(|(other, _)| *other == length) {
            Some((_, known)) => known.extend(parts),
            None => self.parts.push((length, parts.collect())),
        }
    }

    /// Adds the ranges of the original text that hold parts of the lengths that
    /// `has_length` accepts.
    fn find(
        &self,
        units: &[DecodedByte],
        by_shape: bool,
        has_length: impl Fn(usize) -> bool,
        found: &mut Vec<Range<usize>>,
    ) {
        let bytes: Vec<u8> = units.iter().map(|unit| unit.byte).collect();
        let mut ranges: Vec<(Range<usize>, bool)> = Vec::new();
        let lengths = self.parts.iter().filter(|(length, _)| has_length(*length));
        for (length, parts) in lengths {
            let windows = bytes.windows(*length).enumerate();
            let strong = windows.filter(|(_, window)| parts.contains(*window));
            ranges.extend(strong.map(|(at, window)| (at..at + window.len(), true)));
        }
        if !ranges.is_empty() && !self.public.is_empty() {
            let windows = bytes.windows(self.part).enumerate();
            let weak = windows.filter(|(_, window)| self.public.contains(*window));
            ranges.extend(weak.map(|(at, _)| (at..at + self.part, false)));
        }
        if by_shape {
            ranges.extend(in_vendors_format(&bytes).map(|range| (range, true)));
        }
        for range in joined(ranges) {
            let (units, _) = units.split_at(range.end);
            let (_, secret) = units.split_at(range.start);
            if let (Some(first), Some(last)) = (secret.first(), secret.last()) {
                found.push(first.start..last.end);
            }
        }
    }
}

/// The length of a secret without the vendor's public prefix.
fn hidden_length(form: &[u8]) -> usize {
    let prefix = PREFIXES.iter().find(|prefix| form.starts_with(prefix));
    // The prefix is followed by a separator.
    prefix.map_or(form.len(), |prefix| {
        form.len().saturating_sub(prefix.len() + 1)
    })
}

/// The ranges of words that have the format of the vendor's secrets.
fn in_vendors_format(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let starts = memchr::memmem::find_iter(bytes, b"sk_").collect::<Vec<_>>();
    starts.into_iter().filter_map(|start| {
        let (_, rest) = bytes.split_at(start);
        let mut prefixes = PREFIXES.iter();
        let word = prefixes.find_map(|prefix| rest.strip_prefix(*prefix))?;
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-+/=".contains(byte);
        let length = word.iter().take_while(is_part).count();
        let hidden = word.iter().take(length).any(u8::is_ascii_alphanumeric);
        let separated = word.first().is_some_and(|byte| b"._-".contains(byte));
        let end = bytes.len() - word.len() + length;
        (hidden && separated).then_some(start..end)
    })
}

/// Merges ranges that overlap or touch, and drops those of which no part is
/// secret (the `bool`).
fn joined(mut ranges: Vec<(Range<usize>, bool)>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|(range, _)| range.start);
    let mut joined: Vec<(Range<usize>, bool)> = Vec::new();
    for (range, is_secret) in ranges {
        match joined.last_mut() {
            Some((last, also)) if range.start <= last.end => {
                last.end = last.end.max(range.end);
                *also |= is_secret;
            }
            Some(_) | None => joined.push((range, is_secret)),
        }
    }
    let secret = joined.into_iter().filter(|(_, is_secret)| *is_secret);
    secret.map(|(range, _)| range).collect()
}

/// `text` with the ranges `found` replaced.
fn without(text: &str, found: Vec<Range<usize>>) -> String {
    if found.is_empty() {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let (mut rest, mut start) = (text, 0);
    for range in joined(found.into_iter().map(|range| (range, true)).collect()) {
        let (before, from) = rest.split_at(range.start - start);
        kept.push_str(before);
        kept.push_str(REPLACEMENT);
        (_, rest) = from.split_at(range.len());
        start = range.end;
    }
    kept.push_str(rest);
    kept
}

fn in_hex(bytes: &[u8]) -> Vec<u8> {
    hex(bytes).into_bytes()
}

/// The base64 characters that `bytes` alone determine when `shift` other bytes
/// come before them (RFC 4648 §4).
fn in_base64(bytes: &[u8], shift: usize) -> String {
    let all = std::iter::repeat_n(&0, shift).chain(bytes);
    let bits: Vec<u8> = all
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    // Characters that also hold bits of a byte before or after are left out.
    let first = (shift * 8).div_ceil(6);
    let sextets = bits.chunks_exact(6).skip(first);
    let values = sextets.map(|bits| bits.iter().fold(0, |value, bit| value << 1 | bit));
    values
        .map(|value| match value {
            0..26 => char::from(b'A' + value),
            26..52 => char::from(b'a' + value - 26),
            52..62 => char::from(b'0' + value - 52),
            62 => '+',
            _ => '/',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Redaction;

    const SECRET: &str = "sk_test.Qm7f-9Zx2Lr0Kd8Wb3Vn";

    fn redacted(text: &str) -> String {
        Redaction::of([SECRET]).redacted(text)
    }

    fn escaped(escape: impl Fn(u8) -> String) -> String {
        SECRET.bytes().map(escape).collect()
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let json = escaped(|byte| format!("\\u{byte:04x}"));
        let forms = [
            SECRET.to_owned(),
            SECRET.to_uppercase(),
            json.clone(),
            json.replace('\\', "\\\\"),
            escaped(|byte| format!("%{byte:02X}")),
            escaped(|byte| format!("%25{byte:02x}")),
            escaped(|byte| format!("&#{byte};")),
            escaped(|byte| format!("&#x{byte:x}")),
            escaped(|byte| format!("\\x{byte:02x}")),
            escaped(|byte| format!("={byte:02X}")),
            escaped(|byte| format!("{} ", char::from(byte))),
            escaped(|byte| format!("{}\u{200b}", char::from(byte))),
            escaped(|byte| format!("{byte:02X}")),
            SECRET.replacen('s', "\\u0073", 1),
            SECRET.replace('.', "&period;").replace('_', "%5f"),
            "c2tfdGVzdC5RbTdmLTlaeDJMcjBLZDhXYjNWbg".to_owned(),
        ];
        for form in forms {
            let shown = redacted(&format!("you sent [{form}], no"));
            let bare = shown.trim_end_matches(" ], no");
            let bare = bare.trim_end_matches("], no");
            assert!(shown.starts_with("you sent […"), "{form} → {shown}");
            // What remains of base64 is less than a byte at either end.
            assert!(bare.chars().count() < 14, "{form} → {shown}");
        }
    }

    #[test]
    fn base64_is_found_after_any_number_of_other_bytes() {
        for before in ["kci:", "kci_:", "kci_1:"] {
            let text = format!("{before}{SECRET}");
            let encoded = super::in_base64(text.as_bytes(), 0);
            let shown = redacted(&format!("Basic {encoded}="));
            assert!(shown.contains('…'), "{shown}");
            assert!(shown.len() < 24, "{shown}");
        }
    }

    #[test]
    fn a_part_of_a_secret_is_taken_out_but_not_its_public_prefix_alone() {
        assert_eq!(redacted("it begins sk_test.Qm7"), "it begins …");
        assert_eq!(redacted("it ends in Kd8Wb3Vn"), "it ends in …");
        assert_eq!(
            redacted("a key like sk_test. or sk_test"),
            "a key like sk_test. or sk_test"
        );
        assert_eq!(
            redacted("nothing % here & there \\"),
            "nothing % here & there \\"
        );
    }

    #[test]
    fn other_secrets_of_the_vendors_format_are_taken_out() {
        assert_eq!(redacted("made sk_live_4f9A and sk_test.1"), "made … and …");
        assert_eq!(redacted("sk\\u005flive\\u002eabc"), "…");
    }

    #[test]
    fn data_that_shares_a_word_with_a_secret_is_unchanged() {
        let redaction = Redaction::of(["sk_test.sandbox-only-not-a-secret"]);
        for (value, kept) in [
            (
                "sandbox-only GmbH, not-a-secret",
                "sandbox-only GmbH, not-a-secret",
            ),
            ("sk_test.sandbox", "sk_test.sandbox"),
            ("sk_test.sandbox-only-not-a-secret & Co", "… & Co"),
        ] {
            let mut text = value.to_owned();
            redaction.redact_value(&mut text);
            assert_eq!(text, kept);
        }
    }

    #[test]
    fn a_short_secret_is_found_as_a_whole() {
        let redaction = Redaction::of(["sk_test.1", "pass"]);
        assert_eq!(redaction.redacted("a sk_test.1 PASS"), "a … …");
    }

    proptest::proptest! {
        #[test]
        fn the_quick_test_of_data_misses_nothing(
            before in "[a-zA-Z0-9 ._%&\\-]{0,20}",
            start in 0_usize..28, length in 0_usize..30, gap in 0_usize..40, between in "[ \u{200b}]?",
            form in 0_u8..4, after in "[a-z ü]{0,12}",
        ) {
            let part: String = SECRET.chars().skip(start).take(length).collect();
            let digits = String::from_utf8(super::in_hex(part.as_bytes())).unwrap();
            let for_url = |(place, digit): (usize, char)| {
                (place % 2 == 0).then_some('%').into_iter().chain([digit])
            };
            let part = match form {
                0 => part,
                1 => part.to_uppercase(),
                2 => digits.to_uppercase(),
                _ => digits.chars().enumerate().flat_map(for_url).collect(),
            };
            let (one, other): (String, String) =
                (part.chars().take(gap).collect(), part.chars().skip(gap).collect());
            let text = format!("{before}{one}{between}{other}{after}");
            let redaction = Redaction::of([SECRET]);
            if !redaction.data.found_in(&text).is_empty() {
                proptest::prop_assert!(redaction.data_filter.may_match(&text), "{text}");
            }
        }
    }
}
