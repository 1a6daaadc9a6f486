//! Generates files of customers with planted mistakes, and checks what was found.
//!
//! `planted generate` writes a file and, beside it, the truth: what is wrong on which line,
//! known because it was planted there. `planted compare` compares the `problems.csv` of
//! `kable-bulk validate` with it. The generator shares nothing with the program, neither
//! its checks nor its tables: a double made of the same code would agree with its mistakes.

#![expect(
    clippy::indexing_slicing,
    reason = "a tool for developers may stop at the first surprise"
)]

pub(crate) mod book;
mod broken;
mod cases;
mod chance;
pub(crate) mod compare;
pub(crate) mod encode;
pub(crate) mod generate;
mod people;
mod places;
mod repeats;
mod row;
pub(crate) mod source;
mod truth;
mod words;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

/// Files of customers with planted mistakes.
#[derive(Debug, Parser)]
enum Planted {
    /// Write a file, and the truth about it.
    Generate(Generate),
    /// Hold a `problems.csv` against the truth; exit code 1 unless it is all of
    /// it and nothing else.
    Compare {
        /// What `generate` wrote.
        truth: PathBuf,
        /// What `kable-bulk validate` wrote.
        problems: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Generate {
    /// How many rows.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// The share of them that is bad.
    #[arg(long, default_value = "1%", value_parser = millionths)]
    bad: u64,
    /// The same seed makes the same file.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = encode::Format::Csv)]
    format: encode::Format,
    /// The file.
    out: PathBuf,
    /// The truth about it.
    truth: PathBuf,
}

/// A share such as `1%`, of a million.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a million is a whole number below it"
)]
fn millionths(text: &str) -> Result<u64, String> {
    let share = text
        .strip_suffix('%')
        .and_then(|share| share.parse::<f64>().ok());
    match share {
        Some(share) if (0.0..=100.0).contains(&share) => Ok((share * 10_000.0).round() as u64),
        Some(_) | None => Err("wanted a share such as 1%".to_owned()),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    match Planted::parse() {
        Planted::Generate(typed) => {
            write(&typed)?;
            Ok(ExitCode::SUCCESS)
        }
        Planted::Compare { truth, problems } => {
            let judgement = compare::compare(reader(&truth)?, reader(&problems)?)?;
            say(&judgement.to_string());
            Ok(ExitCode::from(u8::from(!judgement.is_clean())))
        }
    }
}

fn write(typed: &Generate) -> anyhow::Result<()> {
    let order = source::Order {
        format: typed.format,
        rows: typed.rows,
        bad: typed.bad,
        seed: typed.seed,
    };
    let made = generate::generate(&order, writer(&typed.out)?, writer(&typed.truth)?)?;
    let mut said = format!(
        "{} rows of {} bytes on average, {} of them blank and {} to be rejected;\n\
         each form of every mistake {} times or more\n",
        made.rows,
        made.bytes / made.rows.max(1),
        made.blank,
        made.rejected,
        made.rounds
    );
    for (code, count) in made.planted {
        writeln!(said, "{count:>10} {}", code.name())?;
    }
    say(&said);
    Ok(())
}

/// A reader may close its end early.
fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}

fn reader(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

fn writer(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}
