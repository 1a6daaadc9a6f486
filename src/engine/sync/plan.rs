//! The pass over all rows that decides what a sync does, and its result on disk.

use std::io;
use std::path::Path;

use anyhow::Context;

use super::step::{SyncRules, SyncStep, step};
use crate::domain::compared_fields::ComparedFields;
use crate::domain::forecast::Forecast;
use crate::domain::remote::ComparedCustomer;
use crate::domain::row::{Row, Rows};
use crate::domain::validate::CheckedRow;
use crate::engine::checker::{CheckSettings, Checker};
use crate::engine::stop::Stop;
use crate::engine::survey::codec::{packed, six, take_six};
use crate::engine::survey::finding_store::{RowVerdict, Verdicts};
use crate::engine::survey::remote_list::RemoteList;
use crate::report::{Event, Observer};
use crate::spill::{Sorted, Sorter};

/// Bytes of a step: the row's ordinal, and what is done.
const SIZE: usize = 6 + 1;

/// The stop signal is checked, and progress reported, after this many rows.
const ROWS_PER_CHECK: u64 = 1 << 14;

/// What a sync does with each row. Most are left alone: only the others are stored, in
/// the order of the input.
#[derive(Debug, Default)]
pub struct SyncPlan {
    steps: Sorted<SIZE>,
    next: Option<(u64, SyncStep)>,
    /// What is expected, counted.
    pub forecast: Forecast,
    /// The fields that differ, and those that could not be compared.
    pub compared: ComparedFields,
    /// Rows for which a request is sent.
    pub to_send: u64,
    /// Whether the stop signal ended it early.
    pub interrupted: bool,
}

impl SyncPlan {
    /// The step for the fit row `ordinal`, counted from 0. Rows are given in their order.
    pub(in crate::engine) fn on(&mut self, ordinal: u64) -> io::Result<SyncStep> {
        while let Some((at, step)) = self.next {
            if at > ordinal {
                break;
            }
            self.advance()?;
            if at == ordinal {
                return Ok(step);
            }
        }
        Ok(SyncStep::LeaveEqual)
    }

    /// Starts again with the first row.
    pub(in crate::engine) fn rewind(&mut self) -> io::Result<()> {
        self.steps.rewind()?;
        self.advance()
    }

    fn advance(&mut self) -> io::Result<()> {
        let item = self.steps.read_next()?;
        self.next = item.map(|item| {
            let (mut ordinal, code) = item.split_at(SIZE - 1);
            let code = code.first().copied().unwrap_or_default();
            (take_six(&mut ordinal), step_of(code))
        });
        Ok(())
    }
}

/// What a plan is made from, beside the rows.
#[derive(Debug)]
pub struct SyncSources<'s> {
    /// What rows are checked against.
    pub check: &'s CheckSettings,
    /// The survey's verdicts.
    pub verdicts: &'s mut Verdicts,
    /// The customers that Kable holds.
    pub list: &'s mut RemoteList,
    /// What to do.
    pub rules: SyncRules,
    /// For a temporary file.
    pub folder: &'s Path,
    /// Ends it early.
    pub stop: &'s Stop,
}

/// Compares all `rows` with the list of customers, and decides what is done with each.
pub fn plan<R>(
    rows: &mut R,
    sources: &mut SyncSources<'_>,
    observer: &impl Observer,
) -> anyhow::Result<SyncPlan>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    let spooled = || {
        format!(
            "cannot use a temporary file in {}",
            sources.folder.display()
        )
    };
    let mut checker = Checker::new(sources.check);
    let mut steps = Sorter::new(sources.folder, 1);
    let mut plan = PlanCounts::default();
    let mut row = Row::default();
    let strict = sources.check.rules.strict;
    sources.verdicts.rewind().with_context(spooled)?;
    let mut ordinal = 0;
    let mut interrupted = false;
    while rows.next(&mut row)? {
        let verdict = sources.verdicts.on(ordinal).with_context(spooled)?;
        let is_left = verdict
            .as_ref()
            .is_some_and(|verdict| is_no_customer(verdict, strict));
        if !is_left && let CheckedRow::Fit(fit) = checker.check(&mut row, rows.columns())? {
            let place = verdict.as_ref().and_then(|verdict| verdict.listed);
            let remote = place.map(|place| sources.list.at(place)).transpose();
            let remote = remote.with_context(spooled)?.flatten();
            let compared_plans = sources.rules.plans.compared;
            let there = remote.map(|remote| {
                ComparedCustomer::of(fit.values.to_customer(), remote, compared_plans)
            });
            let claim = verdict.and_then(|verdict| verdict.prior_claim);
            let (step, action) = step(claim.as_ref(), there.as_ref(), sources.rules);
            plan.forecast.add(&action);
            if let Some(compared) = &there {
                plan.compared.add(compared);
            }
            if step != SyncStep::LeaveEqual {
                plan.to_send += u64::from(step.sends());
                steps.push(item(ordinal, step)).with_context(spooled)?;
            }
        }
        ordinal += 1;
        if ordinal.is_multiple_of(ROWS_PER_CHECK) {
            observer.observe(&Event::Checking { rows: ordinal });
            interrupted = sources.stop.is_halted();
            if interrupted {
                break;
            }
        }
    }
    let mut plan = SyncPlan {
        steps: steps.finish().with_context(spooled)?,
        next: None,
        forecast: Forecast {
            listed: true,
            ..plan.forecast
        },
        compared: plan.compared,
        to_send: plan.to_send,
        interrupted,
    };
    plan.rewind().with_context(spooled)?;
    Ok(plan)
}

/// The counts of a plan that is made.
#[derive(Default)]
struct PlanCounts {
    forecast: Forecast,
    compared: ComparedFields,
    to_send: u64,
}

/// Whether the survey found that no customer stands behind a row.
fn is_no_customer(verdict: &RowVerdict, strict: bool) -> bool {
    !verdict.fit || verdict.skipped().is_some() || verdict.rejects(strict)
}

fn item(ordinal: u64, step: SyncStep) -> [u8; SIZE] {
    let code = match step {
        SyncStep::LeaveEqual => 0,
        SyncStep::LeaveDiffering => 1,
        SyncStep::LeaveFailed => 2,
        SyncStep::Create => 3,
        SyncStep::LookUp => 4,
    };
    packed([&six(ordinal), &[code]])
}

fn step_of(code: u8) -> SyncStep {
    match code {
        0 => SyncStep::LeaveEqual,
        1 => SyncStep::LeaveDiffering,
        2 => SyncStep::LeaveFailed,
        3 => SyncStep::Create,
        // To look up is right for every row.
        _ => SyncStep::LookUp,
    }
}
