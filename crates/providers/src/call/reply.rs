//! From what a protocol read to a completion: endings, missing usage, empty answers.

use async_orchestrator_core::{
    Completion, ErrorKind, FinishReason, ModelRef, PromptRead, ProviderError, Served, Usage, UsageSource,
    estimated_tokens,
};

/// How a model ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a reply.
    Finished(FinishReason),
    /// A filter or the model itself withheld the reply.
    Withheld,
    /// The window was full before there was any reply.
    WindowFull,
    /// The server broke the reply off and said so.
    Failed,
}

/// What a protocol read, whole or from a stream.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) ending: Ending,
    pub(crate) usage: Usage,
    /// The vendor's id of the completion, which stands in where no header names the request.
    pub(crate) id: Option<String>,
}

impl Reply {
    /// The completion, or the error that the ending or an empty text means.
    pub(crate) fn into_completion(
        self,
        target: &ModelRef,
        input_bytes: usize,
    ) -> Result<Completion, ProviderError> {
        let failed = |kind, detail: &str| Err(ProviderError::new(kind).with_detail(detail));
        let finish = match self.ending {
            Ending::Finished(finish) => finish,
            Ending::Withheld => {
                return Err(ErrorKind::ContentFiltered.into());
            }
            Ending::WindowFull if self.text.trim().is_empty() => {
                return failed(ErrorKind::ContextTooLong, "the window was full before the reply began");
            }
            Ending::WindowFull => FinishReason::Length,
            Ending::Failed => return failed(ErrorKind::Unavailable, "the server broke the reply off"),
        };
        if self.text.trim().is_empty() {
            return match finish {
                FinishReason::Length => failed(
                    ErrorKind::Truncated,
                    "the limit of output tokens was spent before any text: allow more output tokens",
                ),
                _ => failed(ErrorKind::Malformed, "the reply holds no text"),
            };
        }
        let (usage, usage_source) = completed(self.usage, input_bytes, self.text.len());
        Ok(Completion {
            text: self.text,
            finish,
            usage,
            usage_source,
            answered_by: target.clone(),
            prompt_read: PromptRead::Whole,
            served: Served::Live,
            request_id: self.id,
            trail: Vec::new(),
        })
    }
}

/// `completion` with the id from the reply's header, which support asks for, before the one from its body.
pub(super) fn with_header_id(completion: Completion, header_id: Option<&str>) -> Completion {
    Completion { request_id: header_id.map(str::to_owned).or(completion.request_id), ..completion }
}

/// The reported usage; a side that is missing is estimated, never counted as free.
fn completed(reported: Usage, input_bytes: usize, output_bytes: usize) -> (Usage, UsageSource) {
    let mut usage = reported;
    if usage.input_tokens == 0 {
        usage.input_tokens = estimated_tokens(input_bytes);
    }
    if usage.output_tokens == 0 {
        usage.output_tokens = estimated_tokens(output_bytes);
    }
    let source = if usage == reported { UsageSource::Reported } else { UsageSource::Estimated };
    (usage, source)
}
