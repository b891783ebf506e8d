//! Whatever readers do, in any order: whoever stays gets the whole text, and one generation is one call.

use std::{task::Poll, time::Duration};

use proptest::prelude::*;

use super::{Scene, Seen, Waiter, scene, streamed, whole};

/// What happens to those who wait.
#[derive(Clone, Copy, Debug)]
enum Move {
    Join,
    Leave(usize),
    Poll(usize),
    Pass,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        Just(Move::Join),
        (0usize..8).prop_map(Move::Leave),
        (0usize..8).prop_map(Move::Poll),
        (0usize..8).prop_map(Move::Poll),
        Just(Move::Pass),
    ];
    prop::collection::vec(one, 1..80)
}

/// Plays `moves`, each waiter polled only when it was woken; then everybody who stayed must come to the end.
fn play_moves<'a, W>(scene: &Scene, moves: &[Move], join: impl Fn() -> W) -> Result<(), TestCaseError>
where
    W: Future<Output = Seen> + 'a,
{
    let mut waiters: Vec<Waiter<'a, Seen>> = Vec::new();
    let mut generations = 0;
    let poll = |waiters: &mut Vec<Waiter<'a, Seen>>, which: usize| {
        let Some(waiter) = waiters.get_mut(which) else { return Ok(()) };
        if let Poll::Ready(seen) = waiter.poll() {
            let seen = seen.map(|text| text.trim_start_matches('|').to_owned());
            prop_assert_eq!(seen, Ok("abcd".to_owned()));
            waiters.remove(which);
        }
        Ok(())
    };
    for step in moves {
        match *step {
            Move::Join => {
                generations += usize::from(scene.running() == 0);
                waiters.push(Waiter::new(join()));
                let newest = waiters.len() - 1;
                poll(&mut waiters, newest)?;
            }
            Move::Leave(which) if which < waiters.len() => drop(waiters.remove(which)),
            Move::Leave(_) => {}
            Move::Poll(which) => poll(&mut waiters, which)?,
            Move::Pass => scene.clock.advance(Duration::from_secs(1)),
        }
        prop_assert!(scene.running() <= 1);
    }
    while !waiters.is_empty() {
        if let Some(woken) = waiters.iter().position(Waiter::is_woken) {
            poll(&mut waiters, woken)?;
        } else {
            prop_assert!(scene.clock.advance_to_next(), "somebody waits and nothing will wake them");
        }
    }
    prop_assert_eq!(scene.running(), 0);
    prop_assert_eq!(scene.calls()[0].len(), generations);
    Ok(())
}

proptest! {
    #[test]
    fn nobody_who_stays_is_forgotten(moves in moves()) {
        for score in ["1s a 1s b 1s c 1s d end", "a b 1s c d end"] {
            let scene = scene(score);
            let (provider, context) = (scene.provider(), scene.context());
            play_moves(&scene, &moves, || streamed(&provider, &context))?;
            let scene = super::scene(score);
            let (provider, context) = (scene.provider(), scene.context());
            play_moves(&scene, &moves, || whole(&provider, &context))?;
        }
    }

    #[test]
    fn nobody_is_forgotten_by_a_call_that_begins_anew(moves in moves()) {
        let scene = scene("1s x 1s y cut").or("b:two", "1s a b 1s c d end");
        let (provider, context) = (scene.provider(), scene.context());
        play_moves(&scene, &moves, || streamed(&provider, &context))?;
    }
}
