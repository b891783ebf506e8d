//! What can go wrong on purpose, and on which calls.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::dice::Dice;

/// Something that goes wrong with one call.
///
/// "After `n` events" counts the events of a stream from its opening event. A reply that is not streamed has two
/// halves instead: after 0 events nothing of its body is sent, after more the first half.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// An error status in the vendor's shape, or with a body of its own.
    Status(StatusFault),
    /// The connection closes in order (FIN) before any header.
    CloseBeforeHeaders,
    /// The connection is reset (RST) before any header.
    ResetBeforeHeaders,
    /// The connection is reset (RST) in the body. Over HTTP/2 the stream is reset.
    ResetMidBody {
        /// Events sent before.
        after_events: usize,
    },
    /// The connection closes in order (FIN) in the body, which HTTP's framing shows as incomplete.
    CloseMidBody {
        /// Events sent before.
        after_events: usize,
    },
    /// The body ends in order, but what it carries is not complete: no terminal event, or half of the JSON.
    EndWithoutTerminal {
        /// Events sent before.
        after_events: usize,
    },
    /// Nothing is ever sent.
    StallBeforeHeaders,
    /// Nothing more is ever sent.
    StallMidBody {
        /// Events sent before.
        after_events: usize,
    },
    /// A vendor's error object inside a reply of status 200; a stream ends with it, in order.
    ErrorIn200 {
        /// Events sent before.
        after_events: usize,
        /// The status that the same error would have outside a stream; it decides its type (529: overloaded).
        code: u16,
    },
    /// Another `content-type`, and another body where one is given.
    ContentType {
        /// The header's value.
        value: String,
        /// The whole body to send instead.
        #[serde(default)]
        body: Option<String>,
    },
    /// One event, or the whole reply that is not streamed, is no JSON.
    MalformedJson {
        /// Events sent before.
        after_events: usize,
    },
    /// A stream that is complete but for OpenAI's `data: [DONE]` line. Nothing changes elsewhere.
    WithoutDone,
    /// A reply whose text is empty.
    EmptyContent,
    /// Every byte of the body travels alone.
    SplitEveryByte,
}

/// An error status; see [`Fault::status`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusFault {
    pub(crate) code: u16,
    #[serde(default)]
    pub(crate) error_type: Option<String>,
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Option<String>,
}

impl Fault {
    /// An error status in the vendor's shape, with the type and the message that belong to `code` there.
    ///
    /// ```
    /// use async_orchestrator_simulator::{Fault, FaultRule, Persona};
    /// let busy = Fault::status(429).with_header("retry-after", "2");
    /// let persona = Persona::new().fault(FaultRule::always(busy).first_calls(2));
    /// # let _ = persona;
    /// ```
    pub fn status(code: u16) -> StatusFault {
        StatusFault {
            code,
            error_type: None,
            error_code: None,
            message: None,
            headers: BTreeMap::new(),
            body: None,
        }
    }
}

impl StatusFault {
    /// Sends this header too.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The vendor's error type, such as `insufficient_quota`.
    #[must_use]
    pub fn with_type(mut self, error_type: impl Into<String>) -> Self {
        self.error_type = Some(error_type.into());
        self
    }

    /// The vendor's error code: OpenAI's `code`, Anthropic's `details.error_code`.
    #[must_use]
    pub fn with_code(mut self, error_code: impl Into<String>) -> Self {
        self.error_code = Some(error_code.into());
        self
    }

    /// The error's message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// A body of any kind instead of the vendor's shape, such as a proxy's HTML page.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }
}

impl From<StatusFault> for Fault {
    fn from(status: StatusFault) -> Self {
        Self::Status(status)
    }
}

/// A fault and the calls that it strikes. Calls are counted for each model from 1, and again after a reset.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "RawRule")]
pub struct FaultRule {
    pub(crate) fault: Fault,
    when: When,
}

#[derive(Clone, Debug, PartialEq)]
enum When {
    Always,
    OnCalls(Vec<u64>),
    FirstCalls(u64),
    Every(u64),
    Probability(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    fault: Fault,
    on_calls: Option<Vec<u64>>,
    first_calls: Option<u64>,
    every: Option<u64>,
    probability: Option<f64>,
}

impl TryFrom<RawRule> for FaultRule {
    type Error = &'static str;

    fn try_from(raw: RawRule) -> Result<Self, Self::Error> {
        let mut choices = [
            raw.on_calls.map(When::OnCalls),
            raw.first_calls.map(When::FirstCalls),
            raw.every.map(When::Every),
            raw.probability.map(When::Probability),
        ]
        .into_iter()
        .flatten();
        let when = choices.next().unwrap_or(When::Always);
        if choices.next().is_some() {
            return Err("a fault takes one of on_calls, first_calls, every and probability, not several");
        }
        Ok(Self { fault: raw.fault, when })
    }
}

impl FaultRule {
    /// Strikes every call, until narrowed by one of the other methods; the last one called counts.
    pub fn always(fault: impl Into<Fault>) -> Self {
        Self { fault: fault.into(), when: When::Always }
    }

    /// Strikes just these calls.
    #[must_use]
    pub fn on_calls(self, calls: impl IntoIterator<Item = u64>) -> Self {
        Self { when: When::OnCalls(calls.into_iter().collect()), ..self }
    }

    /// Strikes the first `count` calls.
    #[must_use]
    pub fn first_calls(self, count: u64) -> Self {
        Self { when: When::FirstCalls(count), ..self }
    }

    /// Strikes every `n`th call: `n`, `2n`, and so on.
    #[must_use]
    pub fn every(self, n: u64) -> Self {
        Self { when: When::Every(n), ..self }
    }

    /// Strikes each call with this probability (0 to 1), by the simulator's seed.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { when: When::Probability(probability), ..self }
    }

    /// Whether it strikes call number `call`; `dice` are the model's own for this rule.
    pub(crate) fn strikes(&self, call: u64, dice: &Dice) -> bool {
        match &self.when {
            When::Always => true,
            When::OnCalls(calls) => calls.contains(&call),
            When::FirstCalls(count) => call <= *count,
            When::Every(n) => call.is_multiple_of(*n),
            When::Probability(probability) => dice.at(call).chance(*probability),
        }
    }

    /// What makes this rule impossible.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.when {
            When::Every(0) => problems.push("a fault on every 0th call never strikes; use 1 or more".into()),
            When::Probability(p) if !(0.0..=1.0).contains(&p) => {
                problems.push(format!("the probability of a fault must be between 0 and 1, not {p}"));
            }
            _ => {}
        }
        if let Fault::Status(status) = &self.fault {
            if !(200..=599).contains(&status.code) {
                problems.push(format!("{} is no final HTTP status; use 200 to 599", status.code));
            }
            for (name, value) in &status.headers {
                let valid =
                    http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
                if !valid {
                    problems.push(format!("{name:?}: {value:?} is no HTTP header"));
                }
            }
        }
        if let Fault::ContentType { value, .. } = &self.fault
            && http::HeaderValue::try_from(value).is_err()
        {
            problems.push(format!("{value:?} is no value for a content-type"));
        }
        problems
    }
}
