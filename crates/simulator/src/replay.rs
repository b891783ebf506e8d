//! Recorded answers, found again by the prompt that they answered.
//!
//! The file has one JSON object a line (empty lines are skipped):
//! `{"model": "...", "prompt": "..." or "key": "...", "text": "...", "answer": "...", "usage": {...}}`.
//! `prompt` is looked for in the user's message apart from case and white space, `key` (a question's id, for example)
//! as it stands; the longest one found counts. Several rows of one model with the same prompt are its samples, given
//! in turn. `answer`, the canonical short answer, and `usage` are optional.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{knowledge::normalised, persona::Usage};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    model: String,
    prompt: Option<String>,
    key: Option<String>,
    text: String,
    answer: Option<String>,
    usage: Option<Usage>,
}

/// One recorded answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) text: String,
    pub(crate) answer: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// The recorded answers of all models.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    models: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    found_by: FoundBy,
    samples: Vec<Recorded>,
}

#[derive(Debug, PartialEq, Eq, Hash, Clone)]
enum FoundBy {
    /// Normalised.
    Prompt(String),
    Key(String),
}

impl Replay {
    /// Reads the lines of a file of recorded answers.
    pub(crate) fn parse(lines: &str) -> Result<Self, (usize, String)> {
        let mut models: HashMap<String, Vec<Entry>> = HashMap::new();
        let mut places: HashMap<(String, FoundBy), usize> = HashMap::new();
        for (index, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fail = |why: String| (index + 1, why);
            let row: Row = serde_json::from_str(line).map_err(|error| fail(error.to_string()))?;
            let found_by = match (row.prompt, row.key) {
                (Some(prompt), None) => FoundBy::Prompt(normalised(&prompt)),
                (None, Some(key)) => FoundBy::Key(key),
                _ => return Err(fail("a row needs either `prompt` or `key`".into())),
            };
            if found_by.text().is_empty() {
                return Err(fail("an empty `prompt` or `key` would match every request".into()));
            }
            let entries = models.entry(row.model.clone()).or_default();
            let place = *places.entry((row.model, found_by.clone())).or_insert(entries.len());
            if place == entries.len() {
                entries.push(Entry { found_by, samples: vec![] });
            }
            entries[place].samples.push(Recorded { text: row.text, answer: row.answer, usage: row.usage });
        }
        Ok(Self { models })
    }

    /// The answer of `model` to the prompt in `user`; `sample` counts the times that it was asked before.
    pub(crate) fn find(&self, model: &str, user: &str, sample: u64) -> Option<&Recorded> {
        let entries = self.models.get(model)?;
        let plain = normalised(user);
        let found = entries.iter().filter(|entry| match &entry.found_by {
            FoundBy::Prompt(prompt) => plain.contains(prompt.as_str()),
            FoundBy::Key(key) => user.contains(key.as_str()),
        });
        let entry = found.max_by_key(|entry| entry.found_by.text().len())?;
        let turn = usize::try_from(sample % entry.samples.len() as u64).unwrap_or(0);
        entry.samples.get(turn)
    }

    /// The models that it has answers of.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

impl FoundBy {
    fn text(&self) -> &str {
        match self {
            Self::Prompt(text) | Self::Key(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prompt_answers_and_samples_take_turns() {
        let replay = Replay::parse(concat!(
            r#"{"model":"m","prompt":"What is  LOVE?","text":"short"}"#,
            "\n\n",
            r#"{"model":"m","prompt":"what is love? Be brief.","text":"first","answer":"A"}"#,
            "\n",
            r#"{"model":"m","prompt":"what is love? be brief.","text":"second","usage":{"output_tokens":9}}"#,
            "\n",
            r#"{"model":"m","key":"Q-17","text":"by key"}"#,
        ))
        .unwrap();
        let text = |user, sample| replay.find("m", user, sample).map(|found| found.text.as_str());
        assert_eq!(text("Q: what is\nlove?", 0), Some("short"));
        assert_eq!(
            [0, 1, 2].map(|n| text("What is love? Be brief.", n)),
            [Some("first"), Some("second"), Some("first")]
        );
        assert_eq!(text("item Q-17", 0), Some("by key"));
        assert_eq!(text("item q-17", 0), None);
        assert!(replay.find("other", "what is love?", 0).is_none());
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        let (line, why) = Replay::parse(
            "{\"model\":\"m\",\"prompt\":\"p\",\"text\":\"t\"}\n{\"model\":\"m\",\"text\":\"t\"}",
        )
        .unwrap_err();
        assert_eq!(line, 2);
        assert!(why.contains("either `prompt` or `key`"), "{why}");
    }
}
