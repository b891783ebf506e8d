//! A request of either vendor, read and checked, in the terms that a persona answers.

use http::StatusCode;
use serde_json::{Map, Value};

/// What is asked of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) system: String,
    /// The last message of the user.
    pub(crate) user: String,
    /// Tokens of the whole prompt, estimated.
    pub(crate) input_tokens: u64,
    pub(crate) output: Output,
    pub(crate) output_tokens_max: Option<u64>,
    pub(crate) stop: Vec<String>,
    pub(crate) stream: Option<StreamOptions>,
    /// The sample to draw, where the request names one.
    pub(crate) seed: Option<u64>,
    /// Anthropic: the request wants the reasoning before the text.
    pub(crate) thinking: bool,
    /// The names of all parameters of the request.
    pub(crate) parameters: Vec<String>,
}

/// The form of the text that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Output {
    #[default]
    Text,
    JsonObject,
    Schema(Value),
}

/// How to stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: bool,
    pub(crate) obfuscated: bool,
}

/// An error in a vendor's reply, before it has a vendor's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) status: StatusCode,
    /// The vendor's type; the status decides where it is `None`.
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) message: String,
}

impl WireError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: None, code: None, param: None, message: message.into() }
    }

    /// A 400 about one parameter.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    pub(crate) fn code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }
}

/// The parameters of a request, taken out by name and type.
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The value of a parameter that is there and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>, WireError> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, WireError> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, WireError> {
        self.typed(name, "an array", Value::as_array)
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, WireError> {
        Ok(self.typed(name, "an object", Value::as_object)?.map(Fields))
    }

    /// A whole number of at least 1.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, WireError> {
        self.typed(name, "an integer of at least 1", |value| value.as_u64().filter(|count| *count >= 1))
    }

    /// Checks a number's range.
    pub(crate) fn check_number(&self, name: &str, low: f64, high: f64) -> Result<(), WireError> {
        let within = |value: &'a Value| value.as_f64().filter(|number| (low..=high).contains(number));
        self.typed(name, &format!("a number between {low} and {high}"), within).map(|_| ())
    }

    /// Refuses a parameter whose name is not in `known`.
    pub(crate) fn check_known(&self, known: &[&str]) -> Result<(), String> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(name.clone()),
            None => Ok(()),
        }
    }

    fn typed<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, WireError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(WireError::invalid(name, format!("Invalid value for '{name}': expected {wanted}."))),
        }
    }
}
