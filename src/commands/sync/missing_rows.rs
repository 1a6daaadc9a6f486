//! Whether the input may lack rows, or has rows that may be those of any customer. Then
//! customers without a row are not known, and none is cancelled: Kable revives none.

use std::collections::BTreeMap;

use crate::commands::hint::hinted;
use crate::domain::row_tally::RowTally;
use crate::domain::text::{counted, listed};
use crate::source::SourceError;
use crate::source::bytes::held_file::FileChange;
use crate::source::input::Input;
use crate::source::input_note::ListPart;

/// Refuses to cancel what inputs of rejected or failed rows alone do not have: they never
/// have the other customers.
pub(super) fn demand_whole_input(inputs: &[Input]) -> anyhow::Result<()> {
    if inputs.is_empty() {
        return Ok(());
    }
    for input in inputs {
        if !is_of_bad_rows(input)? {
            return Ok(());
        }
    }
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    Err(hinted(
        format!(
            "--prune cancel cancels the customers that the input does not have, and {} has only rows \
             that an earlier run rejected, or that failed",
            listed(&names, 3)
        ),
        "leave --prune cancel out to send the mended rows; to cancel as well, mend them in the whole \
         file, and sync that with --prune cancel",
    ))
}

/// Whether `input` is a file of rejected or failed rows, by the columns that it adds.
fn is_of_bad_rows(input: &Input) -> anyhow::Result<bool> {
    Ok(input.has_rows()? && has_added_columns(input)?)
}

/// Whether `input` has the columns that files of rejected or failed rows add.
fn has_added_columns(input: &Input) -> Result<bool, SourceError> {
    let names = input.columns()?.names;
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    Ok(has("_line") && (has("_code") || has("_status") || has("_message")))
}

/// The inputs, of those with these numbers, that should have rows and have none: a part of an
/// export that failed. There need not be rejected rows.
pub(super) fn without_rows(inputs: &[Input], numbers: &[usize]) -> anyhow::Result<Vec<String>> {
    let mut reasons = Vec::new();
    for input in numbers.iter().filter_map(|number| inputs.get(*number)) {
        // JSON says so in its own words.
        let missing = &input.completeness().missing_rows;
        let is_said = missing.iter().any(|why| why.part.is_none());
        if !is_said && !has_added_columns(input)? {
            reasons.push(format!("{} has no rows of customers", input.name));
        }
    }
    Ok(reasons)
}

/// Why rows may be missing from what was read of `inputs`, whose rows are counted in `tally`.
pub(super) fn unread_rows(inputs: &[Input], tally: &RowTally) -> Vec<String> {
    let mut reasons = Vec::new();
    let all = inputs.iter().map(Input::completeness);
    let missing = all.clone().flat_map(|input| &input.missing_rows);
    let read = read_of_lists(missing.filter_map(|why| why.part));
    // Several inputs may be the pages of one list. If they have more rows than the list, some
    // are of another list that counts as many.
    let is_whole = |part: ListPart| read.get(&part.total) == Some(&part.total);
    for input in inputs {
        for why in &input.completeness().missing_rows {
            if !why.part.is_some_and(is_whole) {
                reasons.push(format!("{} may lack rows ({})", input.name, why.text));
            }
        }
    }
    let has_pages = !read.is_empty() || all.clone().any(|input| input.has_pages);
    if has_pages && reasons.is_empty() && tally.repeated > 0 {
        let repeated = counted(tally.repeated, "row repeats", "rows repeat");
        reasons.push(format!(
            "{repeated} the clientId of an earlier one: of the pages that were read, one may be there \
             twice, and another not at all"
        ));
    }
    reasons
}

/// Which of `inputs` are not as they were opened.
pub(super) fn changed_inputs(inputs: &[Input]) -> Vec<String> {
    let mut reasons = Vec::new();
    for input in inputs {
        let name = &input.name;
        match input.change() {
            FileChange::Same => {}
            FileChange::Grown(_) => reasons.push(format!("{name} grew since it was opened")),
            FileChange::Replaced => {
                reasons.push(format!(
                    "{name} was replaced or removed since it was opened"
                ));
            }
        }
    }
    reasons
}

/// How many rows were read of the lists that `parts` are of, by how many each has.
fn read_of_lists(parts: impl Iterator<Item = ListPart>) -> BTreeMap<u64, u64> {
    let mut read = BTreeMap::new();
    for part in parts {
        *read.entry(part.total).or_default() += part.rows;
    }
    read
}

/// Why customers may have rows that were not read, or were not told apart.
pub(super) fn unknown_rows(tally: &RowTally) -> Vec<String> {
    let mut reasons = Vec::new();
    if tally.unidentified > 0 {
        let rejected = counted(
            tally.unidentified,
            "rejected row has no certain clientId, and may be that",
            "rejected rows have no certain clientId, and may be those",
        );
        reasons.push(format!("{rejected} of any customer"));
    }
    if tally.doubted > 0 {
        let doubted = counted(
            tally.doubted,
            "row has a clientId that Kable does not have and that a program may have changed",
            "rows have a clientId that Kable does not have and that a program may have changed",
        );
        reasons.push(doubted);
    }
    if tally.renamed > 0 {
        let renamed = counted(
            tally.renamed,
            "row failed whose customer Kable holds",
            "rows failed whose customers Kable holds",
        );
        reasons.push(format!("{renamed} under another clientId, or no longer"));
    }
    if tally.swallowed > 0 {
        let swallowed = counted(
            tally.swallowed,
            "row of the table stands",
            "rows of the table stand",
        );
        reasons.push(format!(
            "{swallowed} in cells of other rows, where a stray quote took them along"
        ));
    }
    reasons
}

/// Says how many customers are kept because a row may mean them, if there are any.
pub(super) fn kept_customers(many: u64) -> Option<String> {
    let customers = counted(many, "customer has", "customers have");
    (many > 0).then(|| {
        format!(
            "note: {customers} an id that differs from a row's clientId in case, blanks or invisible \
             characters alone: taken for the row's, and not for one that the file no longer has"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{RowTally, unknown_rows};

    #[test]
    fn an_input_that_may_lack_rows_is_known_by_its_counts() {
        let mut tally = RowTally::default();
        assert!(unknown_rows(&tally).is_empty());
        (tally.unidentified, tally.doubted, tally.swallowed) = (1, 2, 3);
        tally.renamed = 1;
        assert_eq!(
            unknown_rows(&tally),
            [
                "1 rejected row has no certain clientId, and may be that of any customer",
                "2 rows have a clientId that Kable does not have and that a program may have changed",
                "1 row failed whose customer Kable holds under another clientId, or no longer",
                "3 rows of the table stand in cells of other rows, where a stray quote took them along",
            ]
        );
    }
}
