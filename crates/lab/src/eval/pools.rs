//! Who votes: the pools of the two recorded sets, and those that a user names.

use anyhow::{Result, bail};

use super::data::AnswerSet;

/// Some members of a set.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What it is called.
    pub name: String,
    /// The members' places in the set's models.
    pub members: Vec<usize>,
}

const GPT: &str = "gpt-4o-2024-05-13";
const NAMED: [&str; 3] = [GPT, "gemini-1.5-pro-002", "Meta-Llama-3.1-70B-Instruct"];

/// A set's name, a pool's name and its members; an empty list stands for all.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("mmlu_pro", "3-named", &NAMED),
    ("mmlu_pro", "best-5", &[NAMED[0], NAMED[1], NAMED[2], "gemini-1.5-flash-002", "deepseek-v2-chat"]),
    (
        "mmlu_pro",
        "best-7",
        &[
            NAMED[0],
            NAMED[1],
            NAMED[2],
            "gemini-1.5-flash-002",
            "deepseek-v2-chat",
            "Meta-Llama-3.1-70B",
            "Meta-Llama-3-70B",
        ],
    ),
    ("mmlu_pro", "all-31", &[]),
    ("mmlu_pro", "middling-3", &["gemini-1.5-flash-002", "Meta-Llama-3.1-70B-Instruct", "deepseek-v2-chat"]),
    ("zeroeval", "zeroeval-3", &["gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022", "gemini-1.5-pro"]),
    (
        "zeroeval",
        "zeroeval-5",
        &[
            "gpt-4o-2024-08-06",
            "claude-3-5-sonnet-20241022",
            "gemini-1.5-pro",
            "Llama-3.1-405B-Inst@hyperbolic",
            "Mistral-Large-2",
        ],
    ),
    (
        "zeroeval",
        "zeroeval-7",
        &[
            "claude-3-5-sonnet-20241022",
            "gpt-4o-2024-08-06",
            GPT,
            "claude-3-5-sonnet-20240620",
            "gpt-4o-mini-2024-07-18",
            "Mistral-Large-2",
            "Llama-3.1-405B-Inst@hyperbolic",
        ],
    ),
];

/// The pools of `set` that `wanted` names: known pools, or members with commas between them; without any, all known ones, else all members.
///
/// # Errors
/// A name that is neither, and a pool without a member in this set when it was asked for by its members.
pub fn pools(set: &AnswerSet, wanted: &[String]) -> Result<Vec<Pool>> {
    let known = KNOWN.iter().filter(|(name, ..)| *name == set.name).filter_map(|(_, name, members)| {
        let members = if members.is_empty() {
            (0..set.models.len()).collect()
        } else {
            members.iter().map(|member| set.model(member)).collect::<Option<Vec<usize>>>()?
        };
        Some(Pool { name: (*name).to_owned(), members })
    });
    let mut known: Vec<Pool> = known.collect();
    if known.is_empty() {
        known.push(Pool { name: "all".to_owned(), members: (0..set.models.len()).collect() });
    }
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut found = Vec::new();
    for name in wanted {
        if let Some(pool) = known.iter().find(|pool| pool.name == *name) {
            found.push(pool.clone());
        } else if KNOWN.iter().any(|(_, known, _)| known == name) {
            // A pool of another set.
        } else {
            let members: Option<Vec<usize>> =
                name.split(',').map(|member| set.model(member.trim())).collect();
            match members {
                Some(members) => found.push(Pool { name: name.clone(), members }),
                None if name.contains(',') || set.models.is_empty() => {}
                None => bail!(
                    "no pool and no member of {} is called `{name}`; pools: {}",
                    set.name,
                    known.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ")
                ),
            }
        }
    }
    Ok(found)
}
