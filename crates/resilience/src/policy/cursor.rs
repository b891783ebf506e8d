//! Which target of a list is asked next, and which ones a failure rules out. Pure.

use async_orchestrator_core::{ErrorKind, ModelRef};

/// What decides whether a target can still help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Targets of one tier are interchangeable: another key, an equivalent model.
    pub tier: u32,
    /// Provider and model.
    pub model: ModelRef,
    /// Which of the provider's keys it uses; a name, never the key.
    pub key: u32,
    /// The window in tokens; `None` if unknown.
    pub window: Option<u32>,
}

/// The most targets of one list.
pub const TARGETS_MAX: usize = 64;

/// Where the search through a list of targets stands. It costs no allocation.
///
/// ```
/// use async_orchestrator_core::ErrorKind;
/// use async_orchestrator_resilience::policy::{Candidate, Cursor};
/// let of = |model: &str, key| Candidate { tier: 0, model: model.parse().unwrap(), key, window: None };
/// let list = [of("a:one", 1), of("a:two", 1), of("a:two", 2)];
/// let mut cursor = Cursor::default();
/// assert_eq!(cursor.next(&list), Some(0));
/// cursor.failed(&list, 0, ErrorKind::Unauthorized);
/// assert_eq!(cursor.next(&list), Some(2), "a dead key is dead for every model");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// A bit for each target that was asked or cannot help.
    out: u64,
}

impl Cursor {
    /// The next target that may help, in the order of the list; it counts as asked.
    pub fn next(&mut self, list: &[Candidate]) -> Option<usize> {
        let index = (0..list.len().min(TARGETS_MAX)).find(|&index| self.is_free(index))?;
        self.rule_out(index);
        Some(index)
    }

    /// Where a second call goes while `asked` is silent: the next target of its tier, or the same one if it is alone there.
    pub fn next_beside(&mut self, list: &[Candidate], asked: usize) -> Option<usize> {
        let tier = list.get(asked)?.tier;
        let same_tier = |index: &usize| list.get(*index).is_some_and(|candidate| candidate.tier == tier);
        let mut others = (0..list.len().min(TARGETS_MAX)).filter(same_tier).filter(|index| *index != asked);
        match others.clone().find(|&index| self.is_free(index)) {
            Some(index) => {
                self.rule_out(index);
                Some(index)
            }
            None => others.next().is_none().then_some(asked),
        }
    }

    /// Takes note of why `index` failed, and of whom else that rules out.
    pub fn failed(&mut self, list: &[Candidate], index: usize, kind: ErrorKind) {
        let Some(failed) = list.get(index) else { return };
        if !kind.may_fall_back() {
            self.out = u64::MAX;
            return;
        }
        match kind {
            // The key is dead, whatever model it asks for.
            ErrorKind::Unauthorized | ErrorKind::QuotaExhausted => self.rule_out_where(list, |other| {
                other.key == failed.key && other.model.provider() == failed.model.provider()
            }),
            // The same model says the same again, also to another key.
            ErrorKind::Invalid | ErrorKind::ContentFiltered | ErrorKind::UnknownModel => {
                self.rule_out_where(list, |other| other.model == failed.model);
            }
            // A window of unknown size may be larger than one of known size, and is tried.
            ErrorKind::ContextTooLong => self.rule_out_where(list, |other| {
                other.model == failed.model
                    || matches!((other.window, failed.window), (Some(other), Some(failed)) if other <= failed)
            }),
            // Busy, down, slow, broken, kept out here: that is the target's own affair.
            _ => self.rule_out(index),
        }
    }

    fn is_free(self, index: usize) -> bool {
        self.out & (1 << index) == 0
    }

    fn rule_out(&mut self, index: usize) {
        if index < TARGETS_MAX {
            self.out |= 1 << index;
        }
    }

    fn rule_out_where(&mut self, list: &[Candidate], what: impl Fn(&Candidate) -> bool) {
        for (index, candidate) in list.iter().enumerate() {
            if what(candidate) {
                self.rule_out(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_orchestrator_core::TimeoutPhase;

    use super::*;

    /// Targets as `tier provider:model key window`, and what the cursor names after the first one failed with `kind`.
    #[track_caller]
    fn check(list: &[&str], kind: ErrorKind, then: &[usize]) {
        let candidate = |text: &&str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
            Candidate {
                tier: number(0).unwrap(),
                model: words[1].parse().unwrap(),
                key: number(2).unwrap_or(1),
                window: number(3),
            }
        };
        let list: Vec<Candidate> = list.iter().map(candidate).collect();
        let mut cursor = Cursor::default();
        assert_eq!(cursor.next(&list), Some(0));
        cursor.failed(&list, 0, kind);
        let rest: Vec<usize> = std::iter::from_fn(|| cursor.next(&list)).collect();
        assert_eq!(rest, then);
    }

    #[test]
    fn a_failure_rules_out_what_would_fail_alike() {
        let list = ["0 a:big 1 8000", "0 a:big 2 8000", "1 a:small 1 4000", "2 b:huge 1 9000", "3 c:any 1"];
        check(&list, ErrorKind::Unavailable, &[1, 2, 3, 4]);
        check(&list, ErrorKind::RateLimited { retry_after: None }, &[1, 2, 3, 4]);
        check(&list, ErrorKind::Unauthorized, &[1, 3, 4]);
        check(&list, ErrorKind::QuotaExhausted, &[1, 3, 4]);
        check(&list, ErrorKind::ContextTooLong, &[3, 4]);
        check(&list, ErrorKind::ContentFiltered, &[2, 3, 4]);
        check(&list, ErrorKind::UnknownModel, &[2, 3, 4]);
        check(&list, ErrorKind::Invalid, &[2, 3, 4]);
        check(&list, ErrorKind::Cancelled, &[]);
        check(&list, ErrorKind::Timeout { phase: TimeoutPhase::Deadline }, &[]);
    }

    #[test]
    fn a_second_call_stays_in_its_tier_and_leaves_a_used_target_alone() {
        let of = |tier, model: &str| Candidate { tier, model: model.parse().unwrap(), key: 1, window: None };
        let list = [of(0, "a:one"), of(0, "b:one"), of(1, "c:two")];
        let mut cursor = Cursor::default();
        assert_eq!(cursor.next(&list), Some(0));
        assert_eq!(cursor.next_beside(&list, 0), Some(1));
        assert_eq!(cursor.next_beside(&list, 0), None, "its only neighbour was asked already");
        assert_eq!(cursor.next(&list), Some(2));
        assert_eq!(cursor.next_beside(&list, 2), Some(2), "alone in its tier");
    }
}
