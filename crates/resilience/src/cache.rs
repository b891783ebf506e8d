//! Answers that were given before: in place of a call where that is allowed, and as the last resort where nobody can be reached.
//!
//! An answer is kept under the model that gave it, never under the one it stood in for. What is cut, filtered, empty or second-hand is
//! not kept. Ages are measured on our own clock; moka only bounds the bytes.

mod remembered;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind, Fault,
    FinishReason, KeptAnswer, LlmProvider, ProviderError, Reuse, Served, StreamEvent, Usage,
};
use async_trait::async_trait;
use futures_util::stream;

use self::remembered::Remembered;
use crate::{cache_key::CacheKey, shared::Shared};

/// What an entry costs beside its text, moka's own memory included: 0.7 KiB, measured as the resident memory of 200,000 short answers.
const ENTRY_BYTES: usize = 704;

/// Which answers are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// So many bytes at most; default 64 MiB.
    pub bytes_max: u64,
    /// So long an answer serves in place of a call; default 1 h.
    pub fresh_for: Duration,
    /// So much longer it serves, marked stale, where nobody can be reached; zero is never; default 24 h.
    pub stale_for: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            fresh_for: Duration::from_secs(3_600),
            stale_for: Duration::from_secs(86_400),
        }
    }
}

impl CacheConfig {
    /// Everything that is wrong, each with the name of its setting.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.bytes_max < 4_096 {
            problems.push("bytes_max: no answer fits into less than 4096 bytes".to_owned());
        }
        if self.fresh_for.is_zero() && self.stale_for.is_zero() {
            problems.push("fresh_for: with stale_for zero too nothing would ever be used".to_owned());
        }
        problems
    }
}

/// The answers of one process.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    entries: moka::sync::Cache<CacheKey, Arc<Entry>>,
    config: CacheConfig,
    clock: Arc<dyn Clock>,
    /// Where answers of other processes are, and go to.
    shared: Option<Arc<Shared>>,
    /// What the names of models are valid for.
    place: String,
}

#[derive(Debug)]
struct Entry {
    completion: Completion,
    stored: Instant,
    /// How old it was when it came here.
    age_then: Duration,
}

impl Entry {
    fn weight(&self) -> usize {
        self.completion.text.len() + ENTRY_BYTES
    }
}

impl AnswerCache {
    pub(crate) fn new(
        config: CacheConfig,
        clock: Arc<dyn Clock>,
        shared: Option<Arc<Shared>>,
        place: String,
    ) -> Self {
        let weight = |_: &CacheKey, entry: &Arc<Entry>| u32::try_from(entry.weight()).unwrap_or(u32::MAX);
        let entries = moka::sync::Cache::builder().max_capacity(config.bytes_max).weigher(weight).build();
        Self { entries, config, clock, shared, place }
    }

    /// The answer under `key`, with its age, if it is younger than `limit`.
    async fn get(&self, key: &CacheKey, limit: Duration) -> Option<(Completion, u64)> {
        let entry = match self.entries.get(key) {
            Some(entry) => entry,
            None => self.fetch(key).await?,
        };
        let age = self.clock.now().saturating_duration_since(entry.stored).saturating_add(entry.age_then);
        if age >= limit {
            return None;
        }
        let mut completion = entry.completion.clone();
        // It costs nothing now, and nobody is asked: whoever adds up usage and attempts must find none. The source of the usage stays as
        // it was: that nothing was used is no estimate. So does the vendor's id, by which the answer can be traced.
        completion.usage = Usage::default();
        completion.trail = Vec::new();
        Some((completion, u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The answer that another process kept. One that cannot be read is none.
    async fn fetch(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        let shared = self.shared.as_ref()?;
        let kept = shared.in_time(shared.state.answer(*key.bytes())).await.ok().flatten()?;
        let completion = serde_json::from_str(&kept.body).ok()?;
        let age_then = Duration::from_millis(shared.wall_ms().saturating_sub(kept.given_ms));
        let entry = Arc::new(Entry { completion, stored: self.clock.now(), age_then });
        self.entries.insert(*key, Arc::clone(&entry));
        Some(entry)
    }

    fn key(&self, scope: &str, request: &CompletionRequest, context: &CallContext) -> CacheKey {
        if self.place.is_empty() {
            CacheKey::new(scope, request, context)
        } else {
            CacheKey::new(&format!("{scope} at {}", self.place), request, context)
        }
    }

    /// What it holds now: moka's own sum lags behind.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.entries.iter().map(|(_, entry)| entry.weight()).sum()
    }

    pub(crate) fn put(&self, request: &CompletionRequest, context: &CallContext, completion: &Completion) {
        let whole = match completion.finish {
            FinishReason::Stop | FinishReason::StopSequence => true,
            // A reason that is new to us is no proof that the answer is whole.
            _ => false,
        };
        let worth = whole
            && completion.served.is_live()
            && completion.prompt_read.is_whole()
            && !completion.text.trim().is_empty();
        if worth {
            let key = self.key(&completion.answered_by.to_string(), request, context);
            let completion = Completion { trail: Vec::new(), ..completion.clone() };
            if let (Some(shared), Ok(body)) = (&self.shared, serde_json::to_string(&completion)) {
                let answer = KeptAnswer { body, given_ms: shared.wall_ms() };
                shared.state.keep_answer(*key.bytes(), answer, self.config.bytes_max);
            }
            let entry = Entry { completion, stored: self.clock.now(), age_then: Duration::ZERO };
            self.entries.insert(key, Arc::new(entry));
            // moka would drop what is too much a little later; a few long answers at once must not stand beside the limit until then.
            self.entries.run_pending_tasks();
        }
    }
}

/// A provider with a memory.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    inner: Arc<dyn LlmProvider>,
    cache: Arc<AnswerCache>,
    scope: String,
}

impl Cached {
    pub(crate) fn new(inner: Arc<dyn LlmProvider>, cache: Arc<AnswerCache>) -> Self {
        let scope = inner.capabilities().target.to_string();
        Self { inner, cache, scope }
    }

