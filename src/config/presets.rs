//! The mapping files that are built in.

use std::sync::OnceLock;

use super::error::ConfigError;
use super::mapping_file::{self, MappingFile};
use crate::domain::nearest::nearest;

/// A mapping file that is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        [$(Preset {
            name: $name,
            text: include_str!(concat!("../../presets/", $name, ".toml")),
        }),*]
    };
}

/// All of them, by name.
pub const PRESETS: [Preset; 18] = presets![
    "braintree",
    "chargebee",
    "hubspot",
    "lago",
    "maxio",
    "metronome",
    "orb",
    "paddle",
    "quickbooks",
    "recurly",
    "salesforce",
    "shopify",
    "square",
    "stripe",
    "stripe-api",
    "stripe-sigma",
    "xero",
    "zuora",
];

impl Preset {
    /// The preset that the option `preset` names.
    pub fn of_name(name: &str) -> Result<Self, ConfigError> {
        let option = "preset";
        Self::called(name).map_err(|wrong| ConfigError::Value { option, wrong })
    }

    /// The preset called `name`, or why there is none.
    pub fn called(name: &str) -> Result<Self, String> {
        let known = PRESETS.iter().find(|preset| preset.name == name);
        known.copied().ok_or_else(|| {
            let names = PRESETS.map(|preset| preset.name);
            let wanted = match nearest(name, names) {
                Some(near) => format!("perhaps {near}"),
                None => format!("wanted auto or one of {}", names.join(" ")),
            };
            format!("there is no preset {name:?}, {wanted}")
        })
    }

    /// What it says.
    pub fn read(self) -> Result<MappingFile, ConfigError> {
        mapping_file::parse(self.text, None).map_err(|wrong| ConfigError::Mapping {
            path: format!("the preset {}", self.name),
            wrong,
        })
    }
}

/// All presets, parsed once.
static PARSED: OnceLock<Vec<MappingFile>> = OnceLock::new();

/// What each of them says.
fn parsed() -> Result<&'static [MappingFile], ConfigError> {
    if let Some(files) = PARSED.get() {
        return Ok(files);
    }
    let files: Vec<MappingFile> = PRESETS
        .into_iter()
        .map(Preset::read)
        .collect::<Result<_, _>>()?;
    Ok(PARSED.get_or_init(|| files))
}

/// The presets that are for exports with these columns.
pub fn recognised(columns: &[String]) -> Result<Vec<MappingFile>, ConfigError> {
    let fits = |file: &&MappingFile| file.recognise.fits(columns);
    Ok(parsed()?.iter().filter(fits).cloned().collect())
}

/// The columns of all presets: a header is likely to have some of them.
pub fn known_columns() -> Result<Vec<String>, ConfigError> {
    let mut known: Vec<String> = Vec::new();
    for file in parsed()? {
        let recognised = file.recognise.names().map(str::to_owned);
        known.extend(file.mapping.named_columns().into_iter().chain(recognised));
    }
    known.sort_unstable();
    known.dedup();
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::{PRESETS, Preset, known_columns};

    #[test]
    fn every_preset_can_be_read_and_has_its_name_and_a_title() {
        for preset in PRESETS {
            let file = preset.read().unwrap();
            assert_eq!(file.name, preset.name);
            assert!(!file.title.is_empty(), "{}", preset.name);
            assert!(file.recognise.names().next().is_some(), "{}", preset.name);
        }
        assert!(
            known_columns()
                .unwrap()
                .contains(&"Created (UTC)".to_owned())
        );
    }

    #[test]
    fn every_file_of_a_preset_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/presets");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let listed = PRESETS.map(|preset| format!("{}.toml", preset.name));
        let mut listed = listed.to_vec();
        listed.sort();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_name_that_is_nearly_right_is_corrected() {
        let wrong = Preset::of_name("strip").unwrap_err().to_string();
        assert!(wrong.contains("perhaps stripe"), "{wrong}");
    }
}
