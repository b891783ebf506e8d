//! A conversation as the tokens that the model was trained on, by the template in its file.
//!
//! The template sees place-holders instead of the messages. Only its own words may contain control tokens; the messages are put
//! in as plain text afterwards.

use std::fmt;

use minijinja::{Environment, Error, ErrorKind, State, Value, context, syntax::SyntaxConfig};

use super::Tokenizer;
use crate::{
    EngineError,
    error::Flaw,
    gguf::{self, Header},
};

const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + \
                      '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
/// Instructions that a template may run: thousands of times what the longest ones need.
const FUEL: u64 = 1_000_000;
const NAME: &str = "chat";
/// A private-use character on either side of a message's number: no template contains it, and no message is rendered.
const MARK: char = '\u{F8F0}';

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    /// `system`, `user` or `assistant`.
    pub(crate) role: &'a str,
    pub(crate) content: &'a str,
}

/// How a conversation is written.
pub(crate) struct Chat {
    environment: Environment<'static>,
    system: SystemRole,
    begin_token: Option<String>,
    end_token: Option<String>,
}

/// What becomes of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SystemRole {
    Own,
    /// The template refuses the role: they stand before the first question.
    InFirstQuestion,
}

impl Chat {
    /// The template in the file; ChatML where there is none or where it cannot be run and the vocabulary has ChatML's tokens.
    pub(crate) fn load(header: &Header, tokenizer: &Tokenizer) -> Result<Self, Flaw> {
        let in_file = header.get("tokenizer.chat_template").and_then(gguf::Value::as_str);
        let chatml = tokenizer.control("<|im_start|>").is_some().then_some(CHATML);
        let token = |key: &str| {
            let id = header.get(key).and_then(gguf::Value::as_u32)? as usize;
            header.texts("tokenizer.ggml.tokens").ok()?.get(id).cloned()
        };
        for template in in_file.into_iter().chain(chatml) {
            let begin_token = token("tokenizer.ggml.bos_token_id");
            let end_token = token("tokenizer.ggml.eos_token_id");
            if let Some(chat) = Self::probe(template, begin_token, end_token) {
                return Ok(chat);
            }
        }
        Err(Flaw::unsupported("it has no chat template that can be run: take an instruct or chat model"))
    }

    fn probe(template: &str, begin_token: Option<String>, end_token: Option<String>) -> Option<Self> {
        let mut environment = Environment::new();
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().ok()?);
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", |text: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, text))
        });
        environment.set_unknown_method_callback(python_method);
        environment.add_template_owned(NAME, template.to_owned()).ok()?;
        let mut chat = Self { environment, system: SystemRole::Own, begin_token, end_token };
        let (system, user) = (Turn { role: "system", content: "s" }, Turn { role: "user", content: "u" });
        for system_role in [SystemRole::Own, SystemRole::InFirstQuestion] {
            chat.system = system_role;
            // A template may also drop what it does not know without a word.
            let shown = chat.render(&[system, user]).ok().map(|text| text.matches(MARK).count());
            if shown == Some(4) {
                return Some(chat);
            }
        }
        None
    }

    /// The tokens of the conversation with the beginning of the model's reply.
    pub(crate) fn encode(&self, turns: &[Turn<'_>], tokenizer: &Tokenizer) -> Result<Vec<u32>, EngineError> {
        let rendered = self.render(turns).map_err(|error| {
            EngineError::invalid(format!("its chat template refuses the messages: {error}"))
        })?;
        let mut tokens = Vec::new();
        for (at, part) in rendered.split(MARK).enumerate() {
            if at % 2 == 0 {
                tokens.extend(tokenizer.encode_template(part)?);
            } else if let Some(turn) = part.parse::<usize>().ok().and_then(|index| turns.get(index)) {
                tokens.extend(tokenizer.encode(turn.content)?);
            }
        }
        if let Some(begin) = tokenizer.begin_token()
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }

    fn render(&self, turns: &[Turn<'_>]) -> Result<String, Error> {
        let mark = |index: usize| format!("{MARK}{index}{MARK}");
        let mut messages: Vec<Value> = Vec::new();
        let mut held = String::new();
        for (index, turn) in turns.iter().enumerate() {
            if turn.role == "system" && self.system == SystemRole::InFirstQuestion {
                held.push_str(&mark(index));
                held.push_str("\n\n");
            } else {
                let content = std::mem::take(&mut held) + &mark(index);
                messages.push(Value::from_pairs([("role", turn.role.to_owned()), ("content", content)]));
            }
        }
        self.environment.get_template(NAME)?.render(context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.begin_token.as_deref(),
            eos_token => self.end_token.as_deref(),
        })
    }
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("system", &self.system).finish_non_exhaustive()
    }
}

/// The few methods of Python's strings that templates call.
fn python_method(
    _: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    let unknown = || Error::from(ErrorKind::UnknownMethod);
    let text = value.as_str().ok_or_else(unknown)?;
    let argument = arguments.first().and_then(Value::as_str);
    Ok(match (method, argument) {
        ("strip", None) => text.trim().into(),
        ("lstrip", None) => text.trim_start().into(),
        ("rstrip", None) => text.trim_end().into(),
        ("startswith", Some(prefix)) => text.starts_with(prefix).into(),
        ("endswith", Some(suffix)) => text.ends_with(suffix).into(),
        _ => return Err(unknown()),
    })
}
