//! A provider whose replies have a rhythm: `2s | Hello 3s world end`.
//!
//! Words are pieces of text, `2s` is a wait, `end` the terminal event, `cut` an end without one, `stall` silence for ever, `!kind` a failure; what
//! stands before `|` happens before the stream opens. `[3: ...]` in front is what the first three calls do, and so on. Capitals after `#` set facts: `#window=8000`, `#price=2` (dollars a million tokens), `#continues=yes`.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_orchestrator_core::{
    CallContext, Capabilities, Clock, Completion, CompletionRequest, CompletionStream, ErrorKind,
    FinishReason, Guard, LlmProvider, Price, PromptRead, ProviderError, Served, StreamEvent, TimeoutPhase,
    Usage, UsageSource, test_util::ManualClock,
};
use async_trait::async_trait;
use futures_util::stream;

#[derive(Clone, Debug, PartialEq)]
enum Beat {
    Wait(Duration),
    Text(String),
    End,
    Cut,
    Stall,
    Fail(ErrorKind),
}

/// What some calls do.
#[derive(Clone)]
struct Part {
    calls: usize,
    opening: Vec<Beat>,
    beats: Vec<Beat>,
}

pub(super) struct Paced {
    capabilities: Capabilities,
    clock: ManualClock,
    parts: Vec<Part>,
    calls: Mutex<Vec<&'static str>>,
    /// The last message of each streamed call.
    last_messages: Mutex<Vec<String>>,
    running: Arc<AtomicUsize>,
}

impl Paced {
    pub(super) fn new(name: &str, clock: &ManualClock, score: &str) -> Self {
        let mut capabilities = Capabilities::unknown(name.parse().unwrap());
        let mut parts = Vec::new();
        for (calls, text) in sections(score) {
            let (mut beats, mut opening) = (Vec::new(), Vec::new());
            for word in text.split_whitespace() {
                match word.strip_prefix('#').and_then(|fact| fact.split_once('=')) {
                    Some(("window", tokens)) => capabilities.context_window = Some(tokens.parse().unwrap()),
                    Some(("price", dollars)) => {
                        capabilities.price = Some(flat_price(dollars.parse().unwrap()));
                    }
                    Some(("continues", _)) => capabilities.continues = true,
                    Some((fact, _)) => panic!("unknown fact {fact}"),
                    None if word == "|" => opening = std::mem::take(&mut beats),
                    None => beats.push(beat(word)),
                }
            }
            parts.push(Part { calls, opening, beats });
        }
        Self {
            capabilities,
            clock: clock.clone(),
            parts,
            calls: Mutex::default(),
            last_messages: Mutex::default(),
            running: Arc::default(),
        }
    }

    /// What the call that begins now does.
    fn part(&self) -> Part {
        let mut number = self.calls.lock().unwrap().len();
        let part = self.parts.iter().find(|part| {
            let here = number < part.calls;
            number = number.saturating_sub(part.calls);
            here
        });
        part.or(self.parts.last()).unwrap().clone()
    }

    /// `stream` or `complete`, a word a call.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// The last message of each streamed call.
    pub(super) fn last_messages(&self) -> Vec<String> {
        self.last_messages.lock().unwrap().clone()
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn begin(&self, call: &'static str) -> Running {
        self.calls.lock().unwrap().push(call);
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(&self.running))
    }

    /// Plays beats that yield nothing to the caller; the first that ends the call ends it here.
    async fn play(&self, beats: &[Beat]) -> Result<String, ProviderError> {
        let mut text = String::new();
        for beat in beats {
            match beat {
                Beat::Wait(time) => self.clock.sleep(*time).await,
                Beat::Text(piece) => text.push_str(piece),
                Beat::Stall => std::future::pending().await,
                Beat::Fail(kind) => return Err(self.error(*kind)),
                Beat::Cut => return Err(self.error(ErrorKind::Truncated)),
                Beat::End => break,
            }
        }
        Ok(text)
    }

    fn error(&self, kind: ErrorKind) -> ProviderError {
        ProviderError::new(kind).with_target(self.capabilities.target.clone())
    }

