//! `show`: one run as it was kept: its answer, the parts of its record, or the story of the decision.

use crate::{
    args::{Global, Show},
    exit::{Exit, Failure},
    kept, output,
    settings::load,
    view::{report, story},
};
use async_orchestrator::{Kept, RunRow, RunState};

use super::words::count;

pub(crate) async fn run(global: &Global, show: &Show) -> Result<(), Failure> {
    let store = kept::need(&load(global)?.settings)?;
    let row = kept::find(&store, &show.run).await?;
    if row.state != RunState::Done {
        return Err(Failure::new(Exit::Failed, unended(&row)));
    }
    let body = store.body(&row.run).await.map_err(|error| kept::failed(&error))?;
    let Some(body) = body else {
        let why = format!("the content of run {} is not kept any more; `history list` has its line", row.run);
        return Err(Failure::new(Exit::Failed, why));
    };
    let Ok(Kept { record, request }) = serde_json::from_str::<Kept>(&body) else {
        // Hashes stand where texts stood, or nothing: the document is all there is.
        if show.json {
            return output::line(&body);
        }
        let why = format!(
            "the texts of run {} are not kept (`history.content`): `--json` shows what there is",
            row.run
        );
        return Err(Failure::new(Exit::Failed, why));
    };
    if show.json {
        return output::json(&record);
    }
    if show.why {
        return output::answer(&story::tell(&request, &record, &row));
    }
    let result = async_orchestrator::Orchestrated::from(record);
    output::note(&format!("{}  {}", kept::moment(row.began_ms), request.query));
    output::answer(&result.aggregated.to_string())?;
    let parts = report::parts(result.record(), &show.parts);
    if !parts.is_empty() {
        output::answer(&parts)?;
    }
    output::note(&report::summary(&result));
    Ok(())
}

fn unended(row: &RunRow) -> String {
    let run = &row.run;
    match row.state {
        RunState::Failed => {
            format!(
                "run {run} ended without an answer: {}",
                row.why.as_deref().unwrap_or("it is not known why")
            )
        }
        _ => format!(
            "run {run} has not ended ({} finished): `orchestrator watch {run}` follows it, `orchestrator resume {run}` goes on with it",
            count(row.calls, "call")
        ),
    }
}
