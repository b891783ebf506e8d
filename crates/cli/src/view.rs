//! Shows a run while it goes, on stderr: a live view on a terminal, plain lines elsewhere, nothing where quiet was asked for.

pub(crate) mod figures;
mod live;
pub(crate) mod page;
mod plain;
pub(crate) mod report;
pub(crate) mod story;

use std::{
    io::{self, IsTerminal},
    sync::{Arc, Mutex, PoisonError},
};

use async_orchestrator::{Event, Observer, Plan};
use indicatif::MultiProgress;
#[cfg(feature = "embedded")]
use indicatif::{ProgressBar, ProgressStyle};

use live::Live;

/// The view of one run.
pub(crate) struct View {
    shared: Arc<Shared>,
}

struct Shared(Mutex<Screen>);

enum Screen {
    Live(Live),
    Plain,
    Silent,
}

impl View {
    /// Chooses by what stderr is.
    pub(crate) fn new(quiet: bool) -> Self {
        // The bars hide themselves where nothing can be redrawn, such as on a terminal called `dumb`.
        let bars = MultiProgress::new();
        let screen = match (quiet, io::stderr().is_terminal() && !bars.is_hidden()) {
            (true, _) => Screen::Silent,
            (false, true) => Screen::Live(Live::new(bars)),
            (false, false) => Screen::Plain,
        };
        Self { shared: Arc::new(Shared(Mutex::new(screen))) }
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.shared) as Arc<dyn Observer>
    }

    /// Says at once what is about to happen.
    pub(crate) fn planned(&mut self, plan: &Plan) {
        let line = report::headline(plan);
        match &mut *self.screen() {
            Screen::Live(live) => live.headline(&line),
            Screen::Plain => crate::output::note(&line),
            Screen::Silent => {}
        }
    }

    /// The progress of fetching the embedded model.
    #[cfg(feature = "embedded")]
    pub(crate) fn fetching(&self) -> Fetching {
        let bars = match &*self.screen() {
            Screen::Live(live) => Some(live.bars().clone()),
            Screen::Plain | Screen::Silent => None,
        };
        let quiet = matches!(&*self.screen(), Screen::Silent);
        Fetching { bars, quiet, bar: Mutex::default() }
    }

    /// Takes the live view off the screen.
    pub(crate) fn close(&mut self) {
        if let Screen::Live(live) = &mut *self.screen() {
            live.close();
        }
    }

    fn screen(&self) -> std::sync::MutexGuard<'_, Screen> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for View {
    /// Ctrl-C and errors leave a clean screen, too.
    fn drop(&mut self) {
        self.close();
    }
}

impl Observer for Shared {
    fn observe(&self, event: &Event) {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Screen::Live(live) => live.show(event),
            Screen::Plain => plain::show(event),
            Screen::Silent => {}
        }
    }
}

/// Shows how a model file comes in.
#[cfg(feature = "embedded")]
pub(crate) struct Fetching {
    bars: Option<MultiProgress>,
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

#[cfg(feature = "embedded")]
impl Fetching {
    /// For a command that fetches and does nothing else.
    pub(crate) fn alone() -> Self {
        let bars = io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, quiet: false, bar: Mutex::default() }
    }

    pub(crate) fn show(&self, event: &async_orchestrator::FetchEvent) {
        use async_orchestrator::FetchEvent;
        let mut slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match (event, &self.bars) {
            (FetchEvent::Progress { bytes, total, .. }, Some(bars)) => {
                let bar = slot.get_or_insert_with(|| bars.add(bar(*total)));
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*bytes);
            }
            // A line for each piece would fill a log.
            (FetchEvent::Progress { .. }, None) => {}
            (event, Some(bars)) => {
                let _ = bars.println(crate::sanitize::one_line(&event.to_string()));
            }
            (event, None) if !self.quiet => {
                crate::output::note(&crate::sanitize::one_line(&event.to_string()));
            }
            (_, None) => {}
        }
    }

    pub(crate) fn close(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(feature = "embedded")]
impl Drop for Fetching {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(feature = "embedded")]
fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::new(total), "model {bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}")
        }
        None => (ProgressBar::no_length(), "model {bytes} {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
