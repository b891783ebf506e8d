//! Test doubles of the ports: a mock, a provider that plays a script, a clock that stands still until it is told to move.

mod manual_clock;
mod scripted;

use async_trait::async_trait;

pub use manual_clock::ManualClock;
pub use scripted::{Script, ScriptedProvider};

use crate::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, HistoryStore, Journal,
    JournalEntry, LlmProvider, Observer, ProviderError, RunId, StoreError,
};

mockall::mock! {
    /// A mock of [`LlmProvider`] that answers at once as its expectations say.
    ///
    /// ```
    /// use async_orchestrator_core::{test_util::MockLlmProvider, ErrorKind};
    /// let mut provider = MockLlmProvider::new();
    /// provider.expect_complete().returning(|_, _| Err(ErrorKind::Unavailable.into()));
    /// ```
    #[derive(Debug)]
    pub LlmProvider {}

    #[async_trait]
    impl LlmProvider for LlmProvider {
        async fn complete(&self, request: &CompletionRequest, context: &CallContext) -> Result<Completion, ProviderError>;
        async fn stream(&self, request: &CompletionRequest, context: &CallContext) -> Result<CompletionStream, ProviderError>;
        fn capabilities(&self) -> &Capabilities;
    }
}

mockall::mock! {
    /// A mock of [`Observer`].
    #[derive(Debug)]
    pub Observer {}

    impl Observer for Observer {
        fn observe(&self, event: &crate::Event);
    }
}

mockall::mock! {
    /// A mock of [`Journal`].
    #[derive(Debug)]
    pub Journal {}

    #[async_trait]
    impl Journal for Journal {
        async fn append(&self, run: &RunId, entry: &JournalEntry) -> Result<(), StoreError>;
    }
}

mockall::mock! {
    /// A mock of [`HistoryStore`].
    #[derive(Debug)]
    pub HistoryStore {}

    #[async_trait]
    impl HistoryStore for HistoryStore {
        async fn keep(&self, record: &crate::DecisionRecord) -> Result<(), StoreError>;
    }
}
