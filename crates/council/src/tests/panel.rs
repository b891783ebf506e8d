//! Who may sit in a council, and what a quorum may be: wrong values stop at the door.

use std::sync::Arc;

use async_orchestrator_core::{
    AttemptLimits, Capabilities, Role, SeatId,
    test_util::{ManualClock, ScriptedProvider},
};

use crate::{InvalidPanel, InvalidQuorum, Panel, Quorum, Seat};

fn seat(role: Role, number: u8) -> Seat {
    let capabilities = Capabilities::unknown(format!("a:{role}-{number}").parse().unwrap());
    Seat {
        id: SeatId::new(role, number),
        provider: Arc::new(ScriptedProvider::new(capabilities.clone(), Arc::new(ManualClock::new()), [])),
        models: vec![capabilities],
        limits: AttemptLimits::REMOTE_DEFAULT,
        temperature: None,
    }
}

#[test]
fn a_panel_is_checked_as_a_whole() {
    let proposer = || seat(Role::Proposer, 1);
    let nobody = Seat { models: Vec::new(), ..seat(Role::Critic, 1) };
    let critics = (1..=9).map(|number| seat(Role::Critic, number)).chain([proposer()]);
    for (seats, expected) in [
        (vec![seat(Role::Critic, 1)], InvalidPanel::NoProposer),
        (vec![proposer(), proposer()], InvalidPanel::Twice(SeatId::new(Role::Proposer, 1))),
        (vec![proposer(), nobody], InvalidPanel::NoModel(SeatId::new(Role::Critic, 1))),
        (critics.collect(), InvalidPanel::TooManySeats { role: Role::Critic, seats: 9 }),
    ] {
        assert_eq!(Panel::try_new(seats).err(), Some(expected));
    }
}

#[test]
fn seats_stand_in_the_order_of_roles_whatever_order_they_come_in() {
    let panel =
        Panel::try_new(vec![seat(Role::Observer, 1), seat(Role::Proposer, 2), seat(Role::Proposer, 1)]);
    let panel = panel.unwrap();
    let names: Vec<String> = panel.seats().iter().map(|seat| seat.id.to_string()).collect();
    assert_eq!(names, ["proposer-1", "proposer-2", "observer-1"]);
    assert_eq!((panel.models_count(), panel.planned().len()), (3, 3));
    let target = "a:observer-1".parse().unwrap();
    assert!(panel.facts(&target).is_some() && panel.seat(SeatId::new(Role::Critic, 1)).is_none());
}

#[test]
fn a_quorum_is_one_to_five_proposals_and_up_to_eight_ballots() {
    assert_eq!((Quorum::default().proposals(), Quorum::default().ballots()), (2, 1));
    assert!(Quorum::try_new(1, 0).is_ok() && Quorum::try_new(5, 8).is_ok());
    for (proposals, ballots) in [(0, 1), (6, 1), (2, 9)] {
        assert_eq!(Quorum::try_new(proposals, ballots), Err(InvalidQuorum));
    }
}
