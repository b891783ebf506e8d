//! Keeps the run's purse: reserves what a call may cost before it goes out, settles what it did cost after it.
//!
//! Whole and streamed calls settle through the same price function. A call whose price is unknown is not made while a budget is set.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_orchestrator_core::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, ErrorKind, Guard,
    LlmProvider, Price, ProviderError, Reservation, Spending, StreamEvent, TimeoutPhase, Usage,
    estimated_tokens,
};
use async_trait::async_trait;
use futures_core::Stream;

use crate::purses::{Charged, Purses};

/// The output tokens that are reserved where neither the request nor the model names a limit.
const OUTPUT_TOKENS_ASSUMED: u64 = 4_096;

/// What a call may use at most, as far as it can be known before it: its prompt and the longest reply.
pub(crate) fn usage_max(request: &CompletionRequest, capabilities: &Capabilities) -> Usage {
    let output =
        request.max_output_tokens.or(capabilities.output_tokens_max).map_or(OUTPUT_TOKENS_ASSUMED, u64::from);
    Usage { input_tokens: estimated_tokens(request.input_bytes()), output_tokens: output, ..Usage::default() }
}

/// Reserves and settles what calls cost: in the run's own purse, and in those that are filled anew each day or month.
#[derive(Debug)]
pub struct BudgetGuard {
    inner: Arc<dyn LlmProvider>,
    purses: Option<Arc<Purses>>,
    tokens: Tokens,
}

/// Whether a model's tokens count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    Counted,
    Free,
}

/// What a call has set aside.
#[derive(Debug)]
struct SetAside {
    price: Option<Price>,
    reservation: Reservation,
    charged: Option<Charged>,
    tokens: Tokens,
}

impl BudgetGuard {
    /// Guards `inner`.
    pub fn new(inner: Arc<dyn LlmProvider>) -> Self {
        Self { inner, purses: None, tokens: Tokens::Counted }
    }

    /// The same for a model of this process.
    pub(crate) fn local(mut self) -> Self {
        self.tokens = Tokens::Free;
        self
    }

    /// The same with limits for all runs together.
    pub(crate) fn purses(mut self, purses: Option<Arc<Purses>>) -> Self {
        self.purses = purses;
        self
    }

    async fn open(&self, request: &CompletionRequest, context: &CallContext) -> Result<Open, ProviderError> {
        let capabilities = self.inner.capabilities();
        let refused = |detail: String| {
            ProviderError::new(ErrorKind::Refused { by: Guard::Budget, until: None })
                .with_target(capabilities.target.clone())
                .with_detail(detail)
        };
        let price = capabilities.price.clone();
        let money_is_limited = context.ledger.ceilings().cost.is_some()
            || self.purses.as_ref().is_some_and(|purses| purses.limit_money());
        if price.is_none() && money_is_limited {
            return Err(refused(String::from("its price is unknown, and a budget is set")));
        }
        let usage = usage_max(request, capabilities);
        let most = spending(price.as_ref(), self.tokens, &usage);
        let reservation = context.ledger.reserve(most).map_err(|exceeded| refused(exceeded.to_string()))?;
        let charged = match &self.purses {
            None => None,
            Some(purses) => {
                let charged = purses.charge(most).await;
                Some(charged.map_err(|error| error.with_target(capabilities.target.clone()))?)
            }
        };
        let set_aside = SetAside { price, reservation, charged, tokens: self.tokens };
        // Being sent already uses the prompt.
        let seen = Usage { output_tokens: 0, ..usage };
        Ok(Open { set_aside: Some(set_aside), seen, streamed_bytes: 0 })
    }
}

/// What `usage` comes to.
fn spending(price: Option<&Price>, tokens: Tokens, usage: &Usage) -> Spending {
    Spending {
        cost: price.map(|price| price.cost(usage)).unwrap_or_default(),
        tokens: match tokens {
            Tokens::Counted => usage.input_tokens.saturating_add(usage.output_tokens),
            Tokens::Free => 0,
        },
    }
}

impl SetAside {
    fn settle(self, usage: &Usage) {
        let used = spending(self.price.as_ref(), self.tokens, usage);
        self.reservation.settle(used);
        if let Some(charged) = self.charged {
            charged.settle(used);
        }
    }
}

#[async_trait]
impl LlmProvider for BudgetGuard {
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError> {
        let mut open = self.open(request, context).await?;
        match self.inner.complete(request, context).await {
            Ok(completion) => {
                open.settle(&completion.usage);
                Ok(completion)
            }
            Err(error) => {
                open.failed(error.kind());
                Err(error)
            }
        }
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let mut open = self.open(request, context).await?;
        match self.inner.stream(request, context).await {
            Ok(inner) => Ok(Box::pin(Settling { inner, open })),
            Err(error) => {
                open.failed(error.kind());
                Err(error)
            }
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}

/// A call under way. Dropped, it settles what it had used by then: who leaves still pays for the prompt and for what came.
struct Open {
    set_aside: Option<SetAside>,
    seen: Usage,
    streamed_bytes: usize,
}

impl Open {
    fn settle(&mut self, usage: &Usage) {
        if let Some(set_aside) = self.set_aside.take() {
            set_aside.settle(usage);
        }
    }

    /// A call that was turned away cost nothing; of one that broke while it was answered nobody knows, so what was seen counts.
    fn failed(&mut self, kind: ErrorKind) {
        let answering = match kind {
            ErrorKind::Timeout { phase } => phase != TimeoutPhase::Connect,
            ErrorKind::Truncated | ErrorKind::Malformed | ErrorKind::ContentFiltered => true,
            _ => self.streamed_bytes > 0,
        };
        if !answering {
            self.set_aside = None;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let used = Usage { output_tokens: estimated_tokens(self.streamed_bytes), ..self.seen };
        self.settle(&used);
    }
}

/// A stream that settles its cost at its end, or what it had used when it was cut or dropped.
struct Settling {
    inner: CompletionStream,
    open: Open,
}

impl Stream for Settling {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.inner.as_mut().poll_next(context));
        match &event {
            Some(Ok(StreamEvent::Finished(completion))) => {
                let usage = completion.usage;
                self.open.settle(&usage);
            }
            Some(Ok(StreamEvent::Delta(text))) => self.open.streamed_bytes += text.len(),
            Some(Err(error)) => {
                let kind = error.kind();
                self.open.failed(kind);
            }
            _ => {}
        }
        Poll::Ready(event)
    }
}
