//! Settings of one value.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use async_orchestrator_core::{Domain, MicroUsd, Stages};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Range, Raw, Scalar, Shown, decimal, expected, outside, short, text, whole};
use crate::config::{CommandLine, KeySource, choices::Choice, problem::suggestion};

impl Scalar for bool {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            Raw::Word(word) => match word.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(true),
                "0" | "false" | "no" | "off" => Ok(false),
                _ => Err(format!("`{}` is neither true nor false", short(word))),
            },
            other => Err(expected("true or false", other)),
        }
    }

    fn show(&self) -> Shown {
        Shown::Boolean(*self)
    }
}

impl Scalar for String {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let text = text(raw, "a text")?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err("a text of one line is expected, and it may not be empty".to_owned());
        }
        Ok(text.trim().to_owned())
    }

    fn show(&self) -> Shown {
        Shown::Text(self.clone())
    }
}

impl Scalar for PathBuf {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let text = text(raw, "a path")?;
        if text.is_empty() {
            return Err("a path is expected, and it may not be empty".to_owned());
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> Shown {
        Shown::Text(self.display().to_string())
    }
}

impl Scalar for Duration {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        let seconds = decimal(raw, range, "a number of seconds")?;
        Self::try_from_secs_f64(seconds).map_err(|_| outside(seconds, range))
    }

    fn show(&self) -> Shown {
        Shown::Number(self.as_secs_f64().to_string())
    }
}

impl Scalar for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a temperature has a digit or two; the range was checked"
    )]
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        decimal(raw, range, "a number").map(|value| value as Self)
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for f64 {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        decimal(raw, range, "a number")
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for MicroUsd {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        let digits = match raw {
            Raw::Text(digits) | Raw::Number(digits) | Raw::Word(digits) => digits,
            other => return Err(expected("an amount of dollars such as 0.25", other)),
        };
        let amount: Self = digits
            .parse()
            .map_err(|_| format!("`{}` is no amount of dollars with at most six decimals", short(digits)))?;
        let dollars = amount.0 as f64 / 1e6;
        if range.holds(dollars) { Ok(amount) } else { Err(outside(dollars, range)) }
    }

    fn show(&self) -> Shown {
        let digits = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        let short = digits.trim_end_matches('0');
        Shown::Number(if short.ends_with('.') { format!("{short}0") } else { short.to_owned() })
    }
}

impl Scalar for u8 {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        whole(raw, range)
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for u32 {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        whole(raw, range)
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for u64 {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        whole(raw, range)
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for usize {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        whole(raw, range)
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl Scalar for NonZeroUsize {
    fn read(raw: &Raw, range: Range) -> Result<Self, String> {
        Self::new(whole(raw, range)?).ok_or_else(|| outside(0, range))
    }

    fn show(&self) -> Shown {
        Shown::Number(self.to_string())
    }
}

impl<T: Choice> Scalar for T {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let word = text(raw, "a word")?;
        let known = T::WORDS.iter().find(|(_, name)| *name == word).map(|(value, _)| *value);
        let names = T::WORDS.iter().map(|(_, name)| *name);
        known.ok_or_else(|| format!("unknown value `{}`{}", short(word), suggestion(word, names)))
    }

    fn show(&self) -> Shown {
        let name = T::WORDS.iter().find(|(value, _)| value == self).map_or("", |(_, name)| name);
        Shown::Text(name.to_owned())
    }
}

impl Scalar for Domain {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let name = text(raw, "the name of a domain")?;
        let expected = "is no domain: lower-case letters, digits and `_` are expected, at most 40";
        name.parse().map_err(|_| format!("`{}` {expected}", short(name)))
    }

    fn show(&self) -> Shown {
        Shown::Text(self.as_str().to_owned())
    }
}

impl Scalar for Stages {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let names = match raw {
            Raw::Text(names) | Raw::Word(names) => names.clone(),
            Raw::List(items) => {
                let words = items.iter().map(|item| text(item, "a stage").map(str::to_owned));
                words.collect::<Result<Vec<_>, _>>()?.join(",")
            }
            other => return Err(expected("a list of stages", other)),
        };
        names.parse().map_err(|error: async_orchestrator_core::InvalidStages| error.to_string())
    }

    fn show(&self) -> Shown {
        Shown::Text(self.to_string())
    }
}

impl Scalar for KeySource {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let text = text(raw, "\"env::NAME\"")?.trim();
        match text.strip_prefix("env::") {
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Ok(Self::Environment { name: name.to_owned(), value: None })
            }
            Some(_) => Err("`env::` must be followed by the name of a variable".to_owned()),
            None if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                Err("a key without blanks is expected; \"env::NAME\" reads it from the environment"
                    .to_owned())
            }
            None => Ok(Self::Literal(SecretString::from(text))),
        }
    }

    fn show(&self) -> Shown {
        Shown::Secret(self.to_string())
    }
}

impl Scalar for CommandLine {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let command = match raw {
            Raw::Text(line) | Raw::Word(line) => Self::parse(line),
            Raw::List(items) => {
                let words = items.iter().map(|item| text(item, "a text").map(str::to_owned));
                Self::try_from_words(words.collect::<Result<Vec<_>, _>>()?)
            }
            other => return Err(expected("a command line, or a list of its words", other)),
        };
        command.map_err(|why| format!("the command {why}"))
    }

    fn show(&self) -> Shown {
        // Only the program: an argument may be a secret.
        Shown::Secret(format!("runs `{}`", self.program()))
    }
}

/// A proxy's address, which may hold a password.
impl Scalar for SecretString {
    fn read(raw: &Raw, _: Range) -> Result<Self, String> {
        let text = text(raw, "an address")?.trim();
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("an address such as http://HOST:PORT is expected".to_owned());
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> Shown {
        let address = self.expose_secret();
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        match rest.rsplit_once('@') {
            Some((_, host)) if scheme.is_empty() => Shown::Secret(format!("***@{host}")),
            Some((_, host)) => Shown::Secret(format!("{scheme}://***@{host}")),
            None => Shown::Text(address.to_owned()),
        }
    }
}
