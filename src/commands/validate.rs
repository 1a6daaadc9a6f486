//! `kable-bulk validate`: reads and checks everything, sends nothing.

use std::sync::Arc;

use tokio::time::Instant;

use super::results::{Ending, say_unused, seconds};
use super::{
    Exit, lock_folder, open_inputs, runtime, shell_word, signals, style, threads, typed_again,
};
use crate::cli::Validate;
use crate::config::reading::reading;
use crate::config::{FileOptions, showing};
use crate::domain::plan::Policy;
use crate::domain::summary::Summary;
use crate::engine::Reading;
use crate::engine::account::Accounting;
use crate::engine::stop::Stop;
use crate::engine::survey::{Survey, Surveying, survey};
use crate::report::progress::Watcher;
use crate::report::text::Words;
use crate::source::input::{Input, Reader, resolve};

/// Checks the input; `arguments` is what was typed.
pub fn run(typed: Validate, arguments: Vec<String>) -> anyhow::Result<Exit> {
    let mut file = FileOptions::read(typed.reading.config.as_deref())?;
    let inputs = resolve(&typed.reading.inputs)?;
    let reading = reading(inputs, typed.reading.options, &mut file)?;
    let showing = showing(typed.showing, &mut file);
    let (inputs, _folder) = open_inputs(&reading)?;
    let _results = lock_folder(&reading.out)?;
    let stop = Stop::default();
    let runtime = runtime()?;
    runtime.block_on(async { signals::listen(stop.clone()) });
    let watcher = Watcher::new(style(&showing));
    let checking = Checking {
        held_against: Reading {
            mapping: reading.mapping,
            rules: reading.rules,
            names: inputs.iter().map(|input| input.name.clone()).collect(),
        },
        ending: Ending {
            watcher: &watcher,
            out: reading.out,
            several: inputs.len() > 1,
            showing,
        },
        inputs,
        limit: reading.limit,
        stop,
        began: Instant::now(),
        arguments,
    };
    let surveyed = checking.survey()?;
    if surveyed.interrupted {
        watcher.close();
        return Ok(Exit::Interrupted);
    }
    if !checking.ending.showing.quiet {
        say_unused(&watcher, &surveyed.unused);
    }
    checking.end(surveyed)
}

/// What a check is made of.
struct Checking<'c> {
    inputs: Arc<[Input]>,
    held_against: Reading,
    limit: Option<u64>,
    ending: Ending<'c>,
    stop: Stop,
    began: Instant,
    arguments: Vec<String>,
}

impl Checking<'_> {
    fn rows(&self) -> Reader {
        Reader::new(Arc::clone(&self.inputs), self.limit)
    }

    fn single_rows(&self) -> Reader {
        Reader::of_single_rows(Arc::clone(&self.inputs))
    }

    fn survey(&self) -> anyhow::Result<Survey> {
        let surveying = Surveying {
            threads: threads(),
            note_rows: true,
            reading: &self.held_against,
            policy: Policy::default(),
            folder: &self.ending.out,
            stop: &self.stop,
        };
        survey(&mut self.rows(), &surveying, None, self.ending.watcher)
    }

    fn end(&self, mut surveyed: Survey) -> anyhow::Result<Exit> {
        let mut summary = Summary {
            command: "validate".to_owned(),
            inputs: self.held_against.names.clone(),
            ..Summary::default()
        };
        let accounting = Accounting {
            reading: &self.held_against,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            first_new_id: surveyed.first_new_id,
            ledger: None,
            stop: Some(&self.stop),
        };
        let accounted = self.ending.review(
            [self.single_rows(), self.single_rows()],
            accounting,
            &mut summary,
        )?;
        if accounted.interrupted {
            self.ending.watcher.close();
            return Ok(Exit::Interrupted);
        }
        let exit = if summary.rows.rejected == 0 {
            Exit::Done
        } else {
            Exit::RowsLeft
        };
        summary.exit_code = exit as u8;
        summary.elapsed_seconds = seconds(self.began.elapsed());
        self.ending
            .show(accounted, &summary, self.words(&summary), None)?;
        Ok(exit)
    }

    fn words(&self, summary: &Summary) -> Words {
        let names: Vec<String> = summary.inputs.iter().map(|name| shell_word(name)).collect();
        let next = if summary.rows.rejected == 0 {
            let import = |word: &String| match word.as_str() {
                "validate" => "import".to_owned(),
                _ => word.clone(),
            };
            let mut words: Vec<String> = self.arguments.iter().map(import).collect();
            if words.iter().any(|word| word == "-") {
                // Standard input has no name that a checkpoint could have.
                words.extend(["--checkpoint".to_owned(), "FILE".to_owned()]);
            }
            ("Import it".to_owned(), typed_again(&words))
        } else {
            (
                "Mend the rejected rows where they stand, and check again".to_owned(),
                typed_again(&self.arguments),
            )
        };
        Words {
            title: format!("Checked {}", names.join(" ")),
            next: vec![next],
            ..Words::default()
        }
    }
}
