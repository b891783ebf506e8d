//! Decides how much deliberation a question deserves: one call (Express) or all roles (Council).
//!
//! Plain, documented rules over the text of the question, and for closed questions a small model whose weights are built in: nothing is asked
//! over a wire, no clock, no I/O, the same answer for the same request, in microseconds. The rules know cues of English, German, French,
//! Spanish, Russian, Chinese and Japanese; in another language length, numbers, lists, options and code still count.
//!
//! # How
//! 1. The query is read once, at most its first 6 kB and last 2 kB; of the context only the length counts, for it is material, not the
//!    question. Cue words give the task (`design`, `fact`, `translation`, ...), the field, constraints, vague wishes and risks.
//! 2. Six metrics follow, each 0 to 1. With `n` the length in letters (a Chinese or Japanese character counts as three):
//!    - `length` = ln(1 + n / 100) / ln(201): 0 when empty, 1 from 20,000 on;
//!    - `structure` = 1 - exp(-parts / 4), where parts are further sentences and questions, list items, constraints and code;
//!    - `domain` = 0 without a field, else 1 - 0.8 exp(-0.7 (cues - 1)), at least 0.2. Cues of other fields count half, a task that belongs to the
//!      field (a proof to mathematics) counts as one, and in a calculation every second number does;
//!    - `ambiguity` = the task's own openness + 0.1 for each vague wish (at most three); at most 0.15 if the answer can be compared exactly;
//!    - `steps` = the task's own steps + 0.05 for each word of sequence + 0.3 (length - 0.2) if that is positive, + 0.12 for each number
//!      after the first in a calculation, 0.05 for each operation after the first in arithmetic;
//!    - `risk` = 1 - exp(-sum), where a severe word (overdose, chest pain) adds 1 and a serious one (contract, invest) 0.45.
//! 3. `complexity` = 0.05 length + 0.08 structure + 0.25 domain + 0.20 ambiguity + 0.37 steps + 0.05 risk.
//! 4. The rules' P = 1 / (1 + exp(-10 (complexity - 0.42))): a guess, not calibrated.
//! 5. A closed question (the answer is a choice, a number, yes or no, or a short fact) is put to the [learned model](learned). Its calibrated
//!    probability that a stronger model is right where a weaker one is not is `p_hard`. For every other question the rules' P is.
//! 6. Council, for a closed question: if `p_hard` is among the highest quarter of the questions that the model was trained on (0.203 and
//!    more), or the highest two fifths where the risk is medium (0.178 and more; risk 0.3 and more), or if the rules' P reaches 0.9. The model's
//!    range is narrow (the lowest tenth of the training questions has 0.11 on average, the highest 0.37), so its thresholds are shares of questions and not 0.5.
//! 7. Council, for any other: if `p_hard` reaches 0.5, or 0.4 where the risk is medium.
//! 8. With high risk (0.6 and more) Council always, unless the task only carries a given text over (translation, summary, ...). An explicit
//!    mode always wins.
//!
//! The rules' weights and thresholds were set by hand so that the table in the tests comes out as a reader would decide; they are not fitted to
//! data, and on closed questions their order is no better than chance (with a ninth of MMLU's questions they win 7 % of the gap between two
//! models, with half of GSM8K's 48 %). That is why the model decides there, and why only rules that are certain overrule it.
//!
//! ```
//! use async_orchestrator_core::{Mode, TriageRequest};
//! use async_orchestrator_triage::decide;
//!
//! let design = decide(&TriageRequest::new("Design a scalable microservice architecture for customer analytics."));
//! assert_eq!(design.mode, Mode::Council);
//! assert_eq!(decide(&TriageRequest::new("What is the capital of France?")).mode, Mode::Express);
//! ```

mod decide;
mod judgement;
mod kind;
pub mod learned;
mod lexicon;
mod metrics;
mod reasons;
mod scan;
mod task;
mod text;

pub use decide::decide;
pub use metrics::{METRICS, Metric};

#[cfg(test)]
mod tests;
