//! `kable-bulk validate`: reads and checks everything, sends nothing.
//!
//! - `online.rs`: what can be looked up at Kable without changing anything
//! - `next_steps.rs`: what is to be done next, as commands

pub(super) mod next_steps;
pub(super) mod online;

use std::sync::Arc;

use tokio::time::Instant;

use self::next_steps::advised;
use self::online::{LookedUp, look_up};
use super::argv::{Typed, shell_word};
use super::descriptors;
use super::finish::{Ending, Shown, say_unused, seconds};
use super::import::summary::planned;
use super::{Exit, lock_folder, open_inputs, origin, runtime, signals, style, threads};
use crate::cli::{Asking, Target, Validate};
use crate::config::reading::reading;
use crate::config::sending::asking;
use crate::config::target::destination;
use crate::config::{ConfigError, Environment, FileOptions, Said, checks};
use crate::domain::advice::{CheckReport, NextStep, advice};
use crate::domain::decision::RowPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::counted;
use crate::engine::account::Accounting;
use crate::engine::checker::Reading;
use crate::engine::stop::Stop;
use crate::engine::survey::remote_list::Listed;
use crate::engine::survey::settings::Surveying;
use crate::engine::survey::{Beforehand, Survey, survey};
use crate::report::progress::ProgressDisplay;
use crate::report::text::SummaryNotes;
use crate::source::input::Input;
use crate::source::patterns::resolve;
use crate::source::reader::InputReader;

/// Checks the input with `options`, which were `typed`.
pub fn run(options: Validate, environment: &Environment, typed: Typed) -> anyhow::Result<Exit> {
    let mut file = FileOptions::of(&options.reading, environment)?;
    let said = file.said();
    let inputs = resolve(&options.reading.inputs)?;
    let origin = origin("validate", &inputs, false);
    let reading = reading(inputs, options.reading.options, &mut file)?;
    let (checks, showing) = checks(options.checks, options.showing, &mut file)?;
    let is_online = checks.online == Some(true);
    let target_found = file.target_found(&options.target).filter(|_| is_online);
    let place = if is_online {
        let asking = asking(options.asking, &mut file)?;
        Some((destination(options.target, &mut file, environment)?, asking))
    } else {
        demand_offline(&options.target, &options.asking)?;
        None
    };
    descriptors::raise_limit();
    let (inputs, _folder) = open_inputs(&reading, "validate")?;
    let _results = lock_folder(&reading.out)?;
    let stop = Stop::default();
    let runtime = runtime()?;
    let watcher = ProgressDisplay::new(style(&showing));
    if let Some(found) = target_found {
        watcher.say(&found);
    }
    let mut rules = reading.rules;
    let look_up = async {
        let Some((place, asking)) = place else {
            return Ok(None);
        };
        let looked_up = look_up(place, asking, &mut rules, &reading.out, &watcher);
        looked_up.await.map(Some)
    };
    let looked_up = runtime.block_on(unless_stopped(look_up, &stop));
    let Some(looked_up) = looked_up else {
        watcher.close();
        return Ok(Exit::Interrupted);
    };
    let checking = Checking {
        held_against: Reading {
            mapping: reading.mapping,
            rules,
            names: inputs.iter().map(|input| input.name.clone()).collect(),
        },
        ending: Ending {
            watcher: &watcher,
            out: reading.out,
            several: inputs.len() > 1,
            showing,
            origin,
            annotations: checks.annotations,
        },
        inputs,
        limit: reading.limit,
        stop,
        began: Instant::now(),
        typed,
        said,
    };
    checking.check(looked_up?)
}

/// What comes of looking up; `None` where it is stopped before.
async fn unless_stopped<T>(looking_up: impl Future<Output = T>, stop: &Stop) -> Option<T> {
    signals::listen(stop.clone());
    tokio::select! {
        biased;
        () = stop.halted() => None,
        looked_up = looking_up => Some(looked_up),
    }
}

/// Refuses options that say where to look up what is not looked up.
fn demand_offline(target: &Target, asking: &Asking) -> Result<(), ConfigError> {
    let typed = [
        ("env", target.env.is_some()),
        ("base-url", target.base_url.is_some()),
        ("sandbox", target.sandbox.is_some()),
        ("client-secret-file", target.client_secret_file.is_some()),
        ("rate", asking.rate.is_some()),
        ("max-rate", asking.max_rate.is_some()),
        ("timeout", asking.timeout.is_some()),
    ];
    match typed.into_iter().find(|(_, is_typed)| *is_typed) {
        Some((option, _)) => Err(ConfigError::Value {
            option,
            wrong: "nothing is looked up without --online".to_owned(),
        }),
        None => Ok(()),
    }
}

