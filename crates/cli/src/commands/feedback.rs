//! `feedback`: what became known of a decision is counted for those who proposed and reviewed.

use std::path::Path;

use async_orchestrator::{
    DecisionRecord, HistoryStore,
    trust::{Judged, Learned, Outcome, OutcomeError, Reviewed, TrustFile},
};
use serde_json::{Value, json};

use super::columns::columns;
use crate::{
    args::{Feedback, Global, VerdictArg},
    exit::{Exit, Failure},
    input, kept, output,
    sanitize::one_line,
    settings::load,
};

pub(crate) async fn run(global: &Global, feedback: &Feedback) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let file = settings.trust_file();
    // What is no file may be a run of the history.
    let kept = match feedback.record.to_str() {
        Some(run) if run != "-" && !feedback.record.exists() && settings.history.enabled => {
            let store = kept::need(&settings)?;
            let run = kept::find(&store, run).await?.run;
            let record = store.record(&run).await.map_err(|error| kept::failed(&error))?;
            let gone = || Failure::new(Exit::Failed, format!("the content of run {run} is not kept"));
            Some((store, record.ok_or_else(gone)?))
        }
        _ => None,
    };
    let record = match &kept {
        Some((_, record)) => record.clone(),
        None => record(&feedback.record)?,
    };
    let learned = count(&file, &record, feedback)?;
    if let (Some((store, record)), Some(right)) = (&kept, learned.winner_right) {
        let noted = store.outcome(&record.run_id, right, kept::now_ms()).await;
        noted.map_err(|error| kept::failed(&error))?;
    }
    if !settings.trust.enabled {
        output::note("note: trust.use is false: this is counted, and no vote is weighed by it");
    }
    if feedback.json {
        let mut document = serde_json::to_value(&learned).unwrap_or_default();
        document["path"] = json!(file.path());
        return output::json(&document);
    }
    output::line(&format!("Counted in {}:", file.path().display()))?;
    let rows: Vec<[String; 3]> =
        learned.judged.iter().map(judged).chain(learned.reviewed.iter().map(reviewed)).collect();
    columns(&rows).iter().try_for_each(|line| output::line(line))
}

fn record(path: &Path) -> Result<DecisionRecord, Failure> {
    let from_stdin = path == Path::new("-");
    let text = if from_stdin { input::stdin()? } else { input::text_of(path)? };
    let wrong = |error: serde_json::Error| {
        let place = if from_stdin { String::from("stdin") } else { path.display().to_string() };
        let why = one_line(&error.to_string()).chars().take(160).collect::<String>();
        let advice = "give what `orchestrator ask --json` printed";
        Failure::new(Exit::Usage, format!("{place}: is no decision record ({why}): {advice}"))
    };
    let mut document: Value = serde_json::from_str(&text).map_err(wrong)?;
    // The last line of `ask --jsonl` holds the record beside the event's name.
    if let Some(record) = document.get_mut("record").filter(|record| record.is_object()) {
        document = record.take();
    }
    serde_json::from_value(document).map_err(wrong)
}

fn count(file: &TrustFile, record: &DecisionRecord, feedback: &Feedback) -> Result<Learned, Failure> {
    let outcome = match (&feedback.answer, feedback.verdict) {
        (Some(_), VerdictArg::Checked) => {
            return Err(Failure::new(Exit::Usage, "`checked` takes no --answer: say right or wrong"));
        }
        (Some(answer), _) => Outcome::Answer(answer.clone()),
        (None, VerdictArg::Right) => Outcome::Right,
        (None, VerdictArg::Wrong) => Outcome::Wrong,
        (None, VerdictArg::Checked) => Outcome::of_checks(record).ok_or_else(|| {
            Failure::new(Exit::Usage, "no executable check of this record says whether its answer is right")
        })?,
    };
    let was_right = match feedback.verdict {
        VerdictArg::Right => true,
        VerdictArg::Wrong => false,
        VerdictArg::Checked => outcome == Outcome::Right,
    };
    file.change(|kept| {
        let learned = kept.learn_from(record, &outcome, feedback.again).map_err(|error| refused(&error))?;
        match learned.winner_right {
            Some(found) if found != was_right => Err(Failure::new(
                Exit::Usage,
                format!(
                    "the decision is said to be {}, but its answer is {} the one of --answer: nothing was counted",
                    if was_right { "right" } else { "wrong" },
                    if found { "just" } else { "not" }
                ),
            )),
            _ => Ok(learned),
        }
    })
}

fn refused(error: &OutcomeError) -> Failure {
    let advice = match error {
        OutcomeError::Counted(_) => ": `--again` counts it once more",
        _ => "",
    };
    Failure::new(Exit::Usage, format!("{error}{advice}"))
}

fn judged(one: &Judged) -> [String; 3] {
    let verdict = match one.right {
        Some(true) => "right",
        Some(false) => "wrong",
        None => "not known, not counted",
    };
    [one.seat.to_string(), one_line(&one.member), verdict.to_owned()]
}

fn reviewed(one: &Reviewed) -> [String; 3] {
    let Reviewed { hits, of_right, false_alarms, of_wrong, .. } = one;
    let approvals = format!("approved {hits} of {of_right} right, {false_alarms} of {of_wrong} wrong");
    [one.seat.to_string(), one_line(&one.member), approvals]
}
