//! Reads the API keys in the answer to a create, which carries them once.
//!
//! The API documents a list of objects with `key`. Other spellings are accepted where they
//! leave no doubt, because a key that is not read is lost: texts, one instead of a list, one
//! for each environment, and other names of the member.

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Key;

/// A key as an object, or the keys of the environments.
#[derive(Deserialize)]
struct KeyObject<'b> {
    #[serde(borrow)]
    key: Option<&'b RawValue>,
    #[serde(borrow)]
    secret: Option<&'b RawValue>,
    #[serde(borrow, rename = "apiKey")]
    api_key: Option<&'b RawValue>,
    #[serde(borrow, rename = "LIVE")]
    live: Option<&'b RawValue>,
    #[serde(borrow, rename = "TEST")]
    test: Option<&'b RawValue>,
    #[serde(borrow, rename = "live")]
    live_lower: Option<&'b RawValue>,
    #[serde(borrow, rename = "test")]
    test_lower: Option<&'b RawValue>,
}

/// The keys in a member's value. Each is read by itself: a malformed one must not lose the
/// others.
pub(super) fn created_keys(value: &RawValue) -> Vec<Key> {
    match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        Ok(items) => items.into_iter().flat_map(keys_of_item).collect(),
        Err(_) => keys_of_item(value),
    }
}

/// A key as a text or an object, or an object of such for the environments.
fn keys_of_item(value: &RawValue) -> Vec<Key> {
    if let Some(key) = key_text(value) {
        return vec![key];
    }
    let Ok(object) = serde_json::from_str::<KeyObject<'_>>(value.get()) else {
        return Vec::new();
    };
    if let Some(key) = own_key(&object) {
        return vec![key];
    }
    let environments = [
        object.live,
        object.test,
        object.live_lower,
        object.test_lower,
    ];
    environments
        .into_iter()
        .flatten()
        .flat_map(keys_of_environment)
        .collect()
}

fn keys_of_environment(value: &RawValue) -> Vec<Key> {
    let one = |value: &RawValue| {
        key_text(value).or_else(|| own_key(&serde_json::from_str(value.get()).ok()?))
    };
    match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        Ok(items) => items.into_iter().filter_map(one).collect(),
        Err(_) => one(value).into_iter().collect(),
    }
}

/// The documented member first: beside it, another may be a part of the key.
fn own_key(object: &KeyObject<'_>) -> Option<Key> {
    let members = [object.key, object.secret, object.api_key];
    members.into_iter().flatten().find_map(key_text)
}

fn key_text(value: &RawValue) -> Option<Key> {
    let key: Key = serde_json::from_str(value.get()).ok()?;
    (!key.expose_secret().is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::created_keys;

    fn read(value: &str) -> Vec<String> {
        let value: &serde_json::value::RawValue = serde_json::from_str(value).unwrap();
        let keys = created_keys(value);
        keys.iter()
            .map(|key| key.expose_secret().to_owned())
            .collect()
    }

    #[test]
    fn keys_are_read_in_every_spelling_that_leaves_no_doubt() {
        for value in [
            r#"[{"clientId":"c-1","key":"sk_1","created":"x"},{"key":"sk_2","secret":"s"}]"#,
            r#"["sk_1","sk_2"]"#,
            r#"[{"secret":"sk_1"},{"apiKey":"sk_2"}]"#,
            r#"{"LIVE":"sk_1","TEST":{"key":"sk_2"}}"#,
            r#"{"live":["sk_1"],"test":[{"secret":"sk_2"}]}"#,
            r#"[{"LIVE":"sk_1"},{"TEST":"sk_2"}]"#,
            r#"[null,{"key":5},"sk_1",[],{"key":""},{"key":"sk_2"}]"#,
        ] {
            assert_eq!(read(value), ["sk_1", "sk_2"], "{value}");
        }
        for value in [
            r#""sk_1""#,
            r#"{"key":"sk_1"}"#,
            r#"{"environment":"TEST","secret":"sk_1"}"#,
        ] {
            assert_eq!(read(value), ["sk_1"], "{value}");
        }
    }

    #[test]
    fn what_may_be_anything_is_no_key() {
        for value in [
            "null",
            "17",
            "[]",
            "{}",
            r#""""#,
            r#"{"id":"x","name":"y"}"#,
            "[[\"x\"]]",
        ] {
            assert_eq!(read(value), [""; 0], "{value}");
        }
    }
}
