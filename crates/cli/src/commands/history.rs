//! `history`: lists, finds, exports and prunes what was kept of runs.

use std::{fs::File, io, path::Path};

use async_orchestrator::{
    BundleError, Filter, History, Journal, Pack, RunRow, RunState, SearchOrder, Unended, Unfinished,
};
use serde_json::json;

use super::words::count;
use crate::{
    args::{Global, HistoryAction, HistoryArgs, HistoryList, HistorySearch},
    ask::money,
    exit::{Exit, Failure},
    kept, output,
    sanitize::one_line,
    settings::load,
};

pub(crate) async fn run(global: &Global, history: HistoryArgs) -> Result<(), Failure> {
    let action = match history.action {
        HistoryAction::Show(show) => return super::show::run(global, &show).await,
        action => action,
    };
    let store = kept::need(&load(global)?.settings)?;
    match action {
        HistoryAction::List(list) => self::list(&store, &list).await,
        HistoryAction::Search(search) => self::search(&store, &search).await,
        HistoryAction::Export { file, since } => export(&store, &file, since.as_deref()).await,
        HistoryAction::Prune { older_than, pack, json } => {
            let before = kept::time(&older_than, "--older-than")?;
            let pack = if pack { Pack::Now } else { Pack::Later };
            let report =
                store.prune(before, kept::now_ms(), pack).await.map_err(|error| kept::failed(&error))?;
            if json {
                return output::json(&report);
            }
            output::line(&format!(
                "contents of {} let go ({} KiB): lines, hashes and figures stay; {} that failed or never ended let go as a whole",
                count(report.records, "answered run"),
                report.bytes / 1_024,
                count(report.runs, "run")
            ))
        }
        HistoryAction::Show(_) => Ok(()),
    }
}

async fn list(store: &History, list: &HistoryList) -> Result<(), Failure> {
    let time = |text: &Option<String>, flag| text.as_deref().map(|text| kept::time(text, flag)).transpose();
    let filter = Filter {
        since_ms: time(&list.since, "--since")?,
        until_ms: time(&list.until, "--until")?,
        domain: list.domain.clone(),
        status: list.status.clone(),
        mode: list.mode.clone(),
        limit: list.limit,
    };
    let rows = store.list(filter).await.map_err(|error| kept::failed(&error))?;
    let unfinished = if rows.iter().any(|row| row.state == RunState::Open) {
        store.unfinished().await.map_err(|error| kept::failed(&error))?
    } else {
        Vec::new()
    };
    show(&rows, &unfinished, list.json, "no run is kept yet, or none of this kind")
}

async fn search(store: &History, search: &HistorySearch) -> Result<(), Failure> {
    if !search.words.iter().any(|word| word.contains(char::is_alphanumeric)) {
        return Err(Failure::new(Exit::Usage, "there is no word in what is searched for"));
    }
    let order = if search.newest { SearchOrder::Newest } else { SearchOrder::Relevance };
    let found = store.search(&search.words.join(" "), order, search.limit).await;
    show(&found.map_err(|error| kept::failed(&error))?, &[], search.json, "nothing was found")
}

fn show(rows: &[RunRow], unfinished: &[Unfinished], json: bool, nothing: &str) -> Result<(), Failure> {
    if json {
        return output::json(&json!({ "runs": rows }));
    }
    if rows.is_empty() {
        output::note(nothing);
        return Ok(());
    }
    let cells: Vec<[String; 6]> = rows.iter().map(|row| cells(row, unfinished)).collect();
    super::columns::columns(&cells).iter().try_for_each(|line| output::line(line))
}

fn cells(row: &RunRow, unfinished: &[Unfinished]) -> [String; 6] {
    let state = unfinished.iter().find(|run| run.run == row.run).map(|run| run.state);
    let how = match row.state {
        RunState::Open if state == Some(Unended::Interrupted) => String::from("interrupted"),
        RunState::Open => String::from("running"),
        RunState::Done => row.status.clone().unwrap_or_default().replace('_', " "),
        state => state.name().to_owned(),
    };
    [
        row.run.to_string(),
        kept::moment(row.began_ms),
        row.mode.clone().unwrap_or_default(),
        how,
        row.total_ms.map(|_| money(row.cost)).unwrap_or_default(),
        super::columns::short(&one_line(&row.question)),
    ]
}

async fn export(store: &History, file: &Path, since: Option<&str>) -> Result<(), Failure> {
    let since = since.map(|since| kept::time(since, "--since")).transpose()?;
    let out: Box<dyn io::Write + Send> = if file == Path::new("-") {
        Box::new(io::BufWriter::new(io::stdout()))
    } else {
        let created = File::create(file);
        let refused = |error: io::Error| Failure::new(Exit::Usage, format!("{}: {error}", file.display()));
        Box::new(io::BufWriter::new(created.map_err(refused)?))
    };
    let exported = store.export(since, out).await;
    let (links, head) = match exported {
        Ok(exported) => exported,
        // Whoever reads our output may have enough of it.
        Err(BundleError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => {
            return Err(Failure::new(Exit::Failed, format!("{}: {}", file.display(), kept::told(&error))));
        }
    };
    output::note(&format!("{links} links, head {head}"));
    Ok(())
}
