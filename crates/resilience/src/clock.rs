//! The real clock, on tokio's timers. The one place of the workspace that looks at the system's time.

use std::time::{Duration, Instant, SystemTime};

use async_orchestrator_core::{Clock, Sleep};

/// The system's time and tokio's timers. It needs a tokio runtime with time enabled only where something waits: a sleep that is made and
/// dropped unpolled, as those of calls that answer at once are, costs no timer and asks for no runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioClock;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the implementation of the port that everything else asks"
)]
impl Clock for TokioClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let end = tokio::time::Instant::now().checked_add(duration);
        Box::pin(async move {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                // Beyond the clock's range is never.
                None => std::future::pending().await,
            }
        })
    }
}
