//! The pass over all rows that decides what a run does with each, and its result on disk.

use std::io;
use std::path::Path;

use anyhow::Context;

use super::step::{SyncRules, SyncStep, step};
use crate::domain::compared_fields::ComparedFields;
use crate::domain::forecast::{Forecast, PlannedAction};
use crate::domain::plan_policy::{PlanPolicy, PlanRules};
use crate::domain::remote::ComparedCustomer;
use crate::domain::row::{Columns, Row, Rows};
use crate::domain::saved_plan::{CurrentPlan, PlannedRow};
use crate::domain::validate::{CheckedRow, check};
use crate::engine::account::preview::PreviewSettings;
use crate::engine::checker::{CheckSettings, Checker};
use crate::engine::stop::Stop;
use crate::engine::survey::codec::{packed, six, take_six};
use crate::engine::survey::finding_store::{PriorClaim, RowVerdict, Verdicts};
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

impl std::fmt::Debug for PlanSources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanSources").finish_non_exhaustive()
    }
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

/// Decides what is done with a row.
#[derive(Debug, Clone, Copy)]
pub enum RowPlanner {
    /// As a sync.
    Sync(SyncRules),
    /// As an import.
    Import(PreviewSettings),
}

impl RowPlanner {
    fn compared_plans(self) -> PlanPolicy {
        match self {
            Self::Sync(rules) => rules.plans.compared,
            Self::Import(_) => PlanRules::IMPORT.compared,
        }
    }

    /// What is done with a row with this `claim`; `is_repeat` says whether it was rejected
    /// before for repeating another. An import has no steps: it decides by its ledger.
    fn decide(
        self,
        claim: Option<PriorClaim>,
        is_repeat: impl FnOnce() -> bool,
        there: Option<&ComparedCustomer>,
    ) -> (SyncStep, PlannedAction) {
        match self {
            Self::Sync(rules) => step(claim.as_ref(), is_repeat(), there, rules),
            Self::Import(settings) => (
                SyncStep::LeaveEqual,
                settings.action(claim, is_repeat(), there, true),
            ),
        }
    }
}

/// Receives what is decided for each fit row.
pub trait PlanSink {
    /// What is done with row `number` of all, counted from 0.
    fn add_row(&mut self, number: u64, plan: CurrentPlan) -> anyhow::Result<()>;
}

/// What a plan is made from, beside the rows.
pub struct PlanSources<'s> {
    /// What rows are checked against.
    pub check: &'s CheckSettings,
    /// The survey's verdicts.
    pub verdicts: &'s mut Verdicts,
    /// The customers that Kable holds.
    pub list: &'s mut RemoteList,
    /// Decides.
    pub planner: RowPlanner,
    /// Receives what is decided, if that is wanted.
    pub sink: Option<&'s mut dyn PlanSink>,
    /// For a temporary file.
    pub folder: &'s Path,
    /// Ends it early.
    pub stop: &'s Stop,
}

/// Compares all `rows` with the list of customers, and decides what is done with each.
pub fn plan<R>(
    rows: &mut R,
    sources: &mut PlanSources<'_>,
    observer: &impl Observer,
) -> anyhow::Result<SyncPlan>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    let folder = sources.folder;
    let spooled = || format!("cannot use a temporary file in {}", folder.display());
    let mut checker = Checker::new(sources.check);
    let mut steps = Sorter::new(folder, 1);
    let mut plan = PlanCounts::default();
    let mut row = Row::default();
    sources.verdicts.rewind().with_context(spooled)?;
    let mut ordinal = 0;
    let mut interrupted = false;
    while rows.next(&mut row)? {
        let read = (&mut row, rows.columns());
        if let Some(planned) = sources.row(&mut checker, ordinal, read)? {
            plan.forecast.add(&planned.action);
            if let Some(compared) = &planned.there {
                plan.compared.add(compared);
            }
            if planned.step != SyncStep::LeaveEqual {
                plan.to_send += u64::from(planned.step.sends());
                let item = item(ordinal, planned.step);
                steps.push(item).with_context(spooled)?;
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

/// What is done with a fit row.
struct DecidedRow {
    step: SyncStep,
    action: PlannedAction,
    /// Its customer beside the one that Kable holds, if there is one.
    there: Option<ComparedCustomer>,
}

impl PlanSources<'_> {
    /// Decides about row `ordinal`; `None` if no customer stands behind it.
    fn row(
        &mut self,
        checker: &mut Checker<'_>,
        ordinal: u64,
        (row, columns): (&mut Row, &Columns),
    ) -> anyhow::Result<Option<DecidedRow>> {
        let spooled = "cannot read a temporary file";
        let verdict = self.verdicts.on(ordinal).context(spooled)?;
        let rules = &self.check.rules;
        let is_left = |verdict: &RowVerdict| is_no_customer(verdict, rules.strict);
        if verdict.as_ref().is_some_and(is_left) {
            return Ok(None);
        }
        let binding = checker.derive(row, columns)?;
        let CheckedRow::Fit(fit) = check(row, binding, rules) else {
            return Ok(None);
        };
        let places = verdict.as_ref().and_then(|verdict| verdict.listed);
        let remote = places.map(|places| self.list.held(places)).transpose();
        let there = remote.context(spooled)?.flatten().map(|remote| {
            let plans = self.planner.compared_plans();
            ComparedCustomer::of(fit.values.to_customer(), remote, plans)
        });
        let claim = verdict.and_then(|verdict| verdict.prior_claim);
        let is_repeat = || binding.was_duplicate(row, columns);
        let is_unreadable = places.is_some() && there.is_none();
        let (step, action) = if is_unreadable {
            (SyncStep::LookUp, PlannedAction::LookUp)
        } else {
            self.planner.decide(claim, is_repeat, there.as_ref())
        };
        if let Some(sink) = &mut self.sink {
            let plan = CurrentPlan::of(&action, &fit.values.to_customer(), there.as_ref());
            let place = PlannedRow {
                file: self.check.input_name(row.origin.input).to_owned(),
                line: row.origin.line,
            };
            sink.add_row(ordinal, plan.at(ordinal, place))?;
        }
        Ok(Some(DecidedRow {
            step,
            action,
            there,
        }))
    }
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
