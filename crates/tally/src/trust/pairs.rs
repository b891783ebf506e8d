//! Pairs as a list: JSON's keys are texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Pair;

#[derive(Serialize, Deserialize)]
struct Entry {
    members: (String, String),
    #[serde(flatten)]
    pair: Pair,
}

pub(super) fn serialize<S: Serializer>(
    pairs: &BTreeMap<(String, String), Pair>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|(members, pair)| Entry { members: members.clone(), pair: *pair }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<(String, String), Pair>, D::Error> {
    let entries = Vec::<Entry>::deserialize(from)?;
    Ok(entries.into_iter().map(|entry| (entry.members, entry.pair)).collect())
}
