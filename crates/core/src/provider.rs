//! The port to a model. Every decorator (deadline, fallback, cache, ...) is a provider around a provider.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Attempt, CallContext, Capabilities, Completion, CompletionRequest, CompletionStream, ModelRef,
    ProviderError, Usage,
};

/// One target: a vendor's model behind a key, the embedded model, a decorator around one, or a user's own.
#[async_trait]
pub trait LlmProvider: Send + Sync + fmt::Debug {
    /// Answers once.
    ///
    /// Returns before the deadline in `context`. Dropping the future cancels the call and closes its connection.
    ///
    /// # Errors
    /// A [`ProviderError`] whose kind says what to do next; a cut reply is an error, never a short success.
    async fn complete(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<Completion, ProviderError>;

    /// The same call as a stream. It ended well only if its last item is [`StreamEvent::Finished`](crate::StreamEvent::Finished).
    ///
    /// # Errors
    /// As for [`complete`](Self::complete), here for everything before the first piece of text; later failures are the stream's last item.
    async fn stream(
        &self,
        request: &CompletionRequest,
        context: &CallContext,
    ) -> Result<CompletionStream, ProviderError>;

    /// What the target can do. For a list of targets: what the first one can do.
    fn capabilities(&self) -> &Capabilities;
}

/// Proposals to be judged by how likely a model finds them, instead of by grades that it writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodTask {
    /// The question that the proposals answer.
    pub question: String,
    /// The proposals in the order of this critic.
    pub candidates: Vec<String>,
}

/// What a judge by likelihood found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelihoodVerdict {
    /// `preference[i][j]`: the logit by which candidate `i` is preferred to candidate `j`, the mean over both orders of showing
    /// them; `preference[j][i] == -preference[i][j]`, the diagonal is 0.
    pub preference: Vec<Vec<f64>>,
    /// Per candidate: the mean over its tokens of `ln p(token | question) - ln p(token | a generic prompt)`, in nats.
    pub fit: Vec<f64>,
    /// The tokens that the judging took.
    pub usage: Usage,
    /// The target that judged.
    pub answered_by: ModelRef,
    /// The attempts that led here.
    #[serde(default)]
    pub trail: Vec<Attempt>,
}

/// A model that can score given text. Offered through [`Capabilities::likelihood`].
#[async_trait]
pub trait LikelihoodJudge: Send + Sync {
    /// Compares the candidates. Dropping the future cancels the work.
    ///
    /// # Errors
    /// As for [`LlmProvider::complete`].
    async fn judge(
        &self,
        task: &LikelihoodTask,
        context: &CallContext,
    ) -> Result<LikelihoodVerdict, ProviderError>;
}
