//! A JSON array that comes in pieces → its elements, one after the other.
//!
//! All customers of an account come in one array (API reference, "Calls"), which
//! may be longer than memory. Only where each object ends is found out here;
//! what it holds is read by the caller.

/// The longest element, in bytes: far beyond any customer.
const LONGEST: usize = 1 << 20;

/// What is wrong with an answer that should be an array of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// It is something else.
    #[error("the answer is not an array of objects")]
    Other,
    /// It ends too early.
    #[error("the answer broke off before its end")]
    BrokenOff,
    /// One object is longer than any should be.
    #[error("an object in the answer is longer than {} KiB", LONGEST >> 10)]
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the array.
    Start,
    /// Behind the opening bracket: an object or the end.
    First,
    /// Behind a comma: an object.
    Next,
    /// In an object.
    Within,
    /// Behind an object: a comma or the end.
    Behind,
    /// Behind the array.
    End,
}

/// Takes pieces of an array.
#[derive(Debug)]
pub(super) struct Elements {
    at: At,
    /// How many brackets are open in the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The start of an element whose end is not here yet.
    held: Vec<u8>,
}

impl Elements {
    pub(super) fn new() -> Self {
        Self {
            at: At::Start,
            depth: 0,
            in_string: false,
            escaped: false,
            held: Vec::new(),
        }
    }

    /// Takes the next piece; `hear` is given each element that ends in it.
    pub(super) fn take(&mut self, piece: &[u8], hear: &mut impl FnMut(&[u8])) -> Result<(), Wrong> {
        let mut start = 0;
        for (place, byte) in piece.iter().enumerate() {
            if self.at == At::Within {
                if self.ends(*byte) {
                    let part = piece.get(start..=place).unwrap_or_default();
                    if self.held.is_empty() {
                        hear(part);
                    } else {
                        self.held.extend_from_slice(part);
                        hear(&self.held);
                        self.held.clear();
                    }
                    self.at = At::Behind;
                }
                continue;
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            self.at = match (self.at, byte) {
                (At::Start, b'[') => At::First,
                (At::First | At::Next, b'{') => {
                    (start, self.depth) = (place, 1);
                    At::Within
                }
                (At::First | At::Behind, b']') => At::End,
                (At::Behind, b',') => At::Next,
                // A byte-order mark may be ignored (RFC 8259 §8.1).
                (At::Start, 0xef | 0xbb | 0xbf) => At::Start,
                _ => return Err(Wrong::Other),
            };
        }
        if self.at == At::Within {
            let rest = piece.get(start..).unwrap_or_default();
            self.held.extend_from_slice(rest);
            if self.held.len() > LONGEST {
                return Err(Wrong::TooLong);
            }
        }
        Ok(())
    }

    /// Says that no more follows.
    pub(super) fn finish(&self) -> Result<(), Wrong> {
        if self.at == At::End {
            Ok(())
        } else {
            Err(Wrong::BrokenOff)
        }
    }

    /// Whether the element ends with `byte`.
    fn ends(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Elements, LONGEST, Wrong};

    fn elements(text: &[u8], piece: usize) -> Result<Vec<String>, Wrong> {
        let mut all = Elements::new();
        let mut heard = Vec::new();
        for piece in text.chunks(piece) {
            all.take(piece, &mut |element| {
                heard.push(String::from_utf8(element.to_vec()).unwrap());
            })?;
        }
        all.finish().map(|()| heard)
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            "[a-c\"\\\\{}\\[\\]é]{0,6}".prop_map(Into::into)
        ];
        leaf.prop_recursive(3, 9, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
                prop::collection::btree_map("[a\"]{0,2}", inner, 0..3)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_come_out_as_they_went_in_however_it_is_cut(
            members in prop::collection::vec(prop::collection::btree_map("[a-b]{1,2}", value(), 0..3), 0..5),
            piece in 1usize..30,
            pretty in any::<bool>(),
        ) {
            let array = serde_json::json!(members);
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let read = elements(text.as_bytes(), piece).unwrap();
            let read: Vec<serde_json::Value> = read.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(serde_json::json!(read), array);
            // And what is cut off is never taken for the whole.
            for end in 0..text.len() {
                prop_assert!(elements(&text.as_bytes()[..end], piece).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_array_of_objects_is_refused() {
        for text in [
            "{}", "[1]", "[{},]", "[{}{}]", "[{}]x", "null", "<html>", "[]]", ",", "[\"a\"]",
        ] {
            assert_eq!(elements(text.as_bytes(), 3), Err(Wrong::Other), "{text}");
        }
        let long = format!("[{{\"a\":\"{}", "x".repeat(LONGEST));
        assert_eq!(elements(long.as_bytes(), 4096), Err(Wrong::TooLong));
    }
}
