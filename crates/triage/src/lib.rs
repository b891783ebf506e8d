//! Decides how much deliberation a question deserves: one call (Express) or all roles (Council).
//!
//! Plain, documented rules over the text of the question: no model, no clock, no I/O, the same answer for the same request, in
//! microseconds. The rules know cues of English, German, French, Spanish, Russian, Chinese and Japanese; in another language length, numbers,
//! lists, options and code still count.
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
//! 4. `p_hard` = 1 / (1 + exp(-10 (complexity - 0.42))): a rule's guess, not calibrated.
//! 5. Council if `p_hard` reaches 0.5, or 0.4 where the risk is medium (0.3 and more). With high risk (0.6 and more) always, unless the task only
//!    carries a given text over (translation, summary, ...). An explicit mode always wins.
//!
//! The weights and thresholds were set by hand so that the table in the tests comes out as a reader would decide; they are not fitted to data.
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
mod kind;
mod lexicon;
mod metrics;
mod reasons;
mod scan;
mod task;
mod text;

pub use decide::decide;

#[cfg(test)]
mod tests;
