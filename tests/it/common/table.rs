//! A table of responses and what they mean: each line is a row of one import, hit alone,
//! and lists the calls and the outcome.

use super::raw::{Act, Ask, Raw, Then, raw};
use super::{Run, rows};

/// The calls that are made for a row, and its outcome.
pub(crate) type Fate = (&'static str, &'static str);

/// It is done, and the response confirms it.
pub(crate) const CREATED: Fate = ("create", "created");
/// In doubt, and it was done.
pub(crate) const FOUND: Fate = ("create lookup", "created");
/// In doubt, and it was not done.
pub(crate) const SENT_AGAIN: Fate = ("create lookup create", "created");
/// Refused for good.
pub(crate) const FAILED: Fate = ("create lookup", "failed");
/// Refused because it exists, and not found.
pub(crate) const CONTRADICTED: Fate = ("create lookup", "unresolved");
/// Refused, because it existed before.
pub(crate) const EXISTED: Fate = ("create lookup", "already_existed");
/// Refused, because another one existed before.
pub(crate) const DIFFERS: Fate = ("create lookup", "differs");
/// Certainly not done, so that no look-up is needed.
pub(crate) const NOT_DONE: Fate = ("create create", "created");
/// The look-up had to be repeated.
pub(crate) const ASKED_AGAIN: Fate = ("create lookup lookup", "created");

/// One line.
pub(crate) struct Line {
    what: String,
    creates: Vec<Act>,
    lookups: Vec<Act>,
    there: Option<&'static str>,
    fate: Fate,
}

/// The first create is hit.
pub(crate) fn create(what: impl Into<String>, act: Act, fate: Fate) -> Line {
    Line {
        what: what.into(),
        creates: vec![act],
        lookups: Vec::new(),
        there: None,
        fate,
    }
}

/// The response to the create is lost, and then the first look-up is hit.
pub(crate) fn look_up(what: impl Into<String>, act: Act, fate: Fate) -> Line {
    Line {
        lookups: vec![act],
        ..create(what, raw("").done().then(Then::Reset), fate)
    }
}

impl Line {
    /// The first look-ups are hit too.
    pub(crate) fn asked(mut self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.lookups = acts.into_iter().collect();
        self
    }

    /// The next creates are hit too.
    pub(crate) fn again(mut self, acts: impl IntoIterator<Item = Act>) -> Self {
        self.creates.extend(acts);
        self
    }

    /// A customer with the row's `clientId` has existed for long. `SAME` is the row's own
    /// company.
    pub(crate) fn there(mut self, company_name: &'static str) -> Self {
        self.there = Some(company_name);
        self
    }
}

/// The company in the row.
pub(crate) const SAME: &str = "the same";

/// A table that was imported.
pub(crate) struct Held {
    pub(crate) run: Run,
    pub(crate) server: Raw,
}

/// Imports a row for each line, and compares the calls and outcomes.
pub(crate) fn hold(lines: &[Line], options: &str) -> Held {
    let many = lines.len();
    let acts = (1..).zip(lines).flat_map(|(number, line)| {
        let id = format!("c-{number}");
        [
            (Ask::Create, id.clone(), line.creates.clone()),
            (Ask::LookUp, id, line.lookups.clone()),
        ]
    });
    let server = Raw::start(1024, acts);
    for (number, line) in (1..).zip(lines) {
        if let Some(company) = line.there {
            let own = format!("Company {number}");
            let company = if company == SAME { &own } else { company };
            server.has(&format!("c-{number}"), company);
        }
    }
    let run = Run::new().credentials().input("in.csv", rows(many));
    let url = server.url();
    let ended = run.go(&format!(
        "import in.csv --base-url {url} --rate unlimited --max-errors 100% {options}"
    ));
    let well = |line: &Line| matches!(line.fate.1, "created" | "already_existed");
    let ended = ended.code(if lines.iter().all(well) { 0 } else { 3 });
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(lines) {
        let id = format!("c-{number}");
        let outcome = run.result("in.csv", &id)["outcome"].clone();
        let fate = (server.calls(&id), outcome.as_str().unwrap());
        if (fate.0.as_str(), fate.1) != line.fate {
            wrong.push(format!("{}: {fate:?}, wanted {:?}", line.what, line.fate));
        }
        let there = server.times_created(&id) + usize::from(line.there.is_some());
        let wanted = match line.fate.1 {
            "failed" => 0..=0,
            "unresolved" => 0..=1,
            _ => 1..=1,
        };
        if !wanted.contains(&there) {
            wrong.push(format!("{}: there {there} times", line.what));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), ended.stderr);
    Held { run, server }
}
