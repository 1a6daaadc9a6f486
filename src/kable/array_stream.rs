//! Splits a JSON array that is received in pieces into its elements.
//!
//! The API returns all customers of an account in one array (`docs/api.md`,
//! "Calls"), which may be larger than memory. Only the end of each object is found
//! here; the caller parses it.

/// The longest element, in bytes: far beyond any customer.
const LONGEST: usize = 1 << 20;

/// Why a response is not a whole array of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArrayError {
    /// It is not an array of objects.
    #[error("the answer is not an array of objects")]
    NotAnArray,
    /// It ends within the array.
    #[error("the answer broke off before its end")]
    BrokenOff,
    /// An object is longer than [`LONGEST`].
    #[error("an object in the answer is longer than {} KiB", LONGEST >> 10)]
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayState {
    /// Before the array.
    Start,
    /// After the opening bracket: an object or the end.
    First,
    /// After a comma: an object.
    Next,
    /// In an object.
    Within,
    /// After an object: a comma or the end.
    Behind,
    /// After the array.
    End,
}

/// An incremental parser of an array.
#[derive(Debug)]
pub(super) struct ArrayStream {
    state: ArrayState,
    /// How many brackets are open in the element.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The start of an element whose end has not been received yet.
    partial: Vec<u8>,
}

impl ArrayStream {
    pub(super) fn new() -> Self {
        Self {
            state: ArrayState::Start,
            depth: 0,
            in_string: false,
            escaped: false,
            partial: Vec::new(),
        }
    }

    /// Parses the next piece of the array and calls `on_element` with each element
    /// that ends in it.
    pub(super) fn push(
        &mut self,
        mut piece: &[u8],
        on_element: &mut impl FnMut(&[u8]),
    ) -> Result<(), ArrayError> {
        while let Some((byte, after)) = piece.split_first() {
            if self.state != ArrayState::Within {
                if self.between(*byte)? == ArrayState::Within {
                    self.depth = 0;
                } else {
                    piece = after;
                    continue;
                }
            }
            let Some(length) = self.element_end(piece) else {
                self.partial.extend_from_slice(piece);
                break;
            };
            let (element, after) = piece.split_at(length);
            if self.partial.is_empty() {
                on_element(element);
            } else {
                self.partial.extend_from_slice(element);
                on_element(&self.partial);
                self.partial.clear();
            }
            self.state = ArrayState::Behind;
            piece = after;
        }
        if self.partial.len() > LONGEST {
            return Err(ArrayError::TooLong);
        }
        Ok(())
    }

    /// Consumes `byte`, which is outside of an element, and returns the new state.
    fn between(&mut self, byte: u8) -> Result<ArrayState, ArrayError> {
        if !byte.is_ascii_whitespace() {
            self.state = match (self.state, byte) {
                (ArrayState::Start, b'[') => ArrayState::First,
                (ArrayState::First | ArrayState::Next, b'{') => ArrayState::Within,
                (ArrayState::First | ArrayState::Behind, b']') => ArrayState::End,
                (ArrayState::Behind, b',') => ArrayState::Next,
                // A byte-order mark may be ignored (RFC 8259 §8.1).
                (ArrayState::Start, 0xef | 0xbb | 0xbf) => ArrayState::Start,
                _ => return Err(ArrayError::NotAnArray),
            };
        }
        Ok(self.state)
    }

    /// How many bytes of `piece` belong to the element that is open; `None` if it
    /// does not end in `piece`.
    fn element_end(&mut self, piece: &[u8]) -> Option<usize> {
        piece
            .iter()
            .position(|byte| self.ends(*byte))
            .map(|last| last + 1)
    }

    /// Call after the last piece: an error if the array has not ended.
    pub(super) fn finish(&self) -> Result<(), ArrayError> {
        if self.state == ArrayState::End {
            Ok(())
        } else {
            Err(ArrayError::BrokenOff)
        }
    }

    /// Consumes a byte of an element; returns whether the element ends there.
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

    use super::{ArrayError, ArrayStream, LONGEST};

    fn elements(text: &[u8], piece: usize) -> Result<Vec<String>, ArrayError> {
        let mut array = ArrayStream::new();
        let mut elements = Vec::new();
        for piece in text.chunks(piece) {
            array.push(piece, &mut |element| {
                elements.push(String::from_utf8(element.to_vec()).unwrap());
            })?;
        }
        array.finish().map(|()| elements)
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
        fn elements_are_the_same_however_the_array_is_cut_into_pieces(
            members in prop::collection::vec(prop::collection::btree_map("[a-b]{1,2}", value(), 0..3), 0..5),
            piece in 1usize..30,
            pretty in any::<bool>(),
        ) {
            let array = serde_json::json!(members);
            let text = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();
            let read = elements(text.as_bytes(), piece).unwrap();
            let read: Vec<serde_json::Value> = read.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(serde_json::json!(read), array);
            // An array that is cut off is never taken for a whole one.
            for end in 0..text.len() {
                prop_assert!(elements(&text.as_bytes()[..end], piece).is_err());
            }
        }
    }

    #[test]
    fn anything_but_an_array_of_objects_is_an_error() {
        for text in [
            "{}", "[1]", "[{},]", "[{}{}]", "[{}]x", "null", "<html>", "[]]", ",", "[\"a\"]",
        ] {
            assert_eq!(
                elements(text.as_bytes(), 3),
                Err(ArrayError::NotAnArray),
                "{text}"
            );
        }
        let long = format!("[{{\"a\":\"{}", "x".repeat(LONGEST));
        assert_eq!(elements(long.as_bytes(), 4096), Err(ArrayError::TooLong));
    }
}
