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
    LlmProvider, Price, ProviderError, Reservation, StreamEvent, Usage, estimated_tokens,
};
use async_trait::async_trait;
use futures_core::Stream;

/// The output tokens that are reserved where neither the request nor the model names a limit.
const OUTPUT_TOKENS_ASSUMED: u64 = 4_096;

/// What a call may use at most, as far as it can be known before it: its prompt and the longest reply.
pub(crate) fn usage_max(request: &CompletionRequest, capabilities: &Capabilities) -> Usage {
    let output =
        request.max_output_tokens.or(capabilities.output_tokens_max).map_or(OUTPUT_TOKENS_ASSUMED, u64::from);
    Usage { input_tokens: estimated_tokens(request.input_bytes()), output_tokens: output, ..Usage::default() }
}

/// Reserves and settles the cost of calls.
#[derive(Debug)]
pub struct BudgetGuard {
    inner: Arc<dyn LlmProvider>,
}

impl BudgetGuard {
    /// Guards `inner`.
    pub fn new(inner: Arc<dyn LlmProvider>) -> Self {
        Self { inner }
    }

    fn reserve(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Option<(Price, Reservation)>, ProviderError> {
        let capabilities = self.inner.capabilities();
        let refused = |detail: String| {
            ProviderError::new(ErrorKind::Refused { by: Guard::Budget, until: None })
                .with_target(capabilities.target.clone())
                .with_detail(detail)
        };
        match (&capabilities.price, context.ledger.ceiling()) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(refused(String::from("its price is unknown, and a budget is set"))),
            (Some(price), _) => {
                let reservation = context.ledger.reserve(price.cost(&usage_max(request, capabilities)));
                Ok(Some((price.clone(), reservation.map_err(|exceeded| refused(exceeded.to_string()))?)))
            }
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
        let reserved = self.reserve(request, context)?;
        let completion = self.inner.complete(request, context).await?;
        if let Some((price, reservation)) = reserved {
            reservation.settle(price.cost(&completion.usage));
        }
        Ok(completion)
    }

    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError> {
        let Some((price, reservation)) = self.reserve(request, context)? else {
            return self.inner.stream(request, context).await;
        };
        let inner = self.inner.stream(request, context).await?;
        let seen = Usage { output_tokens: 0, ..usage_max(request, self.capabilities()) };
        Ok(Box::pin(Settling { inner, price, reservation: Some(reservation), seen, streamed_bytes: 0 }))
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
}

/// A stream that settles its cost at its end, or what it had used when it was cut or dropped.
struct Settling {
    inner: CompletionStream,
    price: Price,
    reservation: Option<Reservation>,
    seen: Usage,
    streamed_bytes: usize,
}

impl Settling {
    fn settle(&mut self, usage: &Usage) {
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(self.price.cost(usage));
        }
    }
}

impl Stream for Settling {
    type Item = Result<StreamEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.inner.as_mut().poll_next(context));
        match &event {
            Some(Ok(StreamEvent::Finished(completion))) => {
                let usage = completion.usage;
                self.settle(&usage);
            }
            Some(Ok(StreamEvent::Delta(text))) => self.streamed_bytes += text.len(),
            _ => {}
        }
        Poll::Ready(event)
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let used = Usage { output_tokens: estimated_tokens(self.streamed_bytes), ..self.seen };
        self.settle(&used);
    }
}
