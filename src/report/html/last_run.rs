//! What a page that is written again says of the latest run on its checkpoint.

/// The latest run on a checkpoint, of which the page is written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// How it ended.
    pub end: RunEnd,
    /// Why the rows of the input could not be read, if so: the page has what the checkpoint
    /// alone knows.
    pub alone: Option<String>,
    /// What a reader should know of the figures.
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// It is still running.
    Running,
    /// It was killed, or the machine stopped.
    CutOff,
    /// No run has begun.
    NotBegun,
    /// It reached its end.
    Finished,
    /// A user interrupted it.
    Interrupted,
    /// It was stopped: by the clock, by errors, or by a canary.
    Stopped,
}

impl RunEnd {
    /// As the page says it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Running => "running while the page was written",
            Self::CutOff => "cut off",
            Self::NotBegun => "none has begun",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped before its end",
        }
    }
}

impl LastRun {
    /// How the page came about, in a sentence or two.
    pub(super) fn sentence(&self) -> String {
        match &self.alone {
            None => "Written again from the checkpoint and the input; nothing was sent.".to_owned(),
            Some(why) => format!(
                "Written again from the checkpoint alone, because {why}. Rejected and skipped rows, \
                 and the lines of rows, are not known to it."
            ),
        }
    }
}
