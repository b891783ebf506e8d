//! Where a run stands in a distributed trace: W3C Trace Context in and out, and the ids of every span of a run.
//!
//! Ids follow from the run's name and the name of what a span covers, so that whoever sends a header and whoever exports the span agree
//! without asking each other.

use std::{fmt, str::FromStr, sync::Arc};

use crate::RunId;

/// The place in a caller's trace under which a run stands, as in the W3C recommendation Trace Context, version 00.
///
/// ```
/// use async_orchestrator_core::TraceContext;
///
/// let context: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert!(context.is_sampled());
/// assert_eq!(context.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// assert!("00-00000000000000000000000000000000-00f067aa0ba902b7-01".parse::<TraceContext>().is_err());
/// # Ok::<(), async_orchestrator_core::InvalidTraceContext>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: TraceId,
    /// The caller's span; `None` where the trace begins here.
    parent: Option<SpanId>,
    sampled: bool,
    state: Option<Arc<str>>,
}

/// The id of a trace; never all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span; never all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent is `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, ids not all zeros")]
pub struct InvalidTraceContext;

/// The longest `tracestate` that is passed on, in bytes (the recommendation asks for at least 512).
const STATE_BYTES_MAX: usize = 512;

impl TraceContext {
    /// A trace that begins with `run`: its id is that of the run where that is a UUID, else it follows from its name.
    pub fn root(run: &RunId) -> Self {
        let trace = TraceId(run_uuid(run.as_str()).unwrap_or_else(|| digest(run, "trace")));
        Self { trace, parent: None, sampled: true, state: None }
    }

    /// The same place with the vendors' `tracestate`; one that is too long or has unprintable bytes is left out.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        let fits = !state.is_empty() && state.len() <= STATE_BYTES_MAX;
        let printable = state.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        self.state = (fits && printable).then(|| Arc::from(state));
        self
    }

    /// The trace's id.
    pub const fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// The caller's span.
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the caller records this trace.
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The vendors' `tracestate`.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The header for a request that `span` of this trace sends.
    pub fn traceparent_of(&self, span: SpanId) -> String {
        format!("00-{}-{span}-{:02x}", self.trace, u8::from(self.sampled))
    }

    /// The context as a header; where the trace begins here, with the span of the trace's own name.
    pub fn traceparent(&self) -> String {
        let own = self.trace.0.last_chunk().copied().unwrap_or_default();
        self.traceparent_of(self.parent.unwrap_or(SpanId(own)))
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceContext;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().ok_or(InvalidTraceContext);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let [version]: [u8; 1] = hex(version)?;
        // A later version may append fields; version 255 is forbidden.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(InvalidTraceContext);
        }
        let (trace, span, [flags]): ([u8; 16], [u8; 8], [u8; 1]) = (hex(trace)?, hex(span)?, hex(flags)?);
        if trace == [0; 16] || span == [0; 8] {
            return Err(InvalidTraceContext);
        }
        Ok(Self { trace: TraceId(trace), parent: Some(SpanId(span)), sampled: flags & 1 == 1, state: None })
    }
}

impl SpanId {
    /// The id of the span in `run` that covers `what`: the run itself (`run`), a call (its name), an attempt (`name#number`).
    pub fn of(run: &RunId, what: &str) -> Self {
        Self(digest(run, what).first_chunk().copied().unwrap_or_default())
    }

    /// The id of attempt `number` of the call `call`.
    pub fn of_attempt(run: &RunId, call: &str, number: u32) -> Self {
        Self::of(run, &format!("{call}#{number}"))
    }
}

fn digest(run: &RunId, what: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(run.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(what.as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    // All zeros is no id; once in 2^64 is often enough to think of it.
    if let [.., last] = &mut id
        && *last == 0
    {
        *last = 1;
    }
    if id.first() == Some(&0) {
        id[0] = 1;
    }
    id
}

/// The bytes of a UUID as text.
fn run_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let digits: String = text.split('-').collect();
    hex(&digits).ok().filter(|id: &[u8; 16]| *id != [0; 16])
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceContext> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return Err(InvalidTraceContext);
    }
    // The recommendation writes lower case only.
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(InvalidTraceContext),
    };
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
    }
    Ok(out)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_recommendation_allows_is_a_context() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert!(!good.parse::<TraceContext>().unwrap().is_sampled());
        assert!(
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later".parse::<TraceContext>().is_ok()
        );
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more",
            "00-ü-00f067aa0ba902b7-00",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTraceContext), "{bad}");
        }
        let state =
            |text: &str| good.parse::<TraceContext>().unwrap().with_state(text).state().map(str::to_owned);
        assert_eq!(state("a=1,b=2"), Some(String::from("a=1,b=2")));
        assert!(state("a=\n").is_none() && state(&"a".repeat(513)).is_none());
    }

    #[test]
    fn the_ids_of_a_run_follow_from_its_names() {
        let run = RunId::new("019abcde-0000-7000-8000-000000000001");
        assert_eq!(TraceContext::root(&run).trace_id().to_string(), "019abcde000070008000000000000001");
        let attempt = SpanId::of_attempt(&run, "proposer-1/propose", 2);
        assert_eq!(attempt, SpanId::of(&run, "proposer-1/propose#2"));
        assert_ne!(attempt, SpanId::of(&RunId::new("another"), "proposer-1/propose#2"));
    }
}
