//! What the learned model says of a question, where it may be asked: of closed questions.

use async_orchestrator_core::AnswerKind;

use crate::{
    learned::{Model, Prediction},
    scan::Scan,
    task::Task,
};

/// A fact is asked for in at most so many words.
const FACT_WORDS_MAX: usize = 60;

/// So many groups of features are named in the reason.
const NAMED: usize = 2;

/// What the model found.
#[derive(Debug)]
pub(crate) struct Judgement {
    model: &'static Model,
    found: Prediction,
}

impl Judgement {
    /// Asks the model about a closed question; `None` about any other, and if no model is built in.
    pub(crate) fn of(query: &str, scan: &Scan, task: Task, kind: AnswerKind) -> Option<Self> {
        if !is_closed(scan, task, kind) {
            return None;
        }
        let model = Model::built_in().ok()?;
        Some(Self { model, found: model.predict(query) })
    }

    /// The probability that a stronger model is right where a weaker one is not.
    pub(crate) fn p_gain(&self) -> f64 {
        self.found.p_gain
    }

    pub(crate) fn is_in_top_quarter(&self) -> bool {
        self.found.p_gain >= self.model.top_quarter()
    }

    pub(crate) fn is_in_top_two_fifths(&self) -> bool {
        self.found.p_gain >= self.model.top_two_fifths()
    }

    /// The same for a person.
    pub(crate) fn reason(&self) -> String {
        let hundredths = |share: f64| format!("{:.0}", share * 100.0);
        let causes: Vec<String> = self.found.strongest(NAMED).iter().map(ToString::to_string).collect();
        let told = format!(
            "a learned model expects a stronger model to be right on {} of 100 such questions where a weaker one is not (average {})",
            hundredths(self.found.p_gain),
            hundredths(self.model.mean_gain()),
        );
        if causes.is_empty() {
            return told;
        }
        let side = if self.found.p_gain < self.model.mean_gain() { "fewer" } else { "more" };
        format!("{told}; {side} mainly for: {}", causes.join(", "))
    }
}

/// Whether the answer is one that can be right or wrong: a choice, a number, yes or no, or a short fact.
fn is_closed(scan: &Scan, task: Task, kind: AnswerKind) -> bool {
    match kind {
        AnswerKind::Choice | AnswerKind::Number | AnswerKind::Boolean | AnswerKind::Literal => true,
        AnswerKind::Text => {
            task == Task::Fact && scan.questions <= 1 && scan.code_fences == 0 && scan.words <= FACT_WORDS_MAX
        }
        AnswerKind::Json => false,
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::{Mode, ModeChoice, Risk, TriageRequest};
    use serde_json::json;

    use crate::{decide, learned::Model};

    /// A question of the kind on which the strong model gained most, in words of our own.
    const HARD: &str = "Statement 1 | No ring without unity is a field, except if it is not commutative. Statement 2 | Every ideal of a ring is a subring, but not every subring of a ring is an ideal of the ring.\nA. True, True\nB. False, False\nC. True, False\nD. False, True";
    const EASY: &str = "Which planet is the largest one?\nA. Mars\nB. Jupiter\nC. Venus\nD. Mercury";

    fn p_gain(query: &str) -> f64 {
        Model::built_in().unwrap().predict(query).p_gain
    }

    #[test]
    fn a_closed_question_is_decided_by_the_model() {
        for (query, mode) in [(HARD, Mode::Council), (EASY, Mode::Express)] {
            let found = decide(&TriageRequest::new(query));
            assert_eq!(found.mode, mode, "{found}");
            assert_eq!(found.p_hard.to_bits(), p_gain(query).to_bits());
            assert!(
                found.reasons.iter().any(|reason| reason.starts_with("a learned model expects")),
                "{found}"
            );
        }
    }

    #[test]
    fn open_tasks_and_schemas_are_left_to_the_rules() {
        let open =
            ["Design a payment system.", "Prove that there are infinitely many primes.", "Write a haiku."];
        let schema = TriageRequest::new(HARD).output_schema(json!({"type": "object"}));
        for request in open.map(TriageRequest::new).into_iter().chain([schema]) {
            let found = decide(&request);
            assert!(!found.reasons.iter().any(|reason| reason.contains("learned model")), "{found}");
            let by_rule = 1.0 / (1.0 + (-10.0 * (found.complexity - 0.42)).exp());
            assert!((found.p_hard - by_rule).abs() < 1e-12);
        }
    }

    #[test]
    fn the_reason_tells_the_chance_and_what_makes_it() {
        let found = decide(&TriageRequest::new(HARD));
        let reason = found.reasons.iter().find(|reason| reason.contains("learned model")).unwrap();
        let hundredths = format!("on {:.0} of 100 such questions", p_gain(HARD) * 100.0);
        assert!(reason.contains(&hundredths) && reason.contains("more mainly for: "), "{reason}");
        assert!(reason.contains("negations"), "{reason}");
    }

    #[test]
    fn risk_lowers_the_threshold_and_an_asked_mode_wins() {
        let model = Model::built_in().unwrap();
        let medium = format!("{EASY}\nIt is about a contract.");
        for query in [medium.as_str(), HARD, EASY] {
            let found = decide(&TriageRequest::new(query));
            let threshold = match found.risk {
                Risk::Low => model.top_quarter(),
                Risk::Medium => model.top_two_fifths(),
                Risk::High => 0.0,
            };
            assert_eq!(found.mode == Mode::Council, found.p_hard >= threshold, "{found}");
        }
        assert_eq!(decide(&TriageRequest::new(&medium)).risk, Risk::Medium);
        assert_eq!(decide(&TriageRequest::new(HARD).mode(ModeChoice::Express)).mode, Mode::Express);
        assert_eq!(decide(&TriageRequest::new(EASY).mode(ModeChoice::Council)).mode, Mode::Council);
    }
}
