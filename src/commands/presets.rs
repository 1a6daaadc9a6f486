//! `kable-bulk presets`: lists the mapping presets, or prints one as a mapping file.

use std::fmt::Write;

use super::exit::Exit;
use super::finish::print;
use crate::cli::PresetsOptions;
use crate::config::ConfigError;
use crate::config::mapping_file::MappingFile;
use crate::config::presets::{PRESETS, Preset};
use crate::domain::mapping::Recognition;

/// Lists the presets, or prints one.
pub fn run(typed: &PresetsOptions) -> anyhow::Result<Exit> {
    match &typed.name {
        Some(name) => {
            let preset = Preset::called(name).map_err(|wrong| ConfigError::NoPreset { wrong })?;
            print(preset.text)?;
        }
        None => print(&list(&all()?))?,
    }
    Ok(Exit::Done)
}

fn all() -> Result<Vec<MappingFile>, ConfigError> {
    PRESETS.into_iter().map(Preset::read).collect()
}

fn list(presets: &[MappingFile]) -> String {
    let width = presets.iter().map(|preset| preset.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    let mut line = |part: String| {
        // Writing to a string can't fail.
        writeln!(text, "{}", part.trim_end()).ok();
    };
    for preset in presets {
        let name = &preset.name;
        line(format!("{name:width$}  {}", preset.title));
        line(format!(
            "{:width$}  recognised by {}",
            "",
            recognised_by(&preset.recognise)
        ));
    }
    line(String::new());
    line(
        "Read an export with --preset NAME; kable-bulk presets NAME prints one as a mapping file."
            .to_owned(),
    );
    text
}

/// The columns that an export is recognised by.
fn recognised_by(recognition: &Recognition) -> String {
    let groups = recognition.any.iter().map(|group| {
        // The first few names of a group tell enough.
        let shown: Vec<&str> = group.iter().take(3).map(String::as_str).collect();
        let more = if group.len() > 3 { " …" } else { "" };
        format!("{}{more}", shown.join("/"))
    });
    let all = recognition.all.iter().cloned();
    all.chain(groups).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{all, list};

    #[test]
    fn every_preset_is_listed_with_what_it_is_recognised_by() {
        insta::assert_snapshot!(list(&all().unwrap()));
    }
}
