//! Stock sentences about the words of a question.

use std::fmt::Write as _;

use crate::dice::Dice;

/// Words of a question that the answer will speak of, at most.
const TOPIC_WORDS: usize = 3;

const FRAMES: [&str; 16] = [
    "Start from the demands that {0} puts on the system and write them down as measurable goals",
    "Keep {0} and {1} apart, so that each can change and scale without the other",
    "Measure {1} before optimising it, because the first guess about the bottleneck is usually wrong",
    "Treat every input of {0} as untrusted and check it at the border",
    "Prefer the plain solution for {2} until a measurement shows that it does not hold",
    "Record each decision about {1} together with its reason and its date",
    "Plan for the failure of {0}: a timeout, a bounded retry and a fallback that was tried in advance",
    "Let one team own {2} from the first design to its operation",
    "Test {0} with realistic data, including the rare and the broken cases",
    "Release {1} in small steps that can each be taken back",
    "Name the costs of {2} early, since they decide which options remain",
    "Separate reading from writing in {1}, because the two grow at different rates",
    "Watch {0} with a few indicators that somebody looks at every day",
    "Keep the data of {2} in one place of record and derive the rest from it",
    "State the limits of {0} openly, above all where the evidence is thin",
    "Review {1} after the first month and drop what nobody uses",
];

const STOP_WORDS: [&str; 44] = [
    "about",
    "above",
    "after",
    "again",
    "answer",
    "because",
    "before",
    "being",
    "below",
    "between",
    "candidate",
    "could",
    "design",
    "doing",
    "during",
    "every",
    "first",
    "following",
    "given",
    "having",
    "please",
    "proposal",
    "question",
    "request",
    "should",
    "since",
    "their",
    "there",
    "these",
    "thing",
    "those",
    "through",
    "under",
    "until",
    "using",
    "where",
    "which",
    "while",
    "whose",
    "would",
    "write",
    "your",
    "yours",
    "council",
];

/// The few words of a question that an answer speaks of, in the order in which they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic(Vec<String>);

impl Topic {
    pub(crate) fn of(question: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in question.split(|c: char| !c.is_alphanumeric()) {
            let word = word.to_lowercase();
            let telling = word.chars().count() >= 5 && !word.chars().any(char::is_numeric);
            if telling && !STOP_WORDS.contains(&word.as_str()) && !words.contains(&word) {
                words.push(word);
            }
            if words.len() == TOPIC_WORDS {
                break;
            }
        }
        for stock in ["the task", "the approach", "the result"].iter().skip(words.len()) {
            words.push((*stock).to_owned());
        }
        Self(words)
    }

    fn fill(&self, frame: &str) -> String {
        let mut text = frame.to_owned();
        for (index, word) in self.0.iter().enumerate() {
            text = text.replace(&format!("{{{index}}}"), word);
        }
        text
    }

    /// `count` different sentences without their full stops.
    pub(crate) fn sentences(&self, count: usize, dice: &mut Dice) -> Vec<String> {
        let mut frames = FRAMES.to_vec();
        let picked = (0..count.min(frames.len())).map(|_| frames.remove(dice.below(frames.len())));
        picked.map(|frame| self.fill(frame)).collect()
    }

    /// A short answer: an opening and a numbered list.
    pub(crate) fn answer(&self, points: &[String]) -> String {
        let mut text = format!("For {} and {} the following holds.\n", self.0[0], self.0[1]);
        for (index, point) in points.iter().enumerate() {
            let _ = write!(text, "\n{}. {point}.", index + 1);
        }
        text
    }
}

/// A text for a property called `name`, at most `max` characters where that is enough for a word.
pub(crate) fn free_text(name: &str, dice: &Dice, max: usize) -> String {
    let topic = Topic::of(&name.replace('_', " "));
    let text = topic.sentences(1, &mut dice.clone()).concat();
    clipped(text, max)
}

/// The text cut to `max` characters, at a word where there is one in its last third.
pub(crate) fn clipped(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
        if let Some(space) = text.rfind(' ').filter(|space| *space > end * 2 / 3) {
            text.truncate(space);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_speaks_of_the_question() {
        let topic = Topic::of("Design a scalable microservice architecture for customer analytics.");
        let points = topic.sentences(4, &mut Dice::new(2));
        let text = topic.answer(&points);
        assert!(text.contains("scalable") && text.contains("microservice"), "{text}");
        assert!(!text.contains('{'), "{text}");
        assert_eq!(text.lines().filter(|line| line.ends_with('.')).count(), 5, "{text}");
    }

    #[test]
    fn a_question_without_words_still_gets_an_answer() {
        let topic = Topic::of("7 * 6 = ?");
        assert!(topic.answer(&topic.sentences(2, &mut Dice::new(1))).contains("the task"));
    }
}
