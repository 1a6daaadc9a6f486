//! Extracts the error message from a response's body, and the keys to redact.

use serde_json::Value;

use super::wire::without_mark;

/// The message in a body, and the keys in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BodyMessage {
    /// The message, or the whole body if it has none.
    pub(super) text: String,
    /// Keys elsewhere in the body, to be redacted in the message.
    pub(super) keys: Vec<String>,
}

/// How much of a body that is not JSON is examined: more than is ever shown.
const LONGEST_TEXT: usize = 16 << 10;

/// The message in the body of a failure.
///
/// `{"message": "…"}` is documented (`docs/api.md`, "Calls"). Any other body is
/// the message itself, without the values of members that are named like secrets:
/// a server that fails after it has created a customer may send the keys.
pub(super) fn message_of(body: &[u8]) -> BodyMessage {
    let Ok(mut value) = serde_json::from_slice::<Value>(without_mark(body)) else {
        let text = String::from_utf8_lossy(body.get(..LONGEST_TEXT).unwrap_or(body));
        // It may be truncated JSON, perhaps in the middle of a key.
        let end = text.to_ascii_lowercase().find("\"key");
        let (text, _keys) = text.split_at(end.unwrap_or(text.len()));
        return BodyMessage {
            text: text.to_owned(),
            keys: Vec::new(),
        };
    };
    let mut keys = Vec::new();
    hide_secrets(&mut value, false, &mut keys);
    let own = value.get_mut("message").map(Value::take);
    let text = match own.unwrap_or(value) {
        Value::String(text) => text,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => other.to_string(),
    };
    BodyMessage { text, keys }
}

/// Replaces the strings in members that are named like secrets, and adds them to
/// `keys`.
fn hide_secrets(value: &mut Value, secret: bool, keys: &mut Vec<String>) {
    const NAMES: [&str; 5] = ["key", "secret", "token", "password", "authorization"];
    match value {
        Value::String(text) if secret => {
            // Shorter strings are not keys, but may be words of the message.
            if text.len() >= 6 {
                keys.push(text.clone());
            }
            "…".clone_into(text);
        }
        Value::Array(items) => {
            for item in items {
                hide_secrets(item, secret, keys);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_ascii_lowercase();
                let named = NAMES.iter().any(|part| name.contains(part));
                hide_secrets(
                    member,
                    named || secret && name != "clientid" && name != "created",
                    keys,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What is wrong with a body, without a quotation from it: serde's own message
/// quotes values, which may be keys.
pub(super) fn explained(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") || !error.is_data() {
        return text;
    }
    format!(
        "a value of another type than wanted at column {}",
        error.column()
    )
}

#[cfg(test)]
mod tests {
    use super::message_of;

    #[test]
    fn a_message_holds_no_key() {
        let message = |body: &[u8]| message_of(body).text;
        assert_eq!(message(br#"{"message":"no\nway"}"#), "no\nway");
        assert_eq!(message(b"<html> Bad Gateway"), "<html> Bad Gateway");
        assert_eq!(
            message(br#"{"customerId":"cus_1","keys":[{"clientId":"c-1","key":"s3cr3t"}]}"#),
            r#"{"customerId":"cus_1","keys":[{"clientId":"c-1","key":"…"}]}"#
        );
        assert_eq!(
            message(br#"{"customerId":"cus_1","keys":[{"key":"s3c"#),
            r#"{"customerId":"cus_1","#
        );
        let both = message_of(br#"{"message":"s3cr3t was made","keys":[{"key":"s3cr3t"}]}"#);
        assert_eq!(both.keys, ["s3cr3t"]);
    }
}