/// What a check is made of.
struct Checking<'c> {
    inputs: Arc<[Input]>,
    held_against: Reading,
    limit: Option<u64>,
    ending: Ending<'c>,
    stop: Stop,
    began: Instant,
    typed: Typed,
    said: Said,
}

impl Checking<'_> {
    fn check(&self, mut looked_up: Option<LookedUp>) -> anyhow::Result<Exit> {
        let watcher = self.ending.watcher;
        let surveyed = self.survey(looked_up.as_mut().map(|looked_up| &mut looked_up.listed))?;
        if surveyed.interrupted {
            watcher.close();
            return Ok(Exit::Interrupted);
        }
        if !self.ending.showing.quiet {
            say_unused(watcher, &surveyed.unused);
            if let Some(looked_up) = &looked_up {
                let many = counted(looked_up.listed.many(), "customer", "customers");
                watcher.say(&format!("Kable holds {many}"));
            }
        }
        let unread = looked_up
            .as_ref()
            .map_or(0, |looked_up| looked_up.listed.unread());
        if unread > 0 {
            watcher.say(&format!(
                "warning: {} that Kable holds cannot be read; rows of theirs count as new",
                counted(unread, "customer", "customers")
            ));
        }
        self.end(surveyed, looked_up)
    }

    fn rows(&self) -> InputReader {
        InputReader::new(Arc::clone(&self.inputs), self.limit)
    }

    fn single_rows(&self) -> InputReader {
        InputReader::of_single_rows(Arc::clone(&self.inputs))
    }

    fn survey(&self, listed: Option<&mut Listed>) -> anyhow::Result<Survey> {
        let surveying = Surveying {
            threads: threads(),
            // Where all rows are told of anyway, none need be noted.
            note_rows: listed.is_none(),
            reading: &self.held_against,
            policy: RowPolicy::default(),
            folder: &self.ending.out,
            stop: &self.stop,
        };
        let beforehand = listed.map_or(Beforehand::Nothing, Beforehand::ByKable);
        survey(
            &mut self.rows(),
            &surveying,
            beforehand,
            self.ending.watcher,
        )
    }

    fn end(&self, mut surveyed: Survey, mut looked_up: Option<LookedUp>) -> anyhow::Result<Exit> {
        let mut summary = Summary {
            command: "validate".to_owned(),
            inputs: self.held_against.names.clone(),
            ..Summary::default()
        };
        let to_do = surveyed.to_do();
        let mut plan = None;
        if let Some(looked_up) = &looked_up {
            summary.target = looked_up.target.clone();
            plan = Some(planned(to_do, looked_up.asking.pacing));
        }
        let accounting = Accounting {
            reading: &self.held_against,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            first_new_id: surveyed.first_new_id,
            ledger: None,
            listed: looked_up.as_mut().map(|looked_up| &mut looked_up.listed),
            foreseeing: None,
            stop: Some(&self.stop),
        };
        let (rows, every_row) = match &plan {
            Some(_) => (self.rows(), Some("online.jsonl")),
            None => (self.single_rows(), None),
        };
        let rows = [rows, self.single_rows()];
        let accounted = self
            .ending
            .account(rows, every_row, accounting, &mut summary)?;
        if accounted.interrupted {
            self.ending.watcher.close();
            return Ok(Exit::Interrupted);
        }
        let exit = if summary.rows.rejected + summary.outcomes.of(Outcome::Differs) == 0 {
            Exit::Done
        } else {
            Exit::RowsLeft
        };
        summary.exit_code = exit as u8;
        summary.elapsed_seconds = seconds(self.began.elapsed());
        let steps = advice(CheckReport {
            summary: &summary,
            unused: &surveyed.unused_names(),
            online: plan.is_some(),
            constants: &self.held_against.mapping.constants,
        });
        let words = self.words(&summary, &steps, plan);
        let (files, shown) = Shown::split(accounted.listing);
        let published = self.ending.publish(files, &summary, None)?;
        self.ending.show(shown, &published, &summary, words)?;
        Ok(exit)
    }

    fn words(&self, summary: &Summary, steps: &[NextStep], plan: Option<String>) -> SummaryNotes {
        let names: Vec<String> = summary.inputs.iter().map(shell_word).collect();
        SummaryNotes {
            title: match plan {
                Some(_) => format!(
                    "Checked {} against {}",
                    names.join(" "),
                    summary.target.base_url
                ),
                None => format!("Checked {}", names.join(" ")),
            },
            plan,
            strict: self.held_against.rules.strict,
            next: advised(steps, &self.typed, &self.said),
            ..SummaryNotes::default()
        }
    }
}
