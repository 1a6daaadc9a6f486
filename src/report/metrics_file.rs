//! The figures of a run in Prometheus' text format, as a node exporter's textfile
//! collector reads it. They hold no customer's data.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::atomic_file::sync_folder;
use super::metrics_text::{MetricsText, ROWS, START_TIME, labels, request_samples, row_samples};
use crate::domain::outcome::Outcome;
use crate::domain::summary::{RequestCounts, RowCounts, Summary};

/// How every file of metrics starts.
const START: &str = "# HELP kable_bulk_";

/// The time of the last run with exit code 0, which is kept from file to file.
const LAST_SUCCESS: &str = "kable_bulk_last_success_timestamp_seconds";

/// The most bytes that are read of an earlier file.
const LONGEST: u64 = 64 << 10;

/// Why metrics can't be written.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A folder, a device, a pipe.
    #[error("it is no regular file")]
    NotRegular,
    /// Perhaps an input that was named by mistake.
    #[error("it holds something else than metrics of kable-bulk")]
    Foreign,
    /// The disk or its permissions.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// When a run began and ended.
#[derive(Debug, Clone, Copy)]
pub struct RunTimes {
    /// The beginning, in Unix milliseconds.
    pub started_ms: i64,
    /// The end, in Unix milliseconds.
    pub ended_ms: i64,
    /// The time between, in seconds.
    pub seconds: f64,
}

/// The figures of a run.
#[derive(Debug, Clone)]
pub struct MetricsFigures {
    /// The command, as it is typed.
    pub command: String,
    /// Its exit code.
    pub exit_code: u8,
    /// The rows of its input, if it read one.
    pub rows: Option<RowCounts>,
    /// How many rows or customers have which outcome.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Customers that no row has, where they were looked for.
    pub surplus: Option<u64>,
    /// What was sent.
    pub requests: RequestCounts,
}

impl From<&Summary> for MetricsFigures {
    fn from(summary: &Summary) -> Self {
        let outcomes = Outcome::ALL.into_iter();
        let outcomes = outcomes.map(|outcome| (outcome.name(), summary.outcomes.of(outcome)));
        let pruned = summary.pruned.iter();
        Self {
            command: summary.command.clone(),
            exit_code: summary.exit_code,
            rows: Some(summary.rows),
            outcomes: outcomes
                .chain(pruned.map(|pruned| ("cancelled", pruned.cancelled)))
                .collect(),
            surplus: summary.surplus,
            requests: summary.requests,
        }
    }
}

/// A file that will hold the figures of a run.
#[derive(Debug)]
pub struct MetricsFile {
    place: PathBuf,
}

