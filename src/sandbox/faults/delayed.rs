//! Work that is done some time after its request arrived.
//!
//! Each piece of work is a task of its own, so it is done even if the client
//! disconnects. Unfinished work is counted, so that a test can wait for it.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The delayed work that is not done yet.
#[derive(Debug)]
pub(in crate::sandbox) struct DelayedWork {
    pending: watch::Sender<usize>,
    /// Once it is cancelled, delayed work begins at once.
    stopping: CancellationToken,
}

/// Counts one piece of work until it is dropped.
#[derive(Debug)]
struct WorkGuard(watch::Sender<usize>);

impl Drop for WorkGuard {
    fn drop(&mut self) {
        self.0.send_modify(|pending| *pending -= 1);
    }
}

impl DelayedWork {
    pub(in crate::sandbox) fn new(stopping: CancellationToken) -> Self {
        Self {
            pending: watch::Sender::new(0),
            stopping,
        }
    }

    /// Does `work` at `due`, or when the sandbox stops if that is earlier.
    pub(in crate::sandbox) fn begin<T: Send + 'static>(
        &self,
        due: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.pending.send_modify(|pending| *pending += 1);
        let guard = WorkGuard(self.pending.clone());
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            let _guard = guard;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = stopping.cancelled() => {}
            }
            work.await
        })
    }

    /// Waits until all of it is done.
    pub(in crate::sandbox) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        // The sender lives as long as `self`, so the wait can only end at zero.
        drop(pending.wait_for(|pending| *pending == 0).await);
    }

    /// Likewise, for `time` at most.
    pub(in crate::sandbox) async fn settled_within(&self, time: Duration) {
        drop(tokio::time::timeout(time, self.settled()).await);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::DelayedWork;

    #[tokio::test(start_paused = true)]
    async fn it_settles_when_all_work_is_done_and_a_stop_ends_the_delays() {
        let stopping = CancellationToken::new();
        let delayed = DelayedWork::new(stopping.clone());
        delayed.settled().await;
        let began = Instant::now();
        let first = delayed.begin(began + Duration::from_secs(5), async { 1 });
        drop(delayed.begin(began + Duration::from_secs(9), async {}));
        assert_eq!(first.await.unwrap(), 1);
        delayed.settled().await;
        assert_eq!(began.elapsed(), Duration::from_secs(9));
        drop(delayed.begin(began + Duration::from_hours(1), async {}));
        stopping.cancel();
        delayed.settled().await;
        assert_eq!(began.elapsed(), Duration::from_secs(9));
    }
}
