//! Closed questions with their answers, and what a persona of some accuracy believes about them.

use serde::Deserialize;

use crate::dice::{Dice, fingerprint};

/// A closed question that personas are asked, with its right answer and answers that are wrong.
///
/// It is recognised wherever its text stands in the user's message, apart from case and white space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Question {
    /// The text that must occur in the user's message.
    pub question: String,
    /// The right answer, short, as an `answer_key` has it.
    pub answer: String,
    /// Wrong answers to choose from. Left empty, a near one is made up: another letter, another number, the contrary.
    #[serde(default)]
    pub wrong: Vec<String>,
}

impl Question {
    /// A question whose wrong answers are made up.
    pub fn new(question: impl Into<String>, answer: impl Into<String>) -> Self {
        Self { question: question.into(), answer: answer.into(), wrong: vec![] }
    }

    /// The same with these wrong answers.
    #[must_use]
    pub fn with_wrong<S: Into<String>>(mut self, wrong: impl IntoIterator<Item = S>) -> Self {
        self.wrong = wrong.into_iter().map(Into::into).collect();
        self
    }
}

/// How often a persona is right, and what it says when it is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Skill {
    pub(crate) accuracy: f64,
    /// Probability that a wrong answer is the one wrong answer that other models fall for too.
    pub(crate) agree_when_wrong: f64,
}

/// What a persona takes for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Belief {
    pub(crate) answer: String,
}

/// What a critic goes by: the right answer, and how reliably it notices whether a candidate has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) answer: &'a str,
    pub(crate) accuracy: f64,
}

/// The questions that all personas of a simulator share.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    questions: Vec<(String, Question)>,
}

impl Knowledge {
    pub(crate) fn new(questions: Vec<Question>) -> Self {
        let keyed = questions.into_iter().map(|question| (normalised(&question.question), question));
        Self { questions: keyed.filter(|(key, _)| !key.is_empty()).collect() }
    }

    /// The longest question that stands in `text`.
    pub(crate) fn find(&self, text: &str) -> Option<&Question> {
        if self.questions.is_empty() {
            return None;
        }
        let text = normalised(text);
        let hits = self.questions.iter().filter(|(key, _)| text.contains(key.as_str()));
        hits.max_by_key(|(key, _)| key.len()).map(|(_, question)| question)
    }
}

/// Draws what a persona believes: right with its accuracy. `dice` must be the model's own for this question and
/// sample, `shared` the same for all models.
pub(crate) fn believe(question: &Question, skill: Skill, shared: &Dice, dice: &mut Dice) -> Belief {
    if dice.chance(skill.accuracy) {
        return Belief { answer: question.answer.clone() };
    }
    let made_up;
    let wrong = if question.wrong.is_empty() {
        made_up = wrong_answers(&question.answer);
        &made_up
    } else {
        &question.wrong
    };
    let common = shared.at(fingerprint(&question.question)).below(wrong.len());
    let index = if dice.chance(skill.agree_when_wrong) { common } else { dice.below(wrong.len()) };
    Belief { answer: wrong.get(index).cloned().unwrap_or_default() }
}

fn wrong_answers(answer: &str) -> Vec<String> {
    let trimmed = answer.trim();
    if let Ok(number) = trimmed.parse::<i64>() {
        return [1, -1, 2, 10].iter().map(|offset| number.saturating_add(*offset).to_string()).collect();
    }
    let mut characters = trimmed.chars();
    if let (Some(letter @ 'A'..='J'), None) = (characters.next(), characters.next()) {
        return ('A'..='D').filter(|other| *other != letter).map(String::from).collect();
    }
    match trimmed.to_lowercase().as_str() {
        "yes" => vec!["no".into()],
        "no" => vec!["yes".into()],
        "true" => vec!["false".into()],
        "false" => vec!["true".into()],
        _ => vec!["none of these".into(), format!("not {trimmed}")],
    }
}

/// Lower case, with every run of white space as one space.
pub(crate) fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_question_in_the_text_counts() {
        let knowledge = Knowledge::new(vec![Question::new("2 + 2", "4"), Question::new("2 + 2 + 2", "6")]);
        assert_eq!(knowledge.find("What is\n 2 +  2 + 2?").unwrap().answer, "6");
        assert!(knowledge.find("What is 3 + 3?").is_none());
    }

    #[test]
    fn accuracy_and_agreement_are_what_was_asked_for() {
        let skill = Skill { accuracy: 0.7, agree_when_wrong: 0.6 };
        let question = Question::new("Which letter?", "A").with_wrong(["B", "C", "D"]);
        let shared = Dice::new(1);
        let answers: Vec<String> = (0..4000)
            .map(|sample| believe(&question, skill, &shared, &mut shared.of("m").at(sample)).answer)
            .collect();
        let share = |letter: &str| answers.iter().filter(|answer| *answer == letter).count() as f64 / 4000.0;
        assert!((share("A") - 0.7).abs() < 0.03, "{}", share("A"));
        let most = ["B", "C", "D"].map(share).into_iter().fold(0.0, f64::max);
        // The common error: 0.6 of the errors, and a third of the rest.
        assert!((most - 0.3 * (0.6 + 0.4 / 3.0)).abs() < 0.03, "{most}");
    }

    #[test]
    fn made_up_answers_are_wrong() {
        for answer in ["42", "C", "yes", "False", "Paris"] {
            assert!(
                wrong_answers(answer).iter().all(|wrong| !wrong.eq_ignore_ascii_case(answer)),
                "{answer}"
            );
        }
    }
}
