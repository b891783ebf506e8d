//! The orders in which critics read.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::orders;

proptest! {
    #[test]
    fn every_proposal_stands_everywhere_equally_often(proposals in 1_usize..=9, critics in 0_usize..=30, seed in any::<u64>()) {
        let orders = orders(proposals, critics, seed);
        prop_assert_eq!(orders.len(), critics);
        let mut counts = vec![vec![0_usize; proposals]; proposals];
        for order in &orders {
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), proposals);
            for (place, proposal) in order.iter().enumerate() {
                counts[place][*proposal] += 1;
            }
        }
        let all = counts.into_iter().flatten();
        let (least, most) = all.fold((usize::MAX, 0), |(least, most), count| (least.min(count), most.max(count)));
        prop_assert!(most - least <= 1);
    }

    #[test]
    fn everyone_follows_everyone_equally_often(proposals in 2_usize..=8, rounds in 1_usize..=3, seed in any::<u64>()) {
        let square = if proposals.is_multiple_of(2) { proposals } else { 2 * proposals };
        let mut follows: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for order in orders(proposals, square * rounds, seed) {
            for pair in order.windows(2) {
                *follows.entry((pair[0], pair[1])).or_default() += 1;
            }
        }
        prop_assert_eq!(follows.len(), proposals * (proposals - 1));
        prop_assert_eq!(follows.values().collect::<BTreeSet<_>>().len(), 1);
    }
}

#[test]
fn the_seed_alone_decides() {
    assert_eq!(orders(5, 7, 11), orders(5, 7, 11));
    let firsts: BTreeSet<usize> = (0..50).map(|seed| orders(5, 1, seed)[0][0]).collect();
    assert_eq!(firsts.len(), 5, "every proposal comes first for some seed");
}

#[test]
fn nothing_to_read_is_an_empty_order() {
    assert_eq!(orders(0, 2, 1), vec![Vec::<usize>::new(); 2]);
    assert!(orders(3, 0, 1).is_empty());
}
