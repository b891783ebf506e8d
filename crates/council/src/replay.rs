//! Decides a finished run again from its recorded calls, without asking anybody and without waiting: time is what the journal says.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

use async_orchestrator_core::{Clock, Sleep};

use crate::{CouncilError, past::Past};

/// Time as a journal tells it: it moves when an entry is come to, and nobody sleeps.
#[derive(Debug)]
pub(crate) struct JournalClock {
    pub(crate) started: Instant,
    pub(crate) wall_ms: u64,
    pub(crate) past: Arc<Past>,
}

impl Clock for JournalClock {
    fn now(&self) -> Instant {
        let elapsed = Duration::from_millis(self.past.elapsed_ms());
        self.started.checked_add(elapsed).unwrap_or(self.started)
    }

    fn wall(&self) -> SystemTime {
        let since_1970 = Duration::from_millis(self.wall_ms.saturating_add(self.past.elapsed_ms()));
        SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// Polls `work` until it has come to everything that its journal holds, which needs no waiting, and then as usual. A run that waits before
/// that waits for something that its journal does not tell: it goes another way than before.
pub(crate) async fn retrace<T>(
    past: Arc<Past>,
    work: impl Future<Output = Result<T, CouncilError>>,
) -> Result<T, CouncilError> {
    let mut work = pin!(work);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    std::future::poll_fn(|context| {
        if past.is_over() {
            return work.as_mut().poll(context);
        }
        flag.set(context.waker());
        loop {
            flag.woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(outcome);
            }
            if past.is_over() {
                return Poll::Pending;
            }
            if !flag.woken.load(Ordering::SeqCst) {
                return Poll::Ready(Err(past.astray()));
            }
        }
    })
    .await
}

/// Notes that it was woken, and wakes whoever waits behind it.
#[derive(Default)]
struct Flag {
    woken: AtomicBool,
    behind: Mutex<Option<Waker>>,
}

impl Flag {
    fn set(&self, waker: &Waker) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if let Some(waker) = &*self.behind.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }
}
