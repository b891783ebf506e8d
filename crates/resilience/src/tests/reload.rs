//! Other rules while calls are under way: nobody is cut off, nothing that was found is lost, two sets of rules never let more through.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_orchestrator_core::{
    CallContext, Clock, ErrorKind, Guard, LlmProvider, StreamEvent, test_util::ManualClock,
};
use futures_util::{StreamExt, future::join};

use super::{
    paced::Paced,
    scene::{play, request},
};
use crate::{ResilienceConfig, Stack, Target, TargetLimits, policy::BreakerState};

struct Place {
    clock: ManualClock,
    target: Arc<Paced>,
}

impl Place {
    fn new(score: &str) -> Self {
        let clock = ManualClock::new();
        let target = Arc::new(Paced::new("a:one", &clock, score));
        Self { clock, target }
    }

    fn stack(&self, config: ResilienceConfig) -> Stack {
        Stack::try_new(Arc::new(self.clock.clone()), config, 7).unwrap()
    }

    fn provider(&self, stack: &Stack, concurrency: u32) -> Arc<dyn LlmProvider> {
        let traffic = TargetLimits { concurrency: NonZeroU32::new(concurrency), ..TargetLimits::default() };
        let target: Arc<dyn LlmProvider> = Arc::<Paced>::clone(&self.target);
        stack.provider(vec![Target::remote(target).traffic(traffic)]).unwrap()
    }

    fn context(&self) -> CallContext {
        CallContext::detached(self.clock.now())
    }
}

fn config(change: impl FnOnce(&mut ResilienceConfig)) -> ResilienceConfig {
    let mut config =
        ResilienceConfig { coalesce: crate::Coalescing::Off, hedge: None, ..ResilienceConfig::default() };
    change(&mut config);
    config
}

#[test]
fn a_stream_goes_on_and_keeps_its_place() {
    let place = Place::new("Hello 4s world end");
    let before = place.stack(config(|_| {}));
    let provider = place.provider(&before, 1);
    play(&place.clock, async {
        let (request, context) = (request(), place.context());
        let mut stream = provider.stream(&request, &context).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let after = before.following(config(|config| config.retry.attempts_max = 2)).unwrap();
        let next = place.provider(&after, 1);
        drop((before, provider));
        assert_eq!(after.status()[0].in_flight, 1, "the call under way counts under the new rules");
        // The place is free when the stream ends, after four seconds; the next call waits for it and is not turned away.
        let rest = stream.collect::<Vec<_>>();
        let began = place.clock.now();
        let (rest, answer) = join(rest, next.complete(&request, &context)).await;
        assert!(matches!(rest.last(), Some(Ok(StreamEvent::Finished(done))) if done.text == "Helloworld"));
        answer.unwrap();
        assert_eq!(place.clock.now() - began, Duration::from_secs(8));
        assert_eq!(after.status()[0].in_flight, 0);
    });
}

#[test]
fn more_places_are_there_at_once_for_those_who_wait() {
    let place = Place::new("4s Hello end");
    let before = place.stack(config(|_| {}));
    let provider = place.provider(&before, 1);
    play(&place.clock, async {
        let (request, context) = (request(), place.context());
        let began = place.clock.now();
        let calls = join(provider.complete(&request, &context), provider.complete(&request, &context));
        let widen = async {
            place.clock.sleep(Duration::from_secs(1)).await;
            let after = before.following(config(|_| {})).unwrap();
            place.provider(&after, 2)
        };
        let ((one, two), _next) = join(calls, widen).await;
        one.unwrap();
        two.unwrap();
        assert_eq!(place.clock.now() - began, Duration::from_secs(5), "the second went out after one second");
    });
}

#[test]
fn what_was_found_holds_under_other_rules() {
    for other in [1, 2] {
        let place = Place::new("!down");
        let before = place.stack(config(|config| config.breaker.consecutive_failures = 1));
        let provider = place.provider(&before, 8);
        assert!(play(&place.clock, provider.complete(&request(), &place.context())).is_err());
        let after = before.following(config(|config| config.breaker.consecutive_failures = other)).unwrap();
        let next = place.provider(&after, 8);
        let calls = place.target.calls().len();
        let error = play(&place.clock, next.complete(&request(), &place.context())).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Refused { by: Guard::Breaker, .. }), "{error}");
        assert_eq!(place.target.calls().len(), calls);
        assert!(matches!(after.status()[0].breaker, BreakerState::Refusing { trips: 1, .. }));
    }
    let place = Place::new("!key");
    let before = place.stack(config(|_| {}));
    assert!(play(&place.clock, place.provider(&before, 8).complete(&request(), &place.context())).is_err());
    let after = before.following(config(|config| config.throttle = None)).unwrap();
    let error = play(&place.clock, place.provider(&after, 8).complete(&request(), &place.context()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(place.target.calls().len(), 1, "the key is out under the new rules, too");
}

#[test]
fn wrong_rules_change_nothing() {
    let place = Place::new("Hello end");
    let before = place.stack(config(|_| {}));
    let wrong = before.following(config(|config| config.retry.attempts_max = 0)).unwrap_err();
    assert!(wrong.to_string().contains("attempts_max"), "{wrong}");
}
