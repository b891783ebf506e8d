//! Puts the question together: the argument, stdin, a file. Everything is bounded and must be UTF-8.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use crate::exit::{Exit, Failure};

/// How much is read before it is certain that it is too much. The engine's own limit is lower and names itself.
const BYTES_MAX: u64 = 16 << 20;

/// A question and the material that belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) question: String,
    pub(crate) context: Option<String>,
}

/// The question is the argument (`-` is stdin); else the file, else stdin. What is left of file and stdin is its context.
pub(crate) fn read(words: &[String], file: Option<&Path>) -> Result<Asked, Failure> {
    let argument = words.join(" ");
    let from_stdin = argument == "-";
    let piped = if from_stdin || !io::stdin().is_terminal() { Some(stdin()?) } else { None };
    let file = file.map(text_of).transpose()?;
    if from_stdin && piped.as_deref().is_none_or(|text| text.trim().is_empty()) {
        return Err(Failure::new(Exit::Usage, "`-` reads the question from stdin, and stdin is empty"));
    }
    Ok(join(if from_stdin { String::new() } else { argument }, file, piped))
}

fn join(argument: String, file: Option<String>, piped: Option<String>) -> Asked {
    let texts = [Some(argument), file, piped].into_iter().flatten().map(|text| text.trim_end().to_owned());
    let mut texts = texts.filter(|text| !text.trim().is_empty());
    let question = texts.next().unwrap_or_default();
    let rest: Vec<String> = texts.collect();
    Asked { question, context: (!rest.is_empty()).then(|| rest.join("\n\n")) }
}

/// The text of stdin.
pub(crate) fn stdin() -> Result<String, Failure> {
    bounded(io::stdin().lock()).map_err(|problem| Failure::new(Exit::Usage, format!("stdin: {problem}")))
}

/// The text of `path`.
pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    let text = File::open(path).map_err(|error| error.to_string()).and_then(bounded);
    text.map_err(|problem| Failure::new(Exit::Usage, format!("{}: {problem}", path.display())))
}

fn bounded(reader: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    reader.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("more than {} MiB are not read: give a part of it", BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("is not UTF-8 text (byte {}): convert it first", error.utf8_error().valid_up_to())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(argument: &str, file: Option<&str>, piped: Option<&str>, question: &str, context: Option<&str>) {
        let asked = join(argument.to_owned(), file.map(str::to_owned), piped.map(str::to_owned));
        assert_eq!((asked.question.as_str(), asked.context.as_deref()), (question, context));
    }

    #[test]
    fn the_first_text_asks_and_the_rest_is_its_context() {
        check("why?", None, None, "why?", None);
        check("why?", None, Some("log line\n"), "why?", Some("log line"));
        check("why?", Some("code"), Some("log"), "why?", Some("code\n\nlog"));
        check("", Some("why?\n"), Some("log"), "why?", Some("log"));
        check("", None, Some("why?"), "why?", None);
        check("", None, Some("  \n"), "", None);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(bounded(&b"ok\xff"[..]).unwrap_err().contains("byte 2"));
    }
}
