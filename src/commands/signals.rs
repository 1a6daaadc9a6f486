//! Ctrl-C and SIGTERM: the first lets what is in flight finish, the second
//! doesn't.

use std::io::Write;

use crate::engine::stop::{Halt, Stop};

/// Listens for signals, as long as the runtime lives.
pub(super) fn listen(stop: Stop) {
    tokio::spawn(async move {
        signal().await;
        stop.halt(Halt::Interrupted);
        signal().await;
        writeln!(
            std::io::stderr(),
            "stopped at once; the checkpoint is right, run the same command again"
        )
        .ok();
        #[expect(
            clippy::exit,
            clippy::disallowed_methods,
            reason = "what is on disk is right at every instant, and a second signal means now"
        )]
        std::process::exit(130);
    });
}

/// Waits for the next signal that means "stop".
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            // Without signals the run can't be interrupted softly; it is as
            // safe as ever to interrupt it hard.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
