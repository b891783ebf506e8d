//! Finds the labelled candidates in a prompt, whatever the fence around them looks like.
//!
//! In a prompt of blocks (see [`super::blocks`]) a candidate is the block that names it and its label, as in
//! `<data-qz name="proposal A">`; further blocks with the same label, such as its claims, belong to it. Elsewhere it
//! begins at a line that names one capital letter A to H as its label: a marker with the letter in it
//! (`[BEGIN PROPOSAL A 7f3a]`, `### Candidate A:`) or the letter alone (`A:`, `**A**`), and ends at an end marker, at the
//! next label, or with the text.

use super::blocks;

/// A candidate as the prompt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) label: char,
    pub(crate) text: String,
}

const LABELS: std::ops::RangeInclusive<char> = 'A'..='H';
/// A longer line is text, not a marker.
const MARKER_CHARS_MAX: usize = 120;
const NOUNS: [&str; 7] = ["candidate", "proposal", "answer", "option", "label", "response", "draft"];
const ENDINGS: [&str; 3] = ["end", "close", "stop"];

/// The candidates of `prompt` with text, in the order shown, each label once.
pub(crate) fn find(prompt: &str) -> Vec<Candidate> {
    let mut found = in_blocks(prompt);
    if found.is_empty() {
        found = behind_markers(prompt);
    }
    found.retain(|candidate| !candidate.text.trim().is_empty());
    found
}

fn in_blocks(prompt: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for block in blocks::of(prompt) {
        let names_one = block.words().any(|word| NOUNS.contains(&word.to_ascii_lowercase().as_str()));
        let Some(label) = block.words().find_map(label).filter(|_| names_one) else { continue };
        match found.iter_mut().find(|candidate| candidate.label == label) {
            Some(candidate) => {
                candidate.text.push('\n');
                candidate.text.push_str(block.text);
            }
            None => found.push(Candidate { label, text: block.text.to_owned() }),
        }
    }
    found
}

fn behind_markers(prompt: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut open = false;
    for line in prompt.lines() {
        match marker(line) {
            Some(Marker::Begin(label)) => {
                open = !found.iter().any(|candidate| candidate.label == label);
                if open {
                    found.push(Candidate { label, text: String::new() });
                }
            }
            Some(Marker::End) => open = false,
            None if open => {
                if let Some(candidate) = found.last_mut() {
                    candidate.text.push_str(line);
                    candidate.text.push('\n');
                }
            }
            None => {}
        }
    }
    found
}

enum Marker {
    Begin(char),
    End,
}

fn marker(line: &str) -> Option<Marker> {
    let line = line.trim();
    if line.is_empty() || line.chars().count() > MARKER_CHARS_MAX {
        return None;
    }
    let words: Vec<&str> =
        line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.to_ascii_lowercase().as_str()));
    let framed = line.starts_with(['<', '[', '#', '=', '-', '`', '~', '*', '{']);
    let noun = has(&NOUNS);
    if framed && (line.starts_with("</") || line.starts_with("[/") || has(&ENDINGS)) {
        return Some(Marker::End);
    }
    let mut labels = words.iter().filter_map(|word| label(word));
    let label = labels.next()?;
    if labels.next().is_some() {
        return None;
    }
    // A sentence such as "Prefer proposal A." is no marker: a marker is framed, or ends with its label.
    let alone = words.len() == 1;
    let titled =
        noun && words.len() <= 3 && words.last() == words.iter().find(|word| self::label(word).is_some());
    (alone || titled || (framed && noun)).then_some(Marker::Begin(label))
}

fn label(word: &str) -> Option<char> {
    let mut characters = word.chars();
    characters.next().filter(|c| LABELS.contains(c) && characters.next().is_none())
}

impl Candidate {
    /// A span that occurs in the candidate's text word for word, whether it is shown plain or inside JSON: the
    /// longest run of words without punctuation that either would write differently.
    pub(crate) fn quote(&self) -> Option<String> {
        const WORDS_MIN: usize = 3;
        const WORDS_MAX: usize = 12;
        let runs = self.text.split(|c: char| !(c.is_alphanumeric() || c == ' '));
        let run = runs.map(str::trim).max_by_key(|run| run.len())?;
        // Ends of the words, so that the span keeps the spaces as they stand.
        let ends = run.char_indices().filter(|(_, c)| *c == ' ').map(|(at, _)| at).chain([run.len()]);
        let ends: Vec<usize> = ends.collect();
        (ends.len() >= WORDS_MIN).then(|| run[..ends[ends.len().min(WORDS_MAX) - 1]].trim().to_owned())
    }

    /// The first claim id that the candidate shows (`c1`).
    pub(crate) fn claim_id(&self) -> Option<&str> {
        let is_id = |word: &&str| {
            let digits = word.strip_prefix('c').unwrap_or_default();
            (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        self.text.split(|c: char| !c.is_ascii_alphanumeric()).find(is_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prompt: &str, expected: &[(char, &str)]) {
        let found: Vec<_> = find(prompt).into_iter().map(|c| (c.label, c.text.trim().to_owned())).collect();
        let expected: Vec<_> = expected.iter().map(|(label, text)| (*label, (*text).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn fences_of_many_kinds_are_understood() {
        check(
            "<candidate label=\"B\">\none\n</candidate>\nGrade them.\n<candidate label=\"A\">\ntwo\n</candidate>",
            &[('B', "one"), ('A', "two")],
        );
        check(
            "[BEGIN PROPOSAL A 7f3a]\none\n[END PROPOSAL A 7f3a]\nnoise\n[BEGIN PROPOSAL B 7f3a]\ntwo\n[END PROPOSAL B 7f3a]\nnoise",
            &[('A', "one"), ('B', "two")],
        );
        check("### Candidate A\none\nmore\n### Candidate B\ntwo", &[('A', "one\nmore"), ('B', "two")]);
        check("Proposal A:\none\n\nProposal B:\ntwo", &[('A', "one"), ('B', "two")]);
        check("**A**\none\n**B**\ntwo", &[('A', "one"), ('B', "two")]);
        check("<<<DATA candidate A\none\nDATA>>>\n", &[('A', "one\nDATA>>>")]);
    }

    #[test]
    fn what_stands_inside_a_block_is_text_and_claims_belong_to_their_proposal() {
        let prompt = "<data-qz name=\"question\">\nWhich option: A or B?\n</data-qz>\n\n<data-qz name=\"proposal A\">\n## Option B\nfirst\n</data-qz>\n\n<data-qz name=\"claims of proposal A\">\n{\"id\":\"c1\"}\n</data-qz>\n\n<data-qz name=\"proposal B\">\nsecond\n</data-qz>\nBe fair.";
        check(prompt, &[('A', "## Option B\nfirst\n{\"id\":\"c1\"}"), ('B', "second")]);
    }

    #[test]
    fn sentences_are_not_taken_for_markers() {
        check(
            "Compare proposal A and proposal B.\nA council decides.\nPrefer answer A if it is shorter than the others.",
            &[],
        );
        check("Label each of A to D.\n", &[]);
    }

    #[test]
    fn a_quote_occurs_in_plain_text_and_in_json() {
        let answer =
            "Use one queue.\nPartition the \"event\" log by customer and rebuild views from it, always.";
        for text in [answer.to_owned(), serde_json::json!({"answer_key": null, "answer": answer}).to_string()]
        {
            let quote = Candidate { label: 'A', text }.quote().unwrap();
            assert!(answer.contains(&quote), "{quote}");
            assert!(quote.split(' ').count() >= 3, "{quote}");
        }
        assert_eq!(Candidate { label: 'A', text: "42".into() }.quote(), None);
    }
}
