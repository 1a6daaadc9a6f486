//! The mapping for the inputs: with the preset that their columns are recognised as,
//! where that is wanted.

use std::sync::Arc;

use super::hint::hinted;
use super::missing_columns::MissingColumns;
use super::screening::{MappedBy, refuse_foreign_export};
use crate::config::mapping::MappingSettings;
use crate::config::mapping_file::MappingFile;
use crate::config::presets::recognised;
use crate::domain::mapping::{Binding, Mapping};
use crate::domain::row::{Matching, Row, Rows};
use crate::source::input::Input;
use crate::source::reader::InputReader;
use crate::source::{ShortRows, SourceError};

/// How many rows of JSON are read for its columns.
const ROWS_LOOKED_AT: u64 = 50;

/// The mapping for the inputs.
pub(super) struct InputMapping {
    pub(super) mapping: Mapping,
    /// A preset that is proposed.
    pub(super) proposal: Option<PresetProposal>,
    /// What inputs look like that are read as told.
    pub(super) warnings: Vec<String>,
}

/// A preset that fits the columns, and is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PresetProposal {
    /// Its name.
    pub(super) name: String,
    /// The proposal in a sentence.
    pub(super) sentence: String,
}

/// Finds the mapping for `inputs`, and refuses those that it does not fit.
pub(super) fn mapping_for(
    settings: &MappingSettings,
    inputs: &Arc<[Input]>,
) -> anyhow::Result<InputMapping> {
    let mut fitting = Vec::new();
    if settings.is_auto() || settings.is_open() || settings.preset_name().is_some() {
        fitting = presets_for(inputs)?;
    }
    let mut proposal = None;
    let mapping = if settings.is_auto() {
        settings.mapping(Some(only_one(fitting, inputs)?))?
    } else {
        let found = proposal_of(&fitting, inputs);
        proposal = found.filter(|one| settings.preset_name() != Some(one.name.as_str()));
        settings.mapping(None)?
    };
    // Members of JSON that nothing names can't reject a row.
    let named: Arc<[String]> = mapping.named_columns().into();
    let short_rows = if mapping.input.accept_short_rows == Some(true) {
        ShortRows::Accept
    } else {
        ShortRows::Reject
    };
    let mut warnings = Vec::new();
    let mut missing = MissingColumns::default();
    for (number, input) in (0_u16..).zip(inputs.iter()) {
        input.name_columns(Arc::clone(&named));
        input.treat_short_rows(short_rows);
        let mut columns = input.columns()?;
        // The API's own members may all be missing, row by row; those of another system
        // are known.
        let is_foreign = columns.matching == Matching::Exact && !mapping.rules.is_empty();
        if is_foreign {
            columns.names = members(inputs, number)?;
        }
        // Refuses an unusable header before connecting.
        let bound = Binding::new(&mapping, &columns, &input.name).and_then(|binding| {
            missing.add(&binding, &columns.names, &named);
            if is_foreign {
                binding.require_fields(&columns)
            } else {
                Ok(())
            }
        });
        let wrong = bound.err();
        if let (Some(wrong), Some(proposal)) = (&wrong, &proposal) {
            return Err(hinted(wrong.to_string(), &proposal.sentence));
        }
        let mapped = mapped_by(settings);
        let warning = refuse_foreign_export(wrong, mapped, &columns.names, &input.name)?;
        warnings.extend(warning);
        warnings.extend(other_preset(settings, &columns.names, &input.name)?);
    }
    warnings.extend(missing.warnings());
    Ok(InputMapping {
        mapping,
        proposal: proposal.filter(|_| settings.is_open()),
        warnings,
    })
}

fn mapped_by(settings: &MappingSettings) -> MappedBy {
    if settings.names_columns() {
        MappedBy::User
    } else if settings.is_open() {
        MappedBy::Names
    } else {
        MappedBy::Preset
    }
}

/// A warning if these `columns` of `input` are those of an export that another preset is
/// for than the one that is named: some of the names may be the same by accident.
fn other_preset(
    settings: &MappingSettings,
    columns: &[String],
    input: &str,
) -> anyhow::Result<Option<String>> {
    let Some(named) = settings.preset_name() else {
        return Ok(None);
    };
    let fitting = recognised(columns)?;
    let [first, others @ ..] = fitting.as_slice() else {
        return Ok(None);
    };
    if fitting.iter().any(|file| file.name == named) {
        return Ok(None);
    }
    let options = others
        .iter()
        .map(|file| format!(" or --preset {}", file.name));
    Ok(Some(format!(
        "warning: {input} does not look like the export that --preset {named} is for, but like {}: \
         it should perhaps be --preset {}{}",
        first.title,
        first.name,
        options.collect::<String>()
    )))
}

/// The presets that all of `inputs` are recognised as.
fn presets_for(inputs: &Arc<[Input]>) -> anyhow::Result<Vec<MappingFile>> {
    let mut fitting: Option<Vec<MappingFile>> = None;
    for (number, input) in (0_u16..).zip(inputs.iter()) {
        let mut columns = input.columns()?;
        if columns.matching == Matching::Exact {
            columns.names = members(inputs, number)?;
        }
        let found = recognised(&columns.names)?;
        fitting = Some(match fitting {
            None => found,
            Some(mut fitting) => {
                fitting.retain(|one| found.iter().any(|other| other.name == one.name));
                fitting
            }
        });
    }
    Ok(fitting.unwrap_or_default())
}

/// The members that the first rows of the JSON input `number` have.
fn members(inputs: &Arc<[Input]>, number: u16) -> Result<Vec<String>, SourceError> {
    let mut rows = InputReader::from_input(Arc::clone(inputs), number, ROWS_LOOKED_AT);
    let mut row = Row::default();
    let mut names = Vec::new();
    while rows.next(&mut row)? && row.origin.input == number {
        names.clone_from(&rows.columns().names);
    }
    Ok(names)
}

fn only_one(mut fitting: Vec<MappingFile>, inputs: &[Input]) -> anyhow::Result<MappingFile> {
    let name = inputs.first().map_or("the input", |input| &input.name);
    match (fitting.pop(), fitting.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(hinted(
            format!("the columns of {name} are those of no known export"),
            "name a preset, or a mapping file with --mapping FILE",
        )),
        (Some(last), others) => {
            let others = others.iter().map(|file| file.name.as_str());
            let names: Vec<&str> = others.chain([last.name.as_str()]).collect();
            Err(hinted(
                format!(
                    "the columns of {name} are those of several exports: {}",
                    names.join(", ")
                ),
                "say which one it is with --preset NAME",
            ))
        }
    }
}

/// The only preset that fits.
fn proposal_of(fitting: &[MappingFile], inputs: &[Input]) -> Option<PresetProposal> {
    let [only] = fitting else { return None };
    let name = inputs.first().map(|input| &input.name)?;
    Some(PresetProposal {
        name: only.name.clone(),
        sentence: format!(
            "{name} looks like an export of another system ({}): --preset {} maps it",
            only.title, only.name
        ),
    })
}
