//! The metrics of a run for Prometheus: `--metrics-file`, `--metrics`.

use std::path::PathBuf;

use tokio::time::Instant;

use super::hint::hinted;
use super::system::{seconds, wall_clock};
use crate::config::monitor::MetricsSettings;
use crate::report::metrics_file::{MetricsFigures, MetricsFile, RunTimes};
use crate::report::metrics_server::serve;
use crate::report::progress::ProgressDisplay;

/// The metrics file of a run that goes on.
pub(super) struct RunMetrics {
    file: MetricsFile,
    began: Instant,
    started_ms: i64,
}

impl RunMetrics {
    /// Serves what `watcher` shows of `command`, and makes sure that the file can be written,
    /// both before anything is sent. `None` if no file is wanted.
    pub(super) fn begin(
        settings: MetricsSettings,
        command: &str,
        watcher: &ProgressDisplay,
    ) -> anyhow::Result<Option<Self>> {
        let started_ms = wall_clock();
        let file = settings.file.map(begun).transpose()?;
        if let Some(first) = settings.addresses.first() {
            let metrics = watcher.metrics(command, started_ms);
            let served = serve(&settings.addresses, move || metrics.text());
            let address = served.map_err(|error| {
                hinted(
                    format!("cannot serve metrics at {first}: {error}"),
                    "name an address of this machine with --metrics and a port that no other \
                     process uses (another run, perhaps); port 0 is a free one",
                )
            })?;
            watcher.say_metrics(&format!("http://{address}/metrics"));
        }
        Ok(file.map(|file| Self {
            file,
            began: Instant::now(),
            started_ms,
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

fn begun(place: PathBuf) -> anyhow::Result<MetricsFile> {
    let shown = place.display().to_string();
    MetricsFile::begin(place).map_err(|error| {
        hinted(
            format!("cannot write the metrics to {shown}: {error}"),
            "name a file with --metrics-file that is new or was written by it, in a folder in \
             which this user may create files",
        )
    })
}
