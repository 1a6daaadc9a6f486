//! A command that a shell runs, for a limited time.

use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use thiserror::Error;

/// A command for a shell.
pub(super) struct ShellCommand<'c> {
    /// The command, as it is typed.
    pub(super) line: &'c str,
    /// What it finds on its standard input.
    pub(super) input: String,
    /// Variables that are added to its environment.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Variables that it doesn't get.
    pub(super) withheld: &'static [&'static str],
    /// Whether what it prints goes to standard error; otherwise it is dropped.
    pub(super) is_heard: bool,
}

/// Why a command did not do what it should.
#[derive(Debug, Error)]
pub(super) enum ShellFailure {
    #[error("could not be started: {0}")]
    Start(io::Error),
    #[error("ended with {}", status_words(*.0))]
    Status(ExitStatus),
    #[error("was stopped, because it still ran after {} s", .0.as_secs())]
    Late(Duration),
}

fn status_words(status: ExitStatus) -> String {
    let code = status.code().map(|code| format!("exit code {code}"));
    code.unwrap_or_else(|| status.to_string())
}

impl ShellCommand<'_> {
    /// Runs it for at most `limit`; then it is killed, with what it started. What it prints
    /// goes to standard error, or nowhere.
    pub(super) fn run(self, limit: Duration) -> Result<(), ShellFailure> {
        let mut shell = shell(self.line);
        shell.envs(self.variables);
        for name in self.withheld {
            shell.env_remove(name);
        }
        shell.stdin(Stdio::piped());
        if self.is_heard {
            shell.stdout(io::stderr());
        } else {
            shell.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let mut child = shell.spawn().map_err(ShellFailure::Start)?;
        feed(&mut child, self.input);
        let id = child.id();
        let (ended, end) = sync_channel(1);
        // It can't be killed by the thread that waits for it.
        std::thread::spawn(move || ended.send(child.wait()).ok());
        match end.recv_timeout(limit) {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(ShellFailure::Status(status)),
            Ok(Err(error)) => Err(ShellFailure::Start(error)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                kill(id);
                Err(ShellFailure::Late(limit))
            }
        }
    }
}

/// Writes `input` to the child while it runs: it may read none of it, or only in the end.
fn feed(child: &mut Child, input: String) {
    if let Some(mut stdin) = child.stdin.take() {
        // A child that doesn't read closes the pipe, which is no error.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
    }
}

/// The system's shell with a command, in a process group of its own: a Ctrl-C in the terminal
/// doesn't reach it, and it can be killed with what it started.
#[cfg(unix)]
fn shell(line: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line).process_group(0);
    shell
}

/// The system's shell with a command, which it reads with rules of its own.
#[cfg(windows)]
fn shell(line: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd");
    shell.arg("/C").raw_arg(line);
    shell
}

/// Kills the shell with this id, and what it started.
#[cfg(unix)]
fn kill(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(id).ok().and_then(Pid::from_raw);
    // It may have ended meanwhile.
    group.and_then(|group| kill_process_group(group, Signal::KILL).ok());
}

/// Kills the shell with this id, and what it started.
#[cfg(windows)]
fn kill(id: u32) {
    let mut killer = Command::new("taskkill");
    killer.args(["/T", "/F", "/PID"]).arg(id.to_string());
    // It may have ended meanwhile.
    killer
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok();
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{ShellCommand, ShellFailure};

    const LONG: Duration = Duration::from_mins(1);

    fn run(folder: &Path, line: &str, input: &str, limit: Duration) -> Result<(), ShellFailure> {
        let line = format!("cd {} && {line}", folder.display());
        let command = ShellCommand {
            line: &line,
            input: input.to_owned(),
            variables: vec![("ADDED", "more".to_owned())],
            withheld: &["PATH"],
            is_heard: true,
        };
        command.run(limit)
    }

    #[test]
    fn it_reads_its_input_and_its_variables() {
        let folder = tempfile::tempdir().unwrap();
        let line = "{ read first; echo $first $ADDED ${PATH_IS:-none}; } > it";
        run(folder.path(), line, "one\ntwo\n", LONG).unwrap();
        let text = std::fs::read_to_string(folder.path().join("it")).unwrap();
        assert_eq!(text, "one more none\n");
    }

    #[test]
    fn one_that_does_not_read_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let more_than_a_pipe_holds = "x".repeat(1 << 20);
        run(folder.path(), "true", &more_than_a_pipe_holds, LONG).unwrap();
    }

    #[test]
    fn its_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = |line| {
            let failure = run(folder.path(), line, "", LONG).unwrap_err();
            failure.to_string()
        };
        assert_eq!(told("exit 7"), "ended with exit code 7");
        assert!(told("kill -9 $$").contains("signal: 9"));
    }

    /// Whether a process does anything: one that was killed may wait to be collected.
    fn is_alive(id: &str) -> bool {
        let state = std::process::Command::new("ps")
            .args(["-o", "stat=", "-p", id.trim()])
            .output()
            .unwrap();
        let state = String::from_utf8(state.stdout).unwrap();
        !state.trim().is_empty() && !state.trim().starts_with('Z')
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let line = "{ sleep 600 & echo $! > child; echo $$ > shell; wait; }";
        let short = Duration::from_secs(1);
        let failure = run(folder.path(), line, "", short).unwrap_err();
        assert!(matches!(failure, ShellFailure::Late(_)), "{failure}");
        for name in ["child", "shell"] {
            let id = std::fs::read_to_string(folder.path().join(name)).unwrap();
            while is_alive(&id) {
                std::thread::yield_now();
            }
        }
    }
}
