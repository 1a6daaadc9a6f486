//! What is said of customers that may be the checkpoint's, and are not proved to be.

use crate::domain::text::counted;

/// Names the customers that may be the checkpoint's and are left.
pub(super) fn unproved(many: u64, failed_rows: &[String]) -> Option<String> {
    if many == 0 {
        return None;
    }
    let found = counted(
        many,
        "other customer that it found at Kable is left: it is not proved that this checkpoint created it",
        "other customers that it found at Kable are left: it is not proved that this checkpoint created \
         them",
    );
    if failed_rows.is_empty() {
        return Some(format!("{found}."));
    }
    let rows = failed_rows.join(", ");
    Some(format!(
        "{found}. Rows of these failed; Kable may hold the customer under another clientId: {rows}"
    ))
}
