//! `replay --role`: what other models in some seats make of a finished run, as a run of its own. Only what that changes is asked, and paid.

use std::sync::Arc;

use async_orchestrator::{AsyncOrchestrator, History, Role, RoleDefinition, RunRow, SealedEntry};

use super::{replay, stop::Stop};
use crate::{
    args::{Global, Replay},
    exit::{Exit, Failure},
    kept, output,
    settings::{load, seats},
    state,
    view::View,
};

pub(super) async fn run(
    global: &Global,
    store: &Arc<History>,
    row: &RunRow,
    entries: Vec<SealedEntry>,
    asked: &Replay,
) -> Result<(), Failure> {
    let settings = load(global)?.settings;
    let (_, setup) = replay::recorded(store, &row.run).await?;
    let mut builder = AsyncOrchestrator::builder().settings(settings.clone()).made_as(&setup)?;
    let mut changed: Vec<Role> = Vec::new();
    for (role, lists) in seats(&asked.role)? {
        let definition = lists.into_iter().fold(RoleDefinition::new(role), RoleDefinition::seat);
        builder = builder.role(definition);
        changed.push(role);
    }
    if let Some(rule) = &asked.rule {
        builder = builder.rule(replay::rule_of(rule)?);
    }
    let view = View::new(asked.json);
    builder = builder
        .observer(view.observer())
        .journal(Arc::<History>::clone(store))
        .history(Arc::<History>::clone(store));
    if let Ok(Some(state)) = state::open(&settings) {
        builder = builder.shared_state(state);
    }
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
    let run = builder.build()?.fork(&row.run, &entries, &changed)?;
    let id = run.run_id().clone();
    let outcome = tokio::select! {
        biased;
        () = stop.asked() => return Err(Failure::interrupted()),
        outcome = Box::pin(run.outcome()) => outcome,
    };
    let mut view = view;
    view.close();
    let result = outcome?;
    let before = store.kept(&row.run).await.map_err(|error| kept::failed(&error))?;
    replay::other(before.as_ref().map(|kept| &kept.record), result.record(), asked.json)?;
    if !asked.json {
        output::note(&format!("kept as run {id}, forked from {}", row.run));
    }
    Ok(())
}
