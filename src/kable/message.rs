//! What the body of an answer says to people, without keys.

use serde_json::Value;

use super::wire::without_mark;

/// What a body says, beside keys that it holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The message, or what stands there instead.
    pub(super) message: String,
    /// Values that must not be in it.
    pub(super) keys: Vec<String>,
}

/// How much of a body that is no JSON is looked at: more than is ever shown.
const LONGEST_TEXT: usize = 16 << 10;

/// What an answer that says no gives as its reason.
///
/// `{"message": "…"}` is documented; anything else is shown as it is, but for
/// the values of members that are named like secrets: a server that fails after
/// it has created a customer may answer with the customer's keys.
pub(super) fn said(body: &[u8]) -> Said {
    let Ok(mut value) = serde_json::from_slice::<Value>(without_mark(body)) else {
        let text = String::from_utf8_lossy(body.get(..LONGEST_TEXT).unwrap_or(body));
        // JSON that breaks off, perhaps within a key.
        let end = text.to_ascii_lowercase().find("\"key");
        let message = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        return Said {
            message: message.to_owned(),
            keys: Vec::new(),
        };
    };
    let mut keys = Vec::new();
    hide_secrets(&mut value, false, &mut keys);
    let own = value.get_mut("message").map(Value::take);
    let message = match own.unwrap_or(value) {
        Value::String(text) => text,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => other.to_string(),
    };
    Said { message, keys }
}

/// Takes the values out of members that are named like secrets.
fn hide_secrets(value: &mut Value, secret: bool, keys: &mut Vec<String>) {
    const NAMES: [&str; 5] = ["key", "secret", "token", "password", "authorization"];
    match value {
        Value::String(text) if secret => {
            // Shorter ones are no keys, and would take words out of the message.
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

/// What is wrong with a body, without what stands in it: the parser's own text
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
    use super::said;

    #[test]
    fn a_message_is_what_the_body_says_and_no_key() {
        let message = |body: &[u8]| said(body).message;
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
        let both = said(br#"{"message":"s3cr3t was made","keys":[{"key":"s3cr3t"}]}"#);
        assert_eq!(both.keys, ["s3cr3t"]);
    }
}