impl MetricsFile {
    /// Makes sure that the file at `place` can be written, and that nothing else is lost by
    /// that.
    pub fn begin(place: PathBuf) -> Result<Self, MetricsError> {
        match std::fs::metadata(&place) {
            Ok(found) if !found.is_file() => return Err(MetricsError::NotRegular),
            Ok(_) => {
                let earlier = start_of(&place)?;
                if !earlier.is_empty() && !earlier.starts_with(START.as_bytes()) {
                    return Err(MetricsError::Foreign);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let file = Self { place };
        file.temporary()?;
        Ok(file)
    }

    /// Where it is.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Writes it under a temporary name beside its place, and renames it, so that a
    /// collector finds the earlier file or this one, each whole.
    pub fn write(&self, figures: &MetricsFigures, times: RunTimes) -> Result<(), MetricsError> {
        let success = if figures.exit_code == 0 {
            times.ended_ms.div_euclid(1000)
        } else {
            // A file that can't be read tells nothing; it is replaced.
            let earlier = start_of(&self.place).unwrap_or_default();
            last_success(&String::from_utf8_lossy(&earlier), &figures.command)
        };
        let mut file = self.temporary()?;
        file.write_all(text(figures, times, success, &self.task()).as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.place).map_err(|error| error.error)?;
        sync_folder(&self.place);
        Ok(())
    }

    /// A new file beside its place, which other users may read: the collector is one.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let folder = match self.place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        // A collector takes only names that end in `.prom`.
        let builder = builder.prefix(".kable-bulk-metrics.").suffix(".part");
        builder.tempfile_in(folder)
    }

    /// What tells the files of one folder apart: two of them must not have a series in
    /// common.
    fn task(&self) -> String {
        let stem = self.place.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }
}

fn start_of(place: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(place)?.take(LONGEST).read_to_end(&mut start)?;
    Ok(start)
}

/// The last success of `command` in the `text` of an earlier file; 0 if there was none.
fn last_success(text: &str, command: &str) -> i64 {
    let labels = labels(&[("command", command)]);
    let of_command = format!("{LAST_SUCCESS}{{{labels}");
    let line = text.lines().find(|line| line.starts_with(&of_command));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.filter(|seconds| *seconds > 0).unwrap_or_default()
}

/// The whole file. All of it is of one run, so that every metric is a gauge.
fn text(figures: &MetricsFigures, times: RunTimes, success: i64, task: &str) -> String {
    let requests = &figures.requests;
    let mut text = MetricsText::new(&[("command", &figures.command), ("task", task)]);
    if let Some(rows) = figures.rows {
        text.gauges(ROWS, "state", row_samples(rows));
    }
    let help =
        "Rows that passed the checks, or customers of a rollback, by outcome of the last run.";
    let outcomes = figures.outcomes.iter().copied();
    text.gauges(("outcomes", help), "outcome", outcomes);
    if let Some(surplus) = figures.surplus {
        let help = "Customers at Kable that no row of the input has.";
        text.gauge("surplus", help, surplus);
    }
    let help = "Requests of the last run; of an import, of all runs of its checkpoint.";
    text.gauges(("requests", help), "kind", request_samples(requests));
    let duration = times.seconds;
    text.gauge("duration_seconds", "How long the last run took.", duration);
    text.gauge("exit_code", "Exit code of the last run.", figures.exit_code);
    let (name, help) = START_TIME;
    text.gauge(name, help, times.started_ms.div_euclid(1000));
    let ended = times.ended_ms.div_euclid(1000);
    text.gauge("end_timestamp_seconds", "When the last run ended.", ended);
    let help = "When a run last ended with exit code 0; 0 if none did.";
    text.gauge("last_success_timestamp_seconds", help, success);
    text.into_text()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LAST_SUCCESS, MetricsError, MetricsFigures, MetricsFile, RunTimes, last_success};
    use crate::domain::outcome::Outcome;
    use crate::domain::summary::{RequestCounts, RowCounts, Summary};

    const TIMES: RunTimes = RunTimes {
        started_ms: 1_700_000_000_900,
        ended_ms: 1_700_000_012_900,
        seconds: 12.0,
    };

    fn summary() -> Summary {
        let mut summary = Summary {
            command: "sync".to_owned(),
            inputs: vec!["customers-of-aster.csv".to_owned()],
            rows: RowCounts {
                read: 6,
                skipped: 1,
                rejected: 2,
            },
            surplus: Some(4),
            requests: RequestCounts {
                sent: 5,
                retried: 1,
                throttled: 0,
                lookups: 2,
            },
            ..Summary::default()
        };
        summary.outcomes.add_many(Outcome::Created, 3);
        summary
    }

    fn written(place: &Path, exit_code: u8) -> String {
        let summary = Summary {
            exit_code,
            ..summary()
        };
        let file = MetricsFile::begin(place.to_owned()).unwrap();
        file.write(&MetricsFigures::from(&summary), TIMES).unwrap();
        std::fs::read_to_string(place).unwrap()
    }

    #[test]
    fn the_text_has_every_figure_with_its_help_and_type() {
        let folder = tempfile::tempdir().unwrap();
        let text = written(&folder.path().join("night.prom"), 0);
        insta::assert_snapshot!(text);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_last_success_is_kept_until_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("night.prom");
        assert_eq!(last_success(&written(&place, 3), "sync"), 0);
        let older = format!("# HELP kable_bulk_\n{LAST_SUCCESS}{{command=\"sync\"}} 123\n");
        std::fs::write(&place, &older).unwrap();
        assert_eq!(last_success(&written(&place, 3), "sync"), 123);
        assert_eq!(last_success(&written(&place, 3), "sync"), 123);
        assert_eq!(last_success(&written(&place, 0), "sync"), 1_700_000_012);
        assert_eq!(last_success(&older, "import"), 0);
        let spoilt = format!("{LAST_SUCCESS}{{command=\"sync\"}} NaN");
        assert_eq!(last_success(&spoilt, "sync"), 0);
    }

    #[test]
    fn a_place_that_holds_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.csv");
        std::fs::write(&input, "clientId\nc-1\n").unwrap();
        let begin = |place: &Path| MetricsFile::begin(place.to_owned()).unwrap_err();
        assert!(matches!(begin(&input), MetricsError::Foreign));
        assert!(matches!(begin(folder.path()), MetricsError::NotRegular));
        let nowhere = folder.path().join("none/night.prom");
        assert!(matches!(begin(&nowhere), MetricsError::Io(_)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_collector_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("night.prom");
        written(&place, 0);
        let mode = std::fs::metadata(&place).unwrap().permissions().mode();
        // Whatever the umask takes away of 0644, the owner keeps reading and writing.
        assert_eq!(mode & 0o600, 0o600);
        assert_eq!(mode & !0o644 & 0o777, 0);
    }
}