    async fn fresh(&self, request: &CompletionRequest, context: &CallContext) -> Option<Completion> {
        let deterministic = request.seed.is_some() || request.temperature == Some(0.0);
        let allowed = match context.reuse {
            Reuse::Never => false,
            Reuse::WhenDeterministic => deterministic,
            Reuse::Allowed => true,
        };
        if !allowed {
            return None;
        }
        let key = self.cache.key(&self.scope, request, context);
        let (mut completion, age_ms) = self.cache.get(&key, self.cache.config.fresh_for).await?;
        completion.served = Served::Cached { age_ms };
        Some(completion)
    }

    /// An old answer in place of `error`, or the error. It is the last resort, so it asks only that the caller did not refuse the answers
    /// of others: who gets it reads that it is old.
    async fn stale(
        &self,
        mut error: ProviderError,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let config = &self.cache.config;
        if !may_be_stale(error.kind()) || context.reuse == Reuse::Never || config.stale_for.is_zero() {
            return Err(error);
        }
        let key = self.cache.key(&self.scope, request, context);
        let limit = config.fresh_for.saturating_add(config.stale_for);
        let Some((mut completion, age_ms)) = self.cache.get(&key, limit).await else { return Err(error) };
        completion.served = Served::Stale { age_ms };
        completion.trail = error.take_trail();
        Ok(completion)
    }
}

/// Whether a failure is not this request's and the caller is still there. A time limit, a guard of ours or an empty purse count as well: an
/// old answer costs no time and no money.
fn may_be_stale(kind: ErrorKind) -> bool {
    match kind.fault() {
        // An old answer to the same request is no cure.
        Fault::Request => false,
        Fault::Key | Fault::Model | Fault::Provider => true,
        Fault::Local => kind != ErrorKind::Cancelled,
    }
}

#[async_trait]
impl LlmProvider for Cached {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        if let Some(known) = self.fresh(request, context).await {
            return Ok(known);
        }
        match self.inner.complete(request, context).await {
            Ok(completion) => {
                self.cache.put(request, context, &completion);
                Ok(completion)
            }
            Err(error) => self.stale(error, request, context).await,
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        if let Some(known) = self.fresh(request, context).await {
            return Ok(at_once(known));
        }
        match self.inner.stream(request, context).await {
            Ok(inner) => Ok(Box::pin(Remembered::new(inner, self.clone(), request.clone(), context.clone()))),
            Err(error) => self.stale(error, request, context).await.map(at_once),
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}

/// A whole answer as a stream.
fn at_once(completion: Completion) -> CompletionStream {
    let text = (!completion.text.is_empty()).then(|| Ok(StreamEvent::Delta(completion.text.clone())));
    let end = Ok(StreamEvent::Finished(Box::new(completion)));
    Box::pin(stream::iter(text.into_iter().chain([end])))
}
