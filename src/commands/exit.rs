//! The ways in which a command ends.

/// The exit codes; `docs/interface.md` has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// Could not run, or had to stop.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Finished, but not with every row.
    RowsLeft = 3,
    /// Stopped early by a time limit: the same command continues.
    Stopped = 4,
    /// Stopped early; the same command would stop again until the cause is dealt
    /// with.
    NeedsPerson = 5,
    /// Interrupted.
    Interrupted = 130,
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn exit_codes_are_those_that_scripts_know() {
        assert_eq!(
            [
                Exit::Done as u8,
                Exit::Stopped as u8,
                Exit::NeedsPerson as u8,
                Exit::Interrupted as u8
            ],
            [0, 4, 5, 130]
        );
    }
}
