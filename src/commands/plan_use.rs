//! What a run does with a saved plan: it writes one, or is held against one.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::hint::hinted;
use super::moved_plan::MovedPlan;
use super::shell_word::has_escaped_word;
use super::system::{timestamp, wall_clock};
use crate::domain::customer::fingerprint;
use crate::domain::remote::RemoteCustomer;
use crate::domain::saved_plan::{CurrentPlan, CustomerAction, PlannedCustomer, moved};
use crate::domain::summary::{InputDigest, TargetAccount};
use crate::domain::text::{counted, quoted};
use crate::engine::sync::plan::PlanSink;
use crate::report::plan_file::{KnownState, PlanDraft, PlanFileError, PlanHeader, SavedPlan};

/// How many customers are named of those that moved.
const NAMED: usize = 3;

/// What a plan depends on beside single customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlanFacts {
    /// The command, as it is typed into a shell.
    pub(super) command: String,
    pub(super) target: TargetAccount,
    pub(super) inputs: Vec<InputDigest>,
    /// SHA-256 of which column feeds which field.
    pub(super) mapping: String,
    pub(super) side_effects: Vec<String>,
}

/// What a run does with a plan.
pub(super) enum PlanUse {
    /// Writes it, with what it depends on.
    Save(PlanDraft, PlanFacts),
    /// Demands that it still fits.
    Check(PlanCheck),
}

impl PlanUse {
    /// Writes a plan to `place`, or holds the run against `saved`. An error if that one is
    /// of something else.
    pub(super) fn of(
        place: Option<PathBuf>,
        saved: Option<SavedPlan>,
        facts: PlanFacts,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(saved) = saved {
            return Ok(Some(Self::Check(PlanCheck::begin(saved, &facts)?)));
        }
        let Some(place) = place else { return Ok(None) };
        if has_escaped_word(&facts.command) {
            return Err(hinted(
                "the command has a word that no plan can hold",
                "name its files with letters that can be displayed",
            ));
        }
        let shown = place.display().to_string();
        let draft = PlanDraft::begin(place).map_err(|error| cannot_write(&shown, &error))?;
        Ok(Some(Self::Save(draft, facts)))
    }

    /// A customer that would be cancelled, in the order of their fingerprints.
    pub(super) fn add_cancel(&mut self, remote: &RemoteCustomer) -> anyhow::Result<()> {
        let action = CustomerAction::Cancel;
        let planned = PlannedCustomer::new(action, remote.client_id.clone()).listed(remote);
        match self {
            Self::Save(draft, _) => draft.add(&planned).context("cannot write the plan"),
            Self::Check(check) => check.add_cancel(planned),
        }
    }

    /// Ends it: writes the plan for `many` customers, of which `would` holds the counts, or
    /// fails if something moved. Returns what to say.
    pub(super) fn settle(
        self,
        known: KnownState,
        would: &impl Serialize,
        many: u64,
    ) -> anyhow::Result<String> {
        match self {
            Self::Save(draft, facts) => {
                let folder = std::env::current_dir().context("cannot find the current folder")?;
                let header = PlanHeader {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    command: facts.command,
                    folder: folder.display().to_string(),
                    made: timestamp(wall_clock()),
                    target: facts.target,
                    inputs: facts.inputs,
                    mapping: facts.mapping,
                    known,
                    side_effects: facts.side_effects,
                    would: serde_json::to_value(would).context("cannot write the plan")?,
                    ..PlanHeader::default()
                };
                let place = draft.finish(header).context("cannot write the plan")?;
                let many = counted(many, "customer", "customers");
                Ok(format!("The plan for {many} is in {}", place.display()))
            }
            Self::Check(check) => {
                check.finish(&known)?;
                Ok("Everything is as planned".to_owned())
            }
        }
    }
}

fn cannot_write(place: &str, error: &PlanFileError) -> anyhow::Error {
    hinted(
        format!("cannot write the plan to {place}: {error}"),
        "name a new file with --save-plan, in a folder in which this user may create files",
    )
}

impl PlanSink for PlanUse {
    fn add_row(&mut self, number: u64, plan: CurrentPlan) -> anyhow::Result<()> {
        match self {
            Self::Save(draft, _) => match plan {
                CurrentPlan::Act(planned) => draft.add(&planned).context("cannot write the plan"),
                CurrentPlan::Done | CurrentPlan::Failed | CurrentPlan::Differs => Ok(()),
            },
            Self::Check(check) => check.add_row(number, &plan),
        }
    }
}

/// Holds what a run would do against a saved plan, customer by customer. Both are in the
/// same order, so that neither is held in memory.
pub(super) struct PlanCheck {
    saved: SavedPlan,
    /// The next customer of the plan.
    next: Option<PlannedCustomer>,
    /// The first of those that moved, in words.
    named: Vec<String>,
    many: u64,
}

impl PlanCheck {
    fn begin(saved: SavedPlan, facts: &PlanFacts) -> anyhow::Result<Self> {
        let header = &saved.header;
        let account = |target: &TargetAccount| {
            format!("account {} at {}", target.kable_client_id, target.base_url)
        };
        let what = if header.target != facts.target {
            Some(format!(
                "the plan is for {}, and this is {}",
                account(&header.target),
                account(&facts.target)
            ))
        } else if let Some(what) = moved_inputs(&header.inputs, &facts.inputs) {
            Some(what)
        } else if header.mapping != facts.mapping {
            Some("other columns feed the fields than when the plan was made".to_owned())
        } else if header.side_effects != facts.side_effects {
            Some(format!(
                "the plan was made with these side effects: {}; now there are these: {}",
                list_or_none(&header.side_effects),
                list_or_none(&facts.side_effects)
            ))
        } else {
            None
        };
        if let Some(what) = what {
            return Err(moved_error(what, header));
        }
        let mut check = Self {
            saved,
            next: None,
            named: Vec::new(),
            many: 0,
        };
        check.advance()?;
        Ok(check)
    }

