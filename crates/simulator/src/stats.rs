//! What the simulator saw: counters, gauges and the last requests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Notify;

use crate::timer::now;

/// Names of models are a client's to invent: further ones are counted together under this name.
const OTHER_MODELS: &str = "(others)";
const MODELS_MAX: usize = 1024;
/// Bytes of recorded bodies that are kept at most, beside the limit on their number.
const RECORDED_BYTES_MAX: usize = 64 << 20;

/// What the simulator saw since it started or was last reset.
///
/// A call is a request to one of the two model endpoints. It ends as finished (its last byte was handed to the
/// connection), as cancelled (the client went away before), or as broken (a fault broke it off).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted.
    pub connections_opened: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// TLS handshakes that did not complete.
    pub tls_handshakes_failed: u64,
    /// Calls begun.
    pub calls_started: u64,
    /// Calls running now.
    pub calls_in_flight: u64,
    /// The most calls that ran at once.
    pub calls_in_flight_max: u64,
    /// Calls answered to the end, whatever their status.
    pub calls_finished: u64,
    /// Calls whose client went away.
    pub calls_cancelled: u64,
    /// Calls that a fault broke off.
    pub calls_broken: u64,
    /// Other requests, such as the list of models; the simulator's own endpoints are not counted.
    pub other_requests: u64,
    /// Bytes read from and written to all sockets, headers and TLS among them.
    pub bytes_received: u64,
    /// Bytes written to all sockets.
    pub bytes_sent: u64,
    /// Calls for each status sent.
    pub statuses: BTreeMap<u16, u64>,
    /// Calls for each model and endpoint; `""` is the model of requests that name none.
    pub models: BTreeMap<String, BTreeMap<Endpoint, u64>>,
}

/// The model endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// OpenAI's `POST /v1/chat/completions`.
    ChatCompletions,
    /// Anthropic's `POST /v1/messages`.
    Messages,
}

impl Stats {
    /// Calls of `model`, over all endpoints.
    pub fn calls_of(&self, model: &str) -> u64 {
        self.models.get(model).map_or(0, |endpoints| endpoints.values().sum())
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Where it went.
    pub endpoint: Endpoint,
    /// Its headers in order; a key is replaced by `(hidden)`.
    pub headers: Vec<(String, String)>,
    /// Its body, byte for byte.
    pub body: Bytes,
    /// Whether it came over HTTP/2.
    pub http2: bool,
}

impl RecordedRequest {
    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A call whose client went away.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CancelledCall {
    /// The request's body, which says whose call it was; empty where it was not read to its end.
    pub body: Bytes,
    /// When the simulator noticed.
    pub at: Instant,
}

/// Where everything is counted.
#[derive(Debug)]
pub(crate) struct Ledger {
    stats: Mutex<Stats>,
    requests: Mutex<Recorder>,
    cancelled: Mutex<VecDeque<CancelledCall>>,
    requests_max: usize,
    received: AtomicU64,
    sent: AtomicU64,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Recorder {
    kept: VecDeque<RecordedRequest>,
    bytes: usize,
}

impl Ledger {
    pub(crate) fn new(requests_max: usize) -> Arc<Self> {
        Arc::new(Self {
            stats: Mutex::default(),
            requests: Mutex::default(),
            cancelled: Mutex::default(),
            requests_max,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            changed: Notify::new(),
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.lock().clone();
        stats.bytes_received = self.received.load(Relaxed);
        stats.bytes_sent = self.sent.load(Relaxed);
        stats
    }

    /// Starts counting anew; what runs now goes on being counted as running.
    pub(crate) fn reset(&self) {
        self.change(|stats| {
            *stats = Stats {
                connections_open: stats.connections_open,
                calls_in_flight: stats.calls_in_flight,
                calls_in_flight_max: stats.calls_in_flight,
                ..Stats::default()
            };
        });
        self.received.store(0, Relaxed);
        self.sent.store(0, Relaxed);
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = Recorder::default();
        self.take_cancelled();
    }

    /// Ends after the next change; create it before reading what is waited for.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count_model(&self, model: &str, endpoint: Endpoint) {
        self.change(|stats| {
            let known = stats.models.contains_key(model) || stats.models.len() < MODELS_MAX;
            let name = if known { model } else { OTHER_MODELS };
            *stats.models.entry(name.to_owned()).or_default().entry(endpoint).or_default() += 1;
        });
    }

    pub(crate) fn record(&self, request: RecordedRequest) {
        if self.requests_max == 0 {
            return;
        }
        let mut recorder = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.bytes += request.body.len();
        recorder.kept.push_back(request);
        while recorder.kept.len() > self.requests_max || recorder.bytes > RECORDED_BYTES_MAX {
            let Some(oldest) = recorder.kept.pop_front() else { break };
            recorder.bytes -= oldest.body.len();
        }
    }

    fn cancelled(&self, body: Bytes) {
        let at = now();
        let mut cancelled = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        cancelled.push_back(CancelledCall { body, at });
        while cancelled.len() > self.requests_max {
            cancelled.pop_front();
        }
    }

    pub(crate) fn take_cancelled(&self) -> Vec<CancelledCall> {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }
}

/// One open connection; counted as closed when dropped.
#[derive(Debug)]
pub(crate) struct ConnectionGuard(Arc<Ledger>);

impl ConnectionGuard {
    pub(crate) fn open(ledger: &Arc<Ledger>) -> Self {
        ledger.change(|stats| {
            stats.connections_opened += 1;
            stats.connections_open += 1;
        });
        Self(Arc::clone(ledger))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.change(|stats| stats.connections_open -= 1);
    }
}

/// One running call; cancelled when dropped before it was settled.
#[derive(Debug)]
pub(crate) struct CallGuard {
    ledger: Arc<Ledger>,
    body: Bytes,
    settled: bool,
}

impl CallGuard {
    pub(crate) fn start(ledger: &Arc<Ledger>) -> Self {
        ledger.change(|stats| {
            stats.calls_started += 1;
            stats.calls_in_flight += 1;
            stats.calls_in_flight_max = stats.calls_in_flight_max.max(stats.calls_in_flight);
        });
        Self { ledger: Arc::clone(ledger), body: Bytes::new(), settled: false }
    }

    /// Keeps the request's body, so that whose call it was can be told should its client go away.
    pub(crate) fn remember(&mut self, body: &Bytes) {
        self.body = body.clone();
    }

    pub(crate) fn finish(&mut self) {
        self.settle(|stats| stats.calls_finished += 1);
    }

    pub(crate) fn break_off(&mut self) {
        self.settle(|stats| stats.calls_broken += 1);
    }

    pub(crate) fn count_status(&self, status: u16) {
        self.ledger.change(|stats| *stats.statuses.entry(status).or_default() += 1);
    }

    fn settle(&mut self, count: impl FnOnce(&mut Stats)) {
        if !std::mem::replace(&mut self.settled, true) {
            self.ledger.change(|stats| {
                stats.calls_in_flight -= 1;
                count(stats);
            });
        }
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.cancelled(std::mem::take(&mut self.body));
        }
        self.settle(|stats| stats.calls_cancelled += 1);
    }
}
