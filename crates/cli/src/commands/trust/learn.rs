//! `trust learn`: from recorded answers whose truth is known to a table with fitted weights.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use async_orchestrator::{
    ModelRef,
    trust::{KeptTrust, Labelled, Trust, TrustFile, calibration_id},
};
use async_orchestrator_lab::eval::{
    data::{AnswerSet, read_set, read_sets},
    pools::Pool,
    rules::labelled,
};
use serde_json::json;

use super::{fitted, put};
use crate::{
    args::TrustLearn,
    commands::words::{count, near},
    exit::{Exit, Failure},
    output,
    sanitize::one_line,
};

pub(super) fn run(file: &TrustFile, learn: &TrustLearn) -> Result<(), Failure> {
    let mut sets = Vec::new();
    for path in &learn.files {
        sets.extend(read(path)?);
    }
    let names = Names::of(learn, &sets)?;
    for line in sets.iter().flat_map(|set| set.dropped.iter().map(move |line| (&set.name, line))) {
        output::note(&format!("note: {}: {}", one_line(line.0), one_line(line.1)));
    }
    let pools: Vec<Pool> = sets.iter_mut().map(|set| names.apply(set)).collect::<Result<_, _>>()?;
    let questions: Vec<Labelled<'_>> = sets
        .iter()
        .zip(&pools)
        .flat_map(|(set, pool)| set.questions.iter().map(move |question| labelled(set, pool, question)))
        .collect();
    let table = Trust::learn(&questions);
    if table.members.is_empty() {
        return Err(Failure::new(Exit::Usage, "none of these models answered any question"));
    }
    let strangers: Vec<&String> =
        table.members.keys().filter(|name| name.parse::<ModelRef>().is_err()).collect();
    if let Some(first) = strangers.first() {
        output::note(&format!(
            "note: {} not called provider:model, so that their votes are not found; name them with --map, as in --map {}=openai:MODEL",
            if strangers.len() == 1 {
                String::from("1 model is")
            } else {
                format!("{} models are", strangers.len())
            },
            one_line(first)
        ));
    }
    let (members, fit) = (table.members.len(), fitted(&table));
    let document = json!({
        "path": file.path(),
        "questions": questions.len(),
        "members": table.members.keys().collect::<Vec<_>>(),
        "calibrated": table.is_calibrated(),
        "calibration_id": calibration_id(&table),
    });
    put(file, KeptTrust { table, ..KeptTrust::default() }, learn.replace)?;
    if learn.json {
        return output::json(&document);
    }
    let (members, questions) = (count(members, "model"), count(questions.len(), "question"));
    output::line(&format!("learned {members} from {questions} into {}", file.path().display()))?;
    output::line(&fit)
}

fn read(path: &Path) -> Result<Vec<AnswerSet>, Failure> {
    // The reader's causes are part of what went wrong.
    let wrong = |why: String| Failure::new(Exit::Usage, why);
    if path.is_dir() {
        return read_sets(path).map_err(|error| wrong(format!("{error:#}")));
    }
    let set = read_set(path).map_err(|error| wrong(format!("{error:#}")))?;
    set.map(|set| vec![set]).ok_or_else(|| {
        wrong(format!(
            "{}: a file called NAME_votes.csv or NAME_votes.jsonl is expected, also with .gz",
            path.display()
        ))
    })
}

/// Which models are learned of, and what they are called here.
struct Names {
    /// As the files name them; all, if none is named.
    members: BTreeSet<String>,
    map: BTreeMap<String, String>,
}

impl Names {
    fn of(learn: &TrustLearn, sets: &[AnswerSet]) -> Result<Self, Failure> {
        let known: BTreeSet<&str> = sets.iter().flat_map(|set| &set.models).map(String::as_str).collect();
        let check = |flag: &str, name: &str| {
            if known.contains(name) {
                return Ok(());
            }
            let advice = near(name, known.iter().copied())
                .map(|near| format!(": did you mean `{near}`?"))
                .unwrap_or_default();
            Err(Failure::new(Exit::Usage, format!("{flag}: no file knows a model `{name}`{advice}")))
        };
        let mut map = BTreeMap::new();
        for entry in &learn.map {
            let expected = || {
                let why = format!("--map: `{entry}`: write NAME=PROVIDER:MODEL, as in gpt-4o=openai:gpt-4o");
                Failure::new(Exit::Usage, why)
            };
            let (name, model) = entry.split_once('=').ok_or_else(expected)?;
            let model: ModelRef = model.parse().map_err(|_| expected())?;
            check("--map", name)?;
            map.insert(name.to_owned(), model.to_string());
        }
        learn.members.iter().try_for_each(|name| check("--members", name))?;
        Ok(Self { members: learn.members.iter().cloned().collect(), map })
    }

    /// Renames the set's models, and says which of them are learned of.
    fn apply(&self, set: &mut AnswerSet) -> Result<Pool, Failure> {
        let wanted = |name: &String| self.members.is_empty() || self.members.contains(name);
        let members: Vec<usize> = (0..set.models.len()).filter(|at| wanted(&set.models[*at])).collect();
        for name in &mut set.models {
            if let Some(model) = self.map.get(name) {
                name.clone_from(model);
            }
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = members.iter().map(|at| &set.models[*at]).find(|name| !seen.insert(*name)) {
            let why = format!(
                "--map: two models of {} would be called `{twice}`: leave one out with --members",
                set.name
            );
            return Err(Failure::new(Exit::Usage, why));
        }
        Ok(Pool { name: set.name.clone(), members })
    }
}
