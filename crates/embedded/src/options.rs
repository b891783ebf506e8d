//! How much of the machine the embedded model may use.

use std::{num::NonZeroUsize, thread};

/// Two replies at once use two cores fully; more only share them.
const JOBS_DEFAULT: usize = 2;
/// Beyond it, a model of this size waits for memory.
const THREADS_DEFAULT_MAX: usize = 4;
const QUEUE_DEFAULT: usize = 64;
/// What a run of the model costs grows with it; small models get no better from more.
const PROMPT_TOKENS_DEFAULT: usize = 1_536;
const WINDOW_DEFAULT: usize = 4_096;
/// A prompt and a reply of a few words.
const WINDOW_MIN: usize = 64;

/// How much of the machine the embedded model may use. The defaults suit a desktop of two cores and more.
///
/// ```
/// use async_orchestrator_embedded::EmbeddedOptions;
/// let options = EmbeddedOptions::new().jobs(1.try_into()?).prompt_tokens(800);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    pub(crate) jobs: NonZeroUsize,
    pub(crate) threads: NonZeroUsize,
    pub(crate) queue: usize,
    pub(crate) prompt_tokens: usize,
    pub(crate) window: usize,
}

impl EmbeddedOptions {
    /// The defaults: two jobs at once (one on a single core), up to four threads for their arithmetic, 64 waiting jobs, prompts
    /// of at most 1,536 tokens in a window of at most 4,096.
    pub fn new() -> Self {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let at_most = |limit: usize| NonZeroUsize::new(limit).map_or(cores, |limit| cores.min(limit));
        Self {
            jobs: at_most(JOBS_DEFAULT),
            threads: at_most(THREADS_DEFAULT_MAX),
            queue: QUEUE_DEFAULT,
            prompt_tokens: PROMPT_TOKENS_DEFAULT,
            window: WINDOW_DEFAULT,
        }
    }

    /// How many replies are written at once. Each takes memory for its keys and values, 46 kB a position with the default model.
    #[must_use]
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// How many threads compute. They are shared by all jobs.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// How many jobs may wait. One more is refused at once.
    #[must_use]
    pub fn queue(mut self, jobs: usize) -> Self {
        self.queue = jobs.max(1);
        self
    }

    /// The most tokens of a prompt. Longer messages are cut in the middle.
    #[must_use]
    pub fn prompt_tokens(mut self, tokens: usize) -> Self {
        self.prompt_tokens = tokens;
        self
    }

    /// The most tokens of a prompt and its reply together, at least 64; the model's own limit holds where it is lower.
    #[must_use]
    pub fn window(mut self, tokens: usize) -> Self {
        self.window = tokens.max(WINDOW_MIN);
        self
    }
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self::new()
    }
}
