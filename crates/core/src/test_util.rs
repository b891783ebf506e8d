//! Test doubles of the ports: a mock, a provider that plays a script, a clock that stands still until it is told to move.

mod manual_clock;
mod scripted;

use std::sync::Arc;

use async_trait::async_trait;

pub use manual_clock::ManualClock;
pub use scripted::{Script, ScriptedProvider};

use crate::{
    CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, DecisionRecord, HistoryStore,
    Journal, LlmProvider, Observer, ProviderError, RunId, RunSetup, SealedEntry, StoreError, Takeover,
    TriageRequest, Unfinished,
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
        async fn append(&self, run: &RunId, entry: Arc<SealedEntry>) -> Result<(), StoreError>;
        async fn keep_setup(&self, hash: &str, setup: &RunSetup) -> Result<(), StoreError>;
        async fn setup(&self, hash: &str) -> Result<Option<RunSetup>, StoreError>;
        async fn claim(&self, run: &RunId) -> Result<Takeover, StoreError>;
        async fn entries(&self, run: &RunId) -> Result<Vec<SealedEntry>, StoreError>;
        async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError>;
        fn leave(&self, run: &RunId);
    }
}

mockall::mock! {
    /// A mock of [`HistoryStore`].
    #[derive(Debug)]
    pub HistoryStore {}

    #[async_trait]
    impl HistoryStore for HistoryStore {
        async fn keep(
            &self,
            request: &TriageRequest,
            record: &DecisionRecord,
        ) -> Result<(), StoreError>;
        async fn record(&self, run: &RunId) -> Result<Option<DecisionRecord>, StoreError>;
    }
}