    fn completion(&self, text: &str) -> Completion {
        Completion {
            text: text.to_owned(),
            finish: FinishReason::Stop,
            // Ten in, one a letter out: sums that a reader of a test can do in the head.
            usage: Usage { input_tokens: 10, output_tokens: text.len() as u64, ..Usage::default() },
            usage_source: UsageSource::Reported,
            answered_by: self.capabilities.target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: None,
            trail: Vec::new(),
        }
    }
}

#[async_trait]
impl LlmProvider for Paced {
    async fn complete(&self, _: &CompletionRequest, _: &CallContext) -> Result<Completion, ProviderError> {
        let part = self.part();
        let _running = self.begin("complete");
        self.play(&part.opening).await?;
        self.play(&part.beats).await.map(|text| self.completion(&text))
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        _: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let part = self.part();
        let last = request.messages.last().map(|message| message.content.clone());
        self.last_messages.lock().unwrap().extend(last);
        let running = self.begin("stream");
        self.play(&part.opening).await?;
        let whole: String = part
            .beats
            .iter()
            .filter_map(|beat| if let Beat::Text(text) = beat { Some(text.as_str()) } else { None })
            .collect();
        let end = self.completion(&whole);
        let target = self.capabilities.target.clone();
        let state = (part.beats.into_iter(), self.clock.clone(), running);
        Ok(Box::pin(stream::unfold(state, move |(mut beats, clock, running)| {
            let (end, target) = (end.clone(), target.clone());
            async move {
                loop {
                    let item = match beats.next()? {
                        Beat::Wait(time) => {
                            clock.sleep(time).await;
                            continue;
                        }
                        Beat::Stall => std::future::pending().await,
                        Beat::Cut => return None,
                        Beat::Text(text) => Ok(StreamEvent::Delta(text)),
                        Beat::End => Ok(StreamEvent::Finished(Box::new(end))),
                        Beat::Fail(kind) => Err(ProviderError::new(kind).with_target(target)),
                    };
                    return Some((item, (beats, clock, running)));
                }
            }
        })))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Paced({})", self.capabilities.target)
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The same price for every token, in dollars a million: a micro-dollar a token for 1.
fn flat_price(dollars: u64) -> Price {
    let price = dollars * 1_000_000;
    Price { input: price, cached_input: None, cache_write: None, output: price, as_of: "2026-11".into() }
}

/// The parts of a score: so many calls, and what they do.
fn sections(score: &str) -> Vec<(usize, &str)> {
    let mut rest = score.trim();
    let mut sections = Vec::new();
    while let Some((part, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let (calls, text) = part.split_once(':').unwrap();
        sections.push((calls.trim().parse().unwrap(), text));
        rest = after.trim();
    }
    sections.push((usize::MAX, rest));
    sections
}

fn beat(word: &str) -> Beat {
    match word {
        "end" => Beat::End,
        "cut" => Beat::Cut,
        "stall" => Beat::Stall,
        _ => match (word.strip_prefix('!'), word.strip_suffix('s').and_then(|n| n.parse().ok())) {
            (Some(name), _) => Beat::Fail(kind(name)),
            (None, Some(seconds)) => Beat::Wait(Duration::from_secs_f64(seconds)),
            (None, None) => Beat::Text(word.to_owned()),
        },
    }
}

fn kind(name: &str) -> ErrorKind {
    match name {
        "invalid" => ErrorKind::Invalid,
        "key" => ErrorKind::Unauthorized,
        "quota" => ErrorKind::QuotaExhausted,
        "limited" => ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(7)) },
        "limited9" => ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(9)) },
        "overloaded" => ErrorKind::Overloaded { retry_after: None },
        "down" => ErrorKind::Unavailable,
        "truncated" => ErrorKind::Truncated,
        "malformed" => ErrorKind::Malformed,
        "filtered" => ErrorKind::ContentFiltered,
        "long" => ErrorKind::ContextTooLong,
        "model" => ErrorKind::UnknownModel,
        "cancelled" => ErrorKind::Cancelled,
        "deadline" => ErrorKind::Timeout { phase: TimeoutPhase::Deadline },
        "connect" => ErrorKind::Timeout { phase: TimeoutPhase::Connect },
        "breaker" => ErrorKind::Refused { by: Guard::Breaker, until: None },
        "budget" => ErrorKind::Refused { by: Guard::Budget, until: None },
        other => panic!("unknown kind {other}"),
    }
}
