//! Refuses inputs that must not be read or were taken by mistake, before anything of
//! them is sent, shown or written: card data, and exports of something else.

use std::sync::Arc;

use super::hint::hinted;
use crate::domain::card_columns::{CardColumns, MOST_SAMPLED};
use crate::domain::foreign_export::{ForeignExport, recognise};
use crate::domain::mapping::MappingError;
use crate::domain::row::{Columns, Row, Rows};
use crate::domain::text::quoted;
use crate::source::input::Input;
use crate::source::reader::InputReader;

/// Refuses inputs with a column of full card numbers.
pub(super) fn refuse_card_data(inputs: &Arc<[Input]>) -> anyhow::Result<()> {
    for (number, input) in (0_u16..).zip(inputs.iter()) {
        let (sampled, columns) = sample(inputs, number);
        if let Some(column) = sampled.found(&columns.names) {
            return Err(hinted(
                format!(
                    "{}: column {} holds full numbers of payment cards, which must not be sent or \
                     stored outside of an environment that complies with PCI DSS; nothing was read \
                     into results or sent",
                    input.name,
                    quoted(&column)
                ),
                "export again without card data, or remove the column, and delete copies of this \
                 file; the last four digits do no harm",
            ));
        }
    }
    Ok(())
}

/// Counts the values in the first rows of an input.
fn sample(inputs: &Arc<[Input]>, number: u16) -> (CardColumns, Columns) {
    let mut reader = InputReader::from_input(Arc::clone(inputs), number, MOST_SAMPLED);
    let mut sampled = CardColumns::default();
    let mut columns = Columns::open();
    let mut row = Row::default();
    // An error of the input is reported where it is read for good.
    while let Ok(true) = reader.next(&mut row) {
        if row.origin.input != number {
            break;
        }
        sampled.add(&row);
        if columns.names.len() != reader.columns().names.len() {
            columns = reader.columns().clone();
        }
    }
    (sampled, columns)
}

/// Who says which columns feed which fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MappedBy {
    /// The columns themselves, which have the names of Kable's fields.
    Names,
    /// A preset, which is for exports of customers only.
    Preset,
    /// The user.
    User,
}

/// Refuses an input that its mapping does not fit, or that is an export of something
/// else. If the user said which columns are which, an export of something else is read as
/// told; the warning says what it looks like.
pub(super) fn refuse_foreign_export(
    wrong: Option<MappingError>,
    mapped: MappedBy,
    columns: &[String],
    name: &str,
) -> anyhow::Result<Option<String>> {
    match (recognise(columns), wrong) {
        (None, None) => Ok(None),
        (Some(export), Some(MappingError::MissingColumns { .. })) => Err(foreign(&export, name)),
        (_, Some(other)) => Err(other.into()),
        (Some(export), None) => match mapped {
            MappedBy::Names => Ok(None),
            MappedBy::Preset => Err(foreign(&export, name)),
            MappedBy::User => Ok(Some(format!(
                "{name} looks like {}; it is read as customers, because its columns are mapped",
                export.what
            ))),
        },
    }
}

fn foreign(export: &ForeignExport, name: &str) -> anyhow::Error {
    hinted(
        format!(
            "{name} looks like {}, which holds no customers",
            export.what
        ),
        format!(
            "export {} instead. If its rows are customers, name the columns: --map \
             clientId=COLUMN --map companyName=COLUMN --map currency=COLUMN",
            export.instead
        ),
    )
}
