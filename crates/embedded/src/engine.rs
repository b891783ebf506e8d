//! A loaded model with everything that turns a request into a reply, on the calling thread.
//!
//! Knows no queue and no async: that is `worker`.

use std::{
    fs::File,
    io::BufReader,
    path::Path,
    sync::{Arc, OnceLock},
};

use async_orchestrator_core::PromptRead;
use rayon::ThreadPool;
use serde_json::Value;

use crate::{
    EngineError, LoadError,
    cancel::Cancel,
    error::Flaw,
    gguf::{self, Header},
    grammar::{self, Grammars},
    judge::{self, Judged},
    model::{Model, Session},
    prompt,
    sampler::Sampler,
    text::{self, Heading},
    tokenizer::{Chat, Tokenizer, Turn},
    writer::{Ending, Sink, Writer},
};

/// The tokens of a free text where the request sets no limit.
const TEXT_TOKENS_DEFAULT: usize = 320;
/// The tokens of a document where the request sets no limit.
const JSON_TOKENS_DEFAULT: usize = 640;
/// What a heading of a skeleton may take beside its section.
const HEADING_TOKENS: usize = 24;

/// A model, its vocabulary and its grammars.
pub(crate) struct Engine {
    model: Arc<Model>,
    tokenizer: Arc<Tokenizer>,
    chat: Chat,
    grammars: OnceLock<Result<Grammars, EngineError>>,
    prompt_tokens_max: usize,
    name: Option<String>,
}

/// A reply that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct WriteRequest {
    pub(crate) messages: Vec<(&'static str, String)>,
    pub(crate) form: Form,
    pub(crate) tokens_max: Option<usize>,
    pub(crate) temperature: Option<f32>,
    pub(crate) seed: u64,
    pub(crate) stop: Vec<String>,
}

/// What the reply is to look like.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Text,
    Sections(Vec<Heading>),
    Json(Value),
}

/// A finished reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) ending: Ending,
    pub(crate) prompt_read: PromptRead,
    pub(crate) prompt_tokens: usize,
    pub(crate) reply_tokens: usize,
}

impl Engine {
    /// Reads a model on the threads of `team`.
    pub(crate) fn load(
        path: &Path,
        team: &ThreadPool,
        window_max: usize,
        prompt_tokens_max: usize,
    ) -> Result<Self, LoadError> {
        let load = || -> Result<Self, Flaw> {
            let header = Header::read(&mut BufReader::new(File::open(path)?))?;
            let (vocabulary, model) =
                rayon::join(|| Tokenizer::load(&header), || Model::load(path, &header, window_max));
            // The weights' flaw first: of a damaged file it says more.
            let (model, tokenizer) = (Arc::new(model?), Arc::new(vocabulary?));
            let chat = Chat::load(&header, &tokenizer)?;
            let name = header.get("general.name").and_then(gguf::Value::as_str).map(str::to_owned);
            Ok(Self { model, tokenizer, chat, grammars: OnceLock::new(), prompt_tokens_max, name })
        };
        team.install(load).map_err(|flaw| flaw.at(path))
    }

    pub(crate) fn session(&self, team: &Arc<ThreadPool>) -> Session {
        Session::new(Arc::clone(&self.model), Arc::clone(team))
    }

    pub(crate) fn parameters(&self) -> usize {
        self.model.parameters()
    }

    /// The most positions of a prompt and its reply.
    pub(crate) fn window(&self) -> usize {
        self.model.config().window
    }

    /// The name in the file.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Writes the reply to `request` into `sink`.
    pub(crate) fn write(
        &self,
        session: &mut Session,
        request: &WriteRequest,
        cancel: &Cancel,
        sink: Sink<'_>,
    ) -> Result<Written, EngineError> {
        if request.messages.is_empty() {
            return Err(EngineError::invalid("it has no messages"));
        }
        session.rewind(0);
        let tokens_max = self.reply_tokens(request);
        let grammar = match &request.form {
            Form::Json(schema) => Some(self.grammars()?.compile(schema, tokens_max)?),
            Form::Text | Form::Sections(_) => None,
        };
        let room = self.prompt_tokens_max.min(self.window().saturating_sub(tokens_max + 1));
        let turns: Vec<Turn<'_>> =
            request.messages.iter().map(|(role, content)| Turn { role, content }).collect();
        let (prompt, prompt_read) = prompt::fit(&turns, &self.chat, &self.tokenizer, room)?;
        let prompt_tokens = prompt.len();
        let sampler = Sampler::new(request.temperature, request.seed);
        let mut writer = Writer::new(session, &self.tokenizer, cancel, sampler, sink, prompt);
        let ending = match (&request.form, grammar) {
            (_, Some(grammar)) => grammar::document(&mut writer, grammar)?,
            (Form::Sections(headings), None) => {
                writer.stop_at(&request.stop);
                text::sections(&mut writer, headings, tokens_max)?
            }
            (_, None) => {
                writer.stop_at(&request.stop);
                text::free(&mut writer, tokens_max)?
            }
        };
        let reply_tokens = writer.written().len();
        Ok(Written { text: writer.finish(ending)?, ending, prompt_read, prompt_tokens, reply_tokens })
    }

    /// Judges answers to a question.
    pub(crate) fn judge(
        &self,
        session: &mut Session,
        question: &str,
        candidates: &[String],
        cancel: &Cancel,
    ) -> Result<Judged, EngineError> {
        judge::judge(session, &self.tokenizer, &self.chat, question, candidates, cancel)
    }

    /// The most tokens of the reply: as asked, but never more than half of the window.
    fn reply_tokens(&self, request: &WriteRequest) -> usize {
        let usual = match &request.form {
            Form::Text => TEXT_TOKENS_DEFAULT,
            Form::Json(_) => JSON_TOKENS_DEFAULT,
            Form::Sections(headings) => headings.iter().fold(0_usize, |sum, heading| {
                sum.saturating_add(heading.tokens_max).saturating_add(HEADING_TOKENS)
            }),
        };
        request.tokens_max.unwrap_or(usual).clamp(1, (self.window() / 2).max(1))
    }

    /// Built at the first document: the table of all tokens takes a moment.
    fn grammars(&self) -> Result<&Grammars, EngineError> {
        self.grammars.get_or_init(|| Grammars::new(&self.tokenizer)).as_ref().map_err(Clone::clone)
    }
}
