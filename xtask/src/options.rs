//! Reads `--name value` and `--name=value`, and nothing else.

use crate::problem::Problem;

/// The options that a task was called with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options(Vec<(String, String)>);

impl Options {
    /// Reads `words`, of which each option must be one of `allowed`, once, with a value.
    pub(crate) fn parse(words: &[String], allowed: &[&str]) -> Result<Self, Problem> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if !allowed.contains(&name) {
                return Err(Problem::usage(match allowed {
                    [] => format!("`{word}` is too much: this task takes no options"),
                    _ => format!("unknown option `{word}`: {} is expected", allowed.join(" or ")),
                }));
            }
            if options.value(name).is_some() {
                return Err(Problem::usage(format!("{name} is given twice")));
            }
            let value = inline
                .or_else(|| words.next().cloned())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Problem::usage(format!("{name} needs a value")))?;
            options.0.push((name.to_owned(), value));
        }
        Ok(options)
    }

    /// The value of the option `name`, where it was given.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Problem> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words, &["--from", "--only"])
    }

    #[test]
    fn both_spellings_are_read() {
        for line in ["--from tests", "--from=tests"] {
            assert_eq!(parse(line).unwrap().value("--from"), Some("tests"), "{line}");
        }
        assert_eq!(parse("--from a --only b").unwrap().value("--only"), Some("b"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["tests", "--form tests", "--from", "--from=", "--from a --from b"] {
            assert!(matches!(parse(line), Err(Problem::Usage(_))), "{line}");
        }
    }
}
