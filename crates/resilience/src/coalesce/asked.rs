//! What a call asks, compared to the letter: two calls are one only if they are the same.
//!
//! The hash only finds the place to look. So it need not resist anybody, a weak and quick one will do, and calls that share it are still told apart.

use std::hash::{BuildHasher, Hash, Hasher};

use async_orchestrator_core::{AttemptLimits, CallContext, CompletionRequest, OnBroken};

/// A question to one list of targets.
#[derive(Debug)]
pub(super) struct Asked {
    hash: u64,
    request: CompletionRequest,
    /// Two seats on one model are two samples.
    seat: u64,
    /// With other limits it is another call, or the patient one would fail with the hasty one.
    limits: AttemptLimits,
    /// Who cannot take text back must not join a call that may begin anew.
    broken: OnBroken,
}

impl Asked {
    pub(super) fn new(state: &impl BuildHasher, request: &CompletionRequest, context: &CallContext) -> Self {
        let mut hasher = state.build_hasher();
        let seat = u64::from(context.seat.number);
        seat.hash(&mut hasher);
        // The conversation tells nearly all calls apart; the rest is compared.
        for message in &*request.messages {
            message.content.hash(&mut hasher);
        }
        Self {
            hash: hasher.finish(),
            request: request.clone(),
            seat,
            limits: context.limits,
            broken: context.broken,
        }
    }
}

impl Asked {
    pub(super) const fn request(&self) -> &CompletionRequest {
        &self.request
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let Self { hash, request, seat, limits, broken } = self;
        *hash == other.hash
            && *seat == other.seat
            && *limits == other.limits
            && *broken == other.broken
            && *request == other.request
    }
}

/// A temperature that is no number equals none, itself neither: such a call is never joined, and its provider refuses it.
impl Eq for Asked {}

#[cfg(test)]
mod tests {
    use std::{hash::RandomState, time::Duration};

    use async_orchestrator_core::{
        Clock, Message, ReplyFormat, ReplySchema, Role, SeatId, test_util::ManualClock,
    };
    use serde_json::json;

    use super::*;

    /// A state that puts everything into one place: only the comparison is left.
    #[derive(Default)]
    struct Zero;

    struct ZeroHasher;

    impl Hasher for ZeroHasher {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, _: &[u8]) {}
    }

    impl BuildHasher for Zero {
        type Hasher = ZeroHasher;
        fn build_hasher(&self) -> ZeroHasher {
            ZeroHasher
        }
    }

    fn context(seat: u8) -> CallContext {
        let seat = SeatId::new(Role::Proposer, seat);
        CallContext { seat, ..CallContext::detached(ManualClock::new().now()) }
    }

    /// One request for each field that could differ.
    fn requests() -> Vec<CompletionRequest> {
        let plain = CompletionRequest::new(vec![Message::user("one")]);
        let schema = |name: &str, kind: &str| ReplyFormat::JsonSchema {
            name: name.to_owned(),
            schema: ReplySchema::new(json!({"type": kind})),
        };
        vec![
            CompletionRequest::new(vec![Message::user("two")]),
            CompletionRequest::new(vec![Message::system("one")]),
            CompletionRequest::new(vec![Message::user("one"), Message::user("")]),
            CompletionRequest { format: schema("a", "object"), ..plain.clone() },
            CompletionRequest { format: schema("b", "object"), ..plain.clone() },
            CompletionRequest { format: schema("a", "array"), ..plain.clone() },
            CompletionRequest { max_output_tokens: Some(7), ..plain.clone() },
            CompletionRequest { temperature: Some(0.5), ..plain.clone() },
            CompletionRequest { stop: vec!["x".to_owned()], ..plain.clone() },
            CompletionRequest { seed: Some(1), ..plain.clone() },
            plain,
        ]
    }

    #[test]
    fn whatever_differs_is_another_call_even_where_the_hashes_are_equal() {
        let mut limited = context(1);
        limited.limits = AttemptLimits::within(Duration::from_secs(1));
        let mut firm = context(1);
        firm.broken = OnBroken::Continue;
        let plain = requests().pop().unwrap();
        let mut all: Vec<Asked> =
            requests().iter().map(|request| Asked::new(&Zero, request, &context(1))).collect();
        all.extend([context(2), limited, firm].iter().map(|context| Asked::new(&Zero, &plain, context)));
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| one != other), "{one:?}");
        }
    }

    #[test]
    fn the_same_call_is_found() {
        let state = RandomState::new();
        for request in requests() {
            let [one, two] = [0, 1].map(|_| Asked::new(&state, &request.clone(), &context(1)));
            assert_eq!(one, two);
            assert_eq!(one.hash, two.hash);
        }
    }
}
