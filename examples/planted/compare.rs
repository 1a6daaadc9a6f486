//! Compares `problems.csv` with the truth.
//!
//! Both files are in the order of the input, so they are read side by side, one line of the
//! input at a time, and only counts are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use anyhow::{Context, bail, ensure};

/// What `problems.csv` and the truth record of one mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    line: u64,
    record: String,
    client_id: String,
    severity: String,
    code: String,
    field: String,
}

impl Told {
    /// Whether this planted mistake is the one `found`. For an id that was damaged, the
    /// truth doesn't record how it is shown.
    fn is(&self, found: &Self) -> bool {
        (self.line, &self.record, &self.severity) == (found.line, &found.record, &found.severity)
            && (&self.code, &self.field) == (&found.code, &found.field)
            && (self.client_id.is_empty() || self.client_id == found.client_id)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, record {}, clientId {:?}: {} {} {}",
            self.line, self.record, self.client_id, self.severity, self.code, self.field
        )
    }
}

/// The mistakes in one of the two files.
struct Mistakes<R> {
    name: &'static str,
    reader: csv::Reader<R>,
    /// Where the columns are that both files have.
    places: [usize; 6],
    next: Option<Told>,
    record: csv::StringRecord,
}

impl<R: Read> Mistakes<R> {
    fn new(name: &'static str, from: R) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(from);
        let header = reader.headers().context(name)?.clone();
        let mut places = [0; 6];
        let columns = ["line", "record", "clientId", "severity", "code", "field"];
        for (place, column) in places.iter_mut().zip(columns) {
            let found = header.iter().position(|name| name == column);
            *place = found.with_context(|| format!("{name} has no column {column}"))?;
        }
        let mut mistakes = Self {
            name,
            reader,
            places,
            next: None,
            record: csv::StringRecord::new(),
        };
        mistakes.advance()?;
        Ok(mistakes)
    }

    fn advance(&mut self) -> anyhow::Result<Option<Told>> {
        let before = self.next.take();
        if self
            .reader
            .read_record(&mut self.record)
            .context(self.name)?
        {
            let cell = |place: usize| self.record.get(self.places[place]).unwrap_or_default();
            let text = |place: usize| cell(place).to_owned();
            let line = cell(0).parse().context(self.name)?;
            if before.as_ref().is_some_and(|before| before.line > line) {
                bail!(
                    "{} is not in the order of the input: line {line}",
                    self.name
                );
            }
            self.next = Some(Told {
                line,
                record: text(1),
                client_id: text(2),
                severity: text(3),
                code: text(4),
                field: text(5),
            });
        }
        Ok(before)
    }

    fn line(&self) -> Option<u64> {
        self.next.as_ref().map(|next| next.line)
    }

    /// All of `line`; mostly one or none.
    fn of_line(&mut self, line: u64) -> anyhow::Result<Vec<Told>> {
        let mut all = Vec::new();
        while self.line() == Some(line) {
            all.extend(self.advance()?);
        }
        Ok(all)
    }
}

/// How often a code was planted and found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) planted: u64,
    /// Of those planted.
    pub(crate) found: u64,
    /// Reported and not planted.
    pub(crate) unplanted: u64,
}

impl Counts {
    fn missed(self) -> u64 {
        self.planted - self.found
    }

    #[expect(clippy::cast_precision_loss, reason = "no file has 2⁵³ mistakes")]
    fn percent(part: u64, whole: u64) -> f64 {
        100.0 * part as f64 / whole.max(1) as f64
    }

    /// The share of the reported problems that were planted.
    fn precision(self) -> f64 {
        match self.found + self.unplanted {
            0 => 100.0,
            told => Self::percent(self.found, told),
        }
    }

    /// The share of the planted mistakes that were reported.
    fn recall(self) -> f64 {
        match self.planted {
            0 => 100.0,
            planted => Self::percent(self.found, planted),
        }
    }
}

/// How many differences are shown.
const SHOWN: usize = 40;

/// The result of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) codes: BTreeMap<String, Counts>,
    /// The first differences.
    differences: Vec<String>,
}

impl Judgement {
    /// Whether all that was planted was found, and nothing else.
    pub(crate) fn is_clean(&self) -> bool {
        let all = self.all();
        all.missed() == 0 && all.unplanted == 0
    }

    fn all(&self) -> Counts {
        let mut all = Counts::default();
        for counts in self.codes.values() {
            all.planted += counts.planted;
            all.found += counts.found;
            all.unplanted += counts.unplanted;
        }
        all
    }

    fn code(&mut self, told: &Told) -> &mut Counts {
        self.codes.entry(told.code.clone()).or_default()
    }

    fn differs(&mut self, how: &str, told: &Told) {
        if self.differences.len() < SHOWN {
            self.differences.push(format!("{how}: {told}"));
        }
    }

    /// Adds all problems of one line.
    fn take(&mut self, planted: &[Told], mut found: Vec<Told>) {
        for one in planted {
            self.code(one).planted += 1;
            match found.iter().position(|other| one.is(other)) {
                Some(place) => {
                    found.swap_remove(place);
                    self.code(one).found += 1;
                }
                None => self.differs("missed", one),
            }
        }
        for one in &found {
            self.code(one).unplanted += 1;
            self.differs("false", one);
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        writeln!(
            f,
            "{:<22}{:>10}{:>10}{:>10}{:>10}{:>12}{:>10}",
            "code", "planted", "found", "missed", "false", "precision", "recall"
        )?;
        let all = self.all();
        let rows = self
            .codes
            .iter()
            .map(|(code, counts)| (code.as_str(), counts));
        for (code, counts) in rows.chain([("all", &all)]) {
            writeln!(
                f,
                "{code:<22}{:>10}{:>10}{:>10}{:>10}{:>10.3} %{:>8.3} %",
                counts.planted,
                counts.found,
                counts.missed(),
                counts.unplanted,
                counts.precision(),
                counts.recall()
            )?;
        }
        Ok(())
    }
}

/// Compares them.
pub(crate) fn compare(truth: impl Read, problems: impl Read) -> anyhow::Result<Judgement> {
    let mut planted = Mistakes::new("the truth", truth)?;
    let mut found = Mistakes::new("the problems", problems)?;
    let mut judgement = Judgement::default();
    let first = |one: Option<u64>, other: Option<u64>| [one, other].into_iter().flatten().min();
    while let Some(line) = first(planted.line(), found.line()) {
        judgement.take(&planted.of_line(line)?, found.of_line(line)?);
    }
    ensure!(!judgement.codes.is_empty(), "neither file names a mistake");
    Ok(judgement)
}
