//! `--metrics-file`: the figures of a run for Prometheus.

use tokio::time::Instant;

use super::hint::hinted;
use super::system::{seconds, wall_clock};
use crate::cli::MonitorOptions;
use crate::report::metrics_file::{MetricsFigures, MetricsFile, RunTimes};

/// The metrics file of a run that goes on.
pub(super) struct RunMetrics {
    file: MetricsFile,
    began: Instant,
    started_ms: i64,
}

impl RunMetrics {
    /// Makes sure that the file can be written, before anything is sent; what is typed
    /// beats the file of options. `None` if no file is wanted.
    pub(super) fn begin(
        typed: &MonitorOptions,
        stored: MonitorOptions,
    ) -> anyhow::Result<Option<Self>> {
        let Some(place) = typed.metrics_file.clone().or(stored.metrics_file) else {
            return Ok(None);
        };
        let shown = place.display().to_string();
        let file = MetricsFile::begin(place).map_err(|error| {
            hinted(
                format!("cannot write the metrics to {shown}: {error}"),
                "name a file with --metrics-file that is new or was written by it, in a folder \
                 in which this user may create files",
            )
        })?;
        Ok(Some(Self {
            file,
            began: Instant::now(),
            started_ms: wall_clock(),
        }))
    }

    /// Writes the file; returns what to say if that failed. The run is over by then, and
    /// its exit code stays what it is.
    pub(super) fn finish(&self, figures: &MetricsFigures) -> Option<String> {
        let times = RunTimes {
            started_ms: self.started_ms,
            ended_ms: wall_clock(),
            seconds: seconds(self.began.elapsed()),
        };
        let written = self.file.write(figures, times);
        let place = self.file.place().display();
        written
            .err()
            .map(|error| format!("warning: cannot write the metrics to {place}: {error}"))
    }
}
