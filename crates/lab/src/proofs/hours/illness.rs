//! The course of one vendor's health over the hours, drawn from a seed: when it is ill, how, and what that does to a call.

use std::time::Duration;

use async_orchestrator_core::ErrorKind;

use crate::proofs::{dice::Dice, vendor::Act};

/// How a vendor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// Every call fails at once.
    Down,
    /// Nothing is ever said.
    Silent,
    /// Every call takes 20 times as long.
    BrownOut,
    /// Two seconds down, two seconds up.
    Flapping,
    /// It is back and takes one call of ten.
    TenthOfCapacity,
    /// Every call is limited, with a hint when to come again.
    Limiting,
    /// Replies break off.
    BreakingOff,
}

const ILLNESSES: [Health; 7] = [
    Health::Down,
    Health::Silent,
    Health::BrownOut,
    Health::Flapping,
    Health::TenthOfCapacity,
    Health::Limiting,
    Health::BreakingOff,
];
/// The mean time between two illnesses, and the bounds of one.
const WELL_FOR: Duration = Duration::from_secs(3_600);
const ILL_FOR: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(1_200));
const SLOWER: u32 = 20;
const FLAP: u64 = 2;

/// The health from each moment on.
#[derive(Debug)]
pub(super) struct Course(Vec<(Duration, Health)>);

impl Course {
    pub(super) fn new(seed: u64, name: &str, until: Duration) -> Self {
        let mut dice = Dice::new(seed, &format!("health of {name}"));
        let (mut at, mut phases) = (Duration::ZERO, vec![(Duration::ZERO, Health::Well)]);
        while at < until {
            at += dice.gap(WELL_FOR);
            let which = usize::try_from(dice.below(ILLNESSES.len() as u64)).unwrap_or_default();
            let ill = ILLNESSES.get(which).copied().unwrap_or(Health::Down);
            phases.push((at, ill));
            at += dice.between(ILL_FOR.0, ILL_FOR.1);
            // Of those that were down, half come back weak.
            if ill == Health::Down && dice.below(2) == 0 {
                phases.push((at, Health::TenthOfCapacity));
                at += dice.between(ILL_FOR.0, ILL_FOR.1);
            }
            phases.push((at, Health::Well));
        }
        Self(phases)
    }

    /// Whether it was well from `from` to `to`.
    pub(super) fn was_well(&self, from: Duration, to: Duration) -> bool {
        let first = self.at(from);
        self.0.get(first).is_some_and(|(_, health)| *health == Health::Well) && self.at(to) == first
    }

    pub(super) fn act(&self, now: Duration, dice: &mut Dice) -> Act {
        let first = dice.between(Duration::from_millis(200), Duration::from_millis(900));
        let rest = dice.between(Duration::from_millis(100), Duration::from_secs(2));
        // One call of fifty is slow, well or not.
        let first = if dice.below(50) == 0 { first * 5 } else { first };
        let answer = Act::Answer { first, rest };
        let soon = first / 10;
        let one_of_ten = dice.below(10) == 0;
        match self.0.get(self.at(now)).map_or(Health::Well, |(_, health)| *health) {
            Health::Down => Act::Fail { after: soon, kind: ErrorKind::Unavailable },
            Health::Silent => Act::Silent,
            Health::BrownOut => Act::Answer { first: first * SLOWER, rest: rest * SLOWER },
            Health::Flapping if (now.as_secs() / FLAP).is_multiple_of(2) => {
                Act::Fail { after: soon, kind: ErrorKind::Unavailable }
            }
            Health::TenthOfCapacity if !one_of_ten => {
                Act::Fail { after: soon, kind: ErrorKind::Overloaded { retry_after: None } }
            }
            Health::Limiting => {
                // Half of the vendors say when to come again.
                let retry_after = (dice.below(2) == 0).then(|| Duration::from_secs(1 + dice.below(10)));
                Act::Fail { after: soon, kind: ErrorKind::RateLimited { retry_after } }
            }
            Health::BreakingOff => Act::BreakOff { first },
            Health::Well | Health::Flapping | Health::TenthOfCapacity => answer,
        }
    }

    fn at(&self, now: Duration) -> usize {
        self.0.partition_point(|(from, _)| *from <= now).saturating_sub(1)
    }
}
