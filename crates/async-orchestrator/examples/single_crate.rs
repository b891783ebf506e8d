//! One crate without the facade: an election with nothing around it. Every crate of the workspace can be used like this.
//!
//! `cargo run -p async-orchestrator --example single_crate`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use async_orchestrator_tally::{
    Candidate, Election, GradedBallot, InvalidElection, RuleChoice, blocs, decide,
};

fn main() -> Result<(), InvalidElection> {
    let candidates = [("p1", "proposer-1"), ("p2", "proposer-2"), ("p3", "proposer-3")]
        .map(|(id, seat)| Candidate { id: id.to_owned(), supporters: vec![seat.to_owned()] });
    let ballots =
        [("critic-1", [8.0, 6.0, 3.0]), ("critic-2", [7.0, 7.5, 2.0]), ("critic-3", [9.0, 4.0, 4.0])].map(
            |(voter, grades)| GradedBallot {
                voter: voter.to_owned(),
                weight: 1.0,
                grades: grades.map(Some).to_vec(),
                approvals: grades.map(|grade| grade >= 6.0).to_vec(),
                predicted_support: vec![None; 3],
            },
        );
    let election = Election::try_new(candidates.to_vec(), ballots.to_vec(), RuleChoice::Open, 7)?;
    let tally = decide(&election);
    println!("winner {} by {}", tally.winner.clone().unwrap_or_default(), tally.rule.name());
    println!("independent votes {:.2}, all rules agree: {}", tally.n_eff, tally.rule_agreement);
    for bloc in blocs(&election, &tally) {
        println!(
            "{} prefer {} ({:.0} % of the weight)",
            bloc.voters.join(", "),
            bloc.prefers,
            bloc.share * 100.0
        );
    }
    Ok(())
}
