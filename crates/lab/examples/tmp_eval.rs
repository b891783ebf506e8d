//! temporary
use async_orchestrator_lab::eval::{rules::Rule, votes::*};
fn main() {
    let dir: std::path::PathBuf = std::env::args().nth(1).unwrap().into();
    let rules = std::env::args().nth(2).map(|_| vec![Rule::JointWeights]).unwrap_or_default();
    let t = std::time::Instant::now();
    let r = run(&Options { fit: dir.clone(), score: dir, folds: 5, pools: vec![], rules }).unwrap();
    for p in r.pools {
        print!("{:12} best {:.1} ", p.pool, p.best_single.accuracy.mean);
        for r in &p.rules {
            print!(
                " | {} {:.2} ({:+.2} {:+.2}..{:+.2}) ece {:.3} brier {:.3}",
                r.rule.name(),
                r.accuracy.mean,
                r.gain.mean,
                r.gain.low,
                r.gain.high,
                r.calibration.ece,
                r.calibration.brier
            );
            for g in r.groups.iter().filter(|g| g.is_below()) {
                print!(" BELOW {} {:.1} {:?}", g.group, g.accuracy, g.gain);
            }
        }
        println!();
    }
    println!("{:?}", t.elapsed());
}
