//! Work that is done some time after its request arrived.
//!
//! It is a task of its own, and counted until it is done: whether the client is
//! still there makes no difference to it, and a test can wait for it.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The work that is not done yet.
#[derive(Debug)]
pub(in crate::sandbox) struct Late {
    pending: watch::Sender<usize>,
    /// Once it is cancelled nothing waits any longer.
    stopping: CancellationToken,
}

/// One piece of it. Dropped, it is done.
#[derive(Debug)]
struct Pending(watch::Sender<usize>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_modify(|pending| *pending -= 1);
    }
}

impl Late {
    pub(in crate::sandbox) fn new(stopping: CancellationToken) -> Self {
        Self {
            pending: watch::Sender::new(0),
            stopping,
        }
    }

    /// Begins `work` at `due`, or when the sandbox is stopped.
    pub(in crate::sandbox) fn begin<T: Send + 'static>(
        &self,
        due: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.pending.send_modify(|pending| *pending += 1);
        let pending = Pending(self.pending.clone());
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            let _pending = pending;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = stopping.cancelled() => {}
            }
            work.await
        })
    }

    /// Waits until nothing is left to be done.
    pub(in crate::sandbox) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        // The sender lives as long as `self`, so the wait ends with a zero.
        drop(pending.wait_for(|pending| *pending == 0).await);
    }

    /// Likewise, for so long at most.
    pub(in crate::sandbox) async fn settled_within(&self, time: Duration) {
        drop(tokio::time::timeout(time, self.settled()).await);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::Late;

    #[tokio::test(start_paused = true)]
    async fn it_is_settled_when_all_is_done_and_a_stop_waits_for_nothing() {
        let stopping = CancellationToken::new();
        let late = Late::new(stopping.clone());
        late.settled().await;
        let began = Instant::now();
        let first = late.begin(began + Duration::from_secs(5), async { 1 });
        drop(late.begin(began + Duration::from_secs(9), async {}));
        assert_eq!(first.await.unwrap(), 1);
        late.settled().await;
        assert_eq!(began.elapsed(), Duration::from_secs(9));
        drop(late.begin(began + Duration::from_hours(1), async {}));
        stopping.cancel();
        late.settled().await;
        assert_eq!(began.elapsed(), Duration::from_secs(9));
    }
}