    fn advance(&mut self) -> anyhow::Result<()> {
        self.next = self.saved.read_next().context("cannot read the plan")?;
        Ok(())
    }

    fn report(&mut self, client_id: &str, what: &str) {
        self.many += 1;
        if self.named.len() < NAMED {
            self.named.push(format!("{}: {what}", quoted(client_id)));
        }
    }

    /// The planned customer with this number, if there is one. Those before it are left over.
    fn take(&mut self, number: u64) -> anyhow::Result<Option<PlannedCustomer>> {
        while let Some(next) = self
            .next
            .take_if(|next| next.action != CustomerAction::Cancel && next.number <= number)
        {
            self.advance()?;
            if next.number == number {
                return Ok(Some(next));
            }
            self.left_over(&next);
        }
        Ok(None)
    }

    /// A planned customer that a run would do nothing with. One that was to be cancelled or
    /// deleted is gone, perhaps by an earlier application of the plan.
    fn left_over(&mut self, planned: &PlannedCustomer) {
        match planned.action {
            CustomerAction::Cancel | CustomerAction::Delete => {}
            CustomerAction::Create | CustomerAction::Update | CustomerAction::LookUp => {
                self.report(&planned.client_id, "its row is not sent any more");
            }
        }
    }

    fn add_row(&mut self, number: u64, plan: &CurrentPlan) -> anyhow::Result<()> {
        let planned = self.take(number)?;
        self.compare(planned.as_ref(), plan);
        Ok(())
    }

    fn compare(&mut self, planned: Option<&PlannedCustomer>, now: &CurrentPlan) {
        let Some(what) = moved(planned, now) else {
            return;
        };
        let current = match now {
            CurrentPlan::Act(now) => Some(&**now),
            CurrentPlan::Done | CurrentPlan::Failed | CurrentPlan::Differs => None,
        };
        // Nothing moves where nothing is planned and nothing would be done.
        if let Some(customer) = planned.or(current) {
            self.report(&customer.client_id, &what);
        }
    }

    fn add_cancel(&mut self, now: PlannedCustomer) -> anyhow::Result<()> {
        let key = fingerprint(&now.client_id);
        let planned = loop {
            let Some(next) = &self.next else { break None };
            let order = match next.action {
                CustomerAction::Cancel => fingerprint(&next.client_id).cmp(&key),
                CustomerAction::Create
                | CustomerAction::Update
                | CustomerAction::LookUp
                | CustomerAction::Delete => Ordering::Less,
            };
            if order == Ordering::Greater {
                break None;
            }
            let taken = self.next.take();
            self.advance()?;
            match (taken, order) {
                (Some(taken), Ordering::Equal) => break Some(taken),
                (Some(taken), _) => self.left_over(&taken),
                (None, _) => break None,
            }
        };
        self.compare(planned.as_ref(), &CurrentPlan::Act(Box::new(now)));
        Ok(())
    }

    fn finish(mut self, known: &KnownState) -> anyhow::Result<()> {
        let planned = &self.saved.header.known.checkpoint;
        // The folder may be another one.
        if Path::new(planned).file_name() != Path::new(&known.checkpoint).file_name() {
            let what = format!(
                "the plan is of the checkpoint {planned}, and this is {}",
                known.checkpoint
            );
            return Err(moved_error(what, &self.saved.header));
        }
        while let Some(next) = self.next.take() {
            self.left_over(&next);
            self.advance()?;
        }
        if self.many == 0 {
            return Ok(());
        }
        let more = match self.many - self.named.len() as u64 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let what = format!(
            "the plan does not fit any more: {} as planned: {}{more}",
            counted(self.many, "customer is not", "customers are not"),
            self.named.join("; ")
        );
        Err(moved_error(what, &self.saved.header))
    }
}

/// What moved in the inputs, if something did.
fn moved_inputs(planned: &[InputDigest], now: &[InputDigest]) -> Option<String> {
    let is_in = |inputs: &[InputDigest], name: &str| inputs.iter().any(|input| input.name == name);
    if let Some(gone) = planned.iter().find(|input| !is_in(now, &input.name)) {
        let name = &gone.name;
        return Some(format!(
            "{name} was an input when the plan was made, and is none now"
        ));
    }
    if let Some(new) = now.iter().find(|input| !is_in(planned, &input.name)) {
        let name = &new.name;
        return Some(format!(
            "{name} is an input now, and was none when the plan was made"
        ));
    }
    let mut both = planned.iter().zip(now);
    let (other, _) = both.find(|(planned, now)| planned != now)?;
    let name = &other.name;
    let is_as_it_was = now.contains(other);
    Some(if is_as_it_was {
        "the inputs are read in another order than when the plan was made".to_owned()
    } else {
        format!("{name} was changed since the plan was made")
    })
}

fn list_or_none(side_effects: &[String]) -> String {
    if side_effects.is_empty() {
        "none".to_owned()
    } else {
        side_effects.join(", ")
    }
}

fn moved_error(what: String, header: &PlanHeader) -> anyhow::Error {
    anyhow::Error::new(MovedPlan {
        what,
        hint: format!("make a new plan, and read it: {}", header.command),
    })
}
