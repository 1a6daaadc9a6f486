//! Ctrl-C, SIGTERM and SIGHUP: the first lets requests in flight finish, the second
//! ends the process at once.

use crate::engine::stop::{Halt, Stop};

/// Handles signals as long as the runtime exists. `at_once` is called before the second one
/// ends the process.
pub(super) fn listen(stop: Stop, at_once: impl FnOnce() + Send + 'static) {
    let hangup_is_ignored = hangup_is_ignored();
    survive_file_limit();
    tokio::spawn(async move {
        signal(hangup_is_ignored).await;
        stop.halt(Halt::Interrupted);
        signal(hangup_is_ignored).await;
        at_once();
        #[expect(
            clippy::exit,
            clippy::disallowed_methods,
            reason = "the files on disk are valid at every instant, and a second signal means now"
        )]
        std::process::exit(130);
    });
}

/// Makes a file that would grow beyond `ulimit -f` an error of the write: by default SIGXFSZ
/// ends the process, without a word.
fn survive_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        // A handler stays installed without a receiver. Without one it is as it was.
        signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).ok();
    }
}

/// Ends the process at the first signal: nothing was done yet.
pub(super) async fn end_at_once() {
    shutdown().await;
    #[expect(
        clippy::exit,
        clippy::disallowed_methods,
        reason = "inputs are being looked at, and nothing is written"
    )]
    std::process::exit(130);
}

/// Waits for the next signal that ends a server.
pub(super) async fn shutdown() {
    signal(hangup_is_ignored()).await;
}

/// Waits for the next signal that means "stop".
async fn signal(hangup_is_ignored: bool) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            // Without handlers a signal ends the process at once, which is safe.
            return std::future::pending().await;
        };
        // A handler would undo `nohup`.
        let mut hangup = (!hangup_is_ignored)
            .then(|| signal(SignalKind::hangup()).ok())
            .flatten();
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _unused = hangup_is_ignored;
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Whether SIGHUP was ignored when the program started, as under `nohup`. Known
/// only with `/proc` (Linux); elsewhere SIGHUP is handled.
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Whether the mask of ignored signals in `/proc/self/status` has SIGHUP, whose
/// number is 1 (proc(5), `SigIgn`).
fn ignores_hangup(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangup;

    #[test]
    fn an_ignored_hangup_is_the_lowest_bit() {
        let status = |mask: &str| format!("SigBlk:\t0001\nSigIgn:\t{mask}\nSigCgt:\t0001\n");
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")));
        assert!(!ignores_hangup("SigBlk:\t0001\n"));
    }
}
