//! Judges answers by how likely the model finds them, instead of by grades that it writes.
//!
//! Grades written by a model of this size carry no signal. What carries some: how much likelier an answer becomes by the question
//! before it (the default model: right for 16 of 18 pairs of a sound and a nonsensical answer), and, weaker, which of two labels
//! it would name as the better answer, asked in both orders (13 of 18; other wordings of the question gave 5 to 13).

use crate::{
    EngineError,
    cancel::Cancel,
    model::Session,
    prompt,
    tokenizer::{Chat, Tokenizer, Turn},
};

const CANDIDATES_MAX: usize = 8;
/// The tokens of the question that are looked at.
const QUESTION_TOKENS_MAX: usize = 192;
/// The tokens of all candidates of one pair of prompts, shared out, with what each gets at least and at most: the work grows with
/// the square of their number.
const CANDIDATES_TOKENS: usize = 384;
const CANDIDATE_TOKENS_MIN: usize = 40;
const CANDIDATE_TOKENS_MAX: usize = 160;

const VERDICT: &str = "The better answer is Answer";
const LABELS: [&str; 2] = [" A", " B"];
const GENERIC: &str = "Say something.";

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    /// `preference[i][j]`: the logit by which `i` is preferred to `j`, the mean over both orders.
    pub(crate) preference: Vec<Vec<f64>>,
    /// Per candidate, the mean gain in log-probability of its tokens by the question, in nats.
    pub(crate) fit: Vec<f64>,
    /// The tokens that were passed through the model.
    pub(crate) tokens: usize,
}

/// Judges `candidates` as answers to `question`.
pub(crate) fn judge(
    session: &mut Session,
    tokenizer: &Tokenizer,
    chat: &Chat,
    question: &str,
    candidates: &[String],
    cancel: &Cancel,
) -> Result<Judged, EngineError> {
    if candidates.is_empty() || candidates.len() > CANDIDATES_MAX {
        return Err(EngineError::invalid(format!(
            "{} candidates, 1 to {CANDIDATES_MAX} can be judged",
            candidates.len()
        )));
    }
    session.rewind(0);
    let share = (CANDIDATES_TOKENS / candidates.len()).clamp(CANDIDATE_TOKENS_MIN, CANDIDATE_TOKENS_MAX);
    let question = prompt::one_line(question, tokenizer, QUESTION_TOKENS_MAX)?;
    let candidates = candidates.iter().map(|candidate| prompt::one_line(candidate, tokenizer, share));
    let candidates = candidates.collect::<Result<Vec<_>, _>>()?;
    let mut judge = Judge { session, tokenizer, chat, cancel, seen: Vec::new(), passed: 0 };
    let preference = judge.preferences(&question, &candidates)?;
    let fit = judge.fits(&question, &candidates)?;
    Ok(Judged { preference, fit, tokens: judge.passed })
}

struct Judge<'a> {
    session: &'a mut Session,
    tokenizer: &'a Tokenizer,
    chat: &'a Chat,
    cancel: &'a Cancel,
    /// The tokens in the session: what a new prompt shares with them is not computed again.
    seen: Vec<u32>,
    passed: usize,
}

impl Judge<'_> {
    fn preferences(&mut self, question: &str, candidates: &[String]) -> Result<Vec<Vec<f64>>, EngineError> {
        let count = candidates.len();
        let mut shown_first = vec![vec![0.0; count]; count];
        // All that follow one first answer share the prompt up to its end.
        for first in 0..count {
            for second in (0..count).filter(|&second| second != first) {
                shown_first[first][second] =
                    self.lead_of_first(question, &candidates[first], &candidates[second])?;
            }
        }
        let mean = |one: usize, two: usize| (shown_first[one][two] - shown_first[two][one]) / 2.0;
        Ok((0..count).map(|one| (0..count).map(|two| mean(one, two)).collect()).collect())
    }

    /// The logit of the label of the answer shown first, minus that of the second.
    fn lead_of_first(&mut self, question: &str, first: &str, second: &str) -> Result<f64, EngineError> {
        // The question last: asked before the answers, it is forgotten over them more often.
        let content = format!(
            "Answer A: {first}\n\nAnswer B: {second}\n\nWhich of the two answers this question better: {question}"
        );
        let turns = [Turn { role: "user", content: &content }];
        let mut tokens = self.chat.encode(&turns, self.tokenizer)?;
        tokens.extend(self.tokenizer.encode(VERDICT)?);
        let [one, two] = [self.tokenizer.encode(LABELS[0])?, self.tokenizer.encode(LABELS[1])?];
        let shared = one.iter().zip(&two).take_while(|(one, two)| one == two).count();
        let (Some(&label_one), Some(&label_two)) = (one.get(shared), two.get(shared)) else {
            return Err(EngineError::fault("the vocabulary cannot tell two labels apart"));
        };
        tokens.extend(&one[..shared]);
        let rest = self.go_to_shared(&tokens);
        let logits = self.session.feed(&tokens[rest..], self.cancel)?;
        self.note(tokens, rest);
        Ok(f64::from(logits[label_one as usize]) - f64::from(logits[label_two as usize]))
    }

    fn fits(&mut self, question: &str, candidates: &[String]) -> Result<Vec<f64>, EngineError> {
        let mut given_task = Vec::new();
        for task in [question, GENERIC] {
            let prompt = self.chat.encode(&[Turn { role: "user", content: task }], self.tokenizer)?;
            let means = candidates.iter().map(|candidate| self.mean_log_probability(&prompt, candidate));
            given_task.push(means.collect::<Result<Vec<f64>, _>>()?);
        }
        Ok(given_task[0].iter().zip(&given_task[1]).map(|(task, generic)| task - generic).collect())
    }

    /// The mean log-probability of the tokens of `candidate` as the reply to `prompt`; zero for an empty one.
    fn mean_log_probability(&mut self, prompt: &[u32], candidate: &str) -> Result<f64, EngineError> {
        let reply = self.tokenizer.encode(candidate)?;
        let Some((last, before)) = prompt.split_last() else {
            return Err(EngineError::fault("an empty prompt"));
        };
        if reply.is_empty() {
            return Ok(0.0);
        }
        let rest = self.go_to_shared(&[before, &[*last]].concat());
        self.session.extend(&before[rest..], self.cancel)?;
        let scored = [&[*last], reply.as_slice()].concat();
        let scores = self.session.score(&scored, self.cancel)?;
        // The last token of the reply was never passed through the model.
        self.note([prompt, &reply[..reply.len() - 1]].concat(), rest);
        Ok(scores.iter().sum::<f64>() / scores.len() as f64)
    }

    /// Rewinds to what the session shares with `tokens`, their last one excluded, and returns how many that are.
    fn go_to_shared(&mut self, tokens: &[u32]) -> usize {
        let shared = self.seen.iter().zip(tokens).take_while(|(one, two)| one == two).count();
        let shared = shared.min(tokens.len().saturating_sub(1));
        self.session.rewind(shared);
        shared
    }

    fn note(&mut self, tokens: Vec<u32>, from: usize) {
        self.passed += tokens.len() - from;
        self.seen = tokens;
    }
}

#[cfg(test)]
mod tests;
