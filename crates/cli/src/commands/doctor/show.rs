//! The doctor's report as lines for people and as one JSON document.

use async_orchestrator::Reach;
use serde_json::{Value, json};

use super::report::{Embedded, Provider, Report};
use crate::commands::{
    columns::columns,
    weights::{BUILD, Build, megabytes},
    words::count,
};

pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![String::from("configuration")];
    lines.extend(indented(configuration(report)));
    lines.push(String::from("providers"));
    lines.extend(providers(report));
    lines.push(String::from("embedded model"));
    lines.extend(embedded(report));
    lines.push(String::from("prompts"));
    lines.extend(indented(prompts(report)));
    lines.push(String::from("seats"));
    lines.extend(seats(report));
    lines.push(format!("price table\n  of {}", report.table_as_of));
    lines.push(String::from("next"));
    lines.extend(indented(report.next()));
    lines
}

fn indented(lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

fn configuration(report: &Report) -> Vec<String> {
    let configuration = &report.configuration;
    let mut lines = Vec::new();
    match &configuration.file {
        Some(file) => lines.push(file.display().to_string()),
        None if configuration.problems.is_empty() => {
            let usual = configuration.usual.display();
            lines.push(format!("no file; the environment alone (`orchestrator config init` writes {usual})"));
        }
        None => {}
    }
    lines.extend(configuration.problems.iter().map(|problem| format!("wrong: {problem}")));
    lines.extend(configuration.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines
}

fn providers(report: &Report) -> Vec<String> {
    if report.providers.is_empty() {
        return vec![String::from("  none")];
    }
    let cells: Vec<_> = report.providers.iter().map(provider).collect();
    columns(&cells)
}

fn provider(provider: &Provider) -> [String; 4] {
    let state = match (&provider.models, provider.reach) {
        (Ok(models), _) => {
            format!("answers, {}, {} ms", count(models.len(), "model"), provider.took.as_millis())
        }
        (Err(problem), Reach::Unlisted) => problem.clone(),
        // Why stands under `next`, with what to do.
        (Err(_), Reach::Refused) => String::from("cannot be used"),
        (Err(_), _) => String::from("does not answer"),
    };
    [provider.name.clone(), provider.base_url.clone(), provider.key.clone(), state]
}

fn embedded(report: &Report) -> Vec<String> {
    let Some(embedded) = &report.embedded else { return vec![String::from("  not looked at")] };
    if BUILD == Build::Without {
        return vec![String::from("  this build has none")];
    }
    let mut lines = Vec::new();
    if !embedded.enabled {
        lines.push(String::from("  switched off (embedded.enabled)"));
    }
    if embedded.offline {
        lines.push(String::from("  never fetched from the network (embedded.offline)"));
    }
    let cells = embedded.files.iter().map(|file| {
        [
            file.label().to_owned(),
            file.state(),
            file.bytes.map_or_else(String::new, megabytes),
            file.path.display().to_string(),
        ]
    });
    lines.extend(columns(&cells.collect::<Vec<_>>()));
    lines
}

fn prompts(report: &Report) -> Vec<String> {
    let prompts = &report.prompts;
    match (&prompts.directory, prompts.problems.as_slice()) {
        (_, [_, ..]) => prompts.problems.clone(),
        (Some(directory), []) => {
            vec![format!(
                "ok: {} templates, {} of them from {}",
                prompts.count,
                prompts.own.len(),
                directory.display()
            )]
        }
        (None, []) if prompts.count == 0 => vec![String::from("not looked at")],
        (None, []) => vec![format!("ok: {} built-in templates", prompts.count)],
    }
}

fn seats(report: &Report) -> Vec<String> {
    let seating = &report.seating;
    if !seating.problems.is_empty() {
        return indented(seating.problems.iter().map(|problem| format!("wrong: {problem}"))).collect();
    }
    if seating.seats.is_empty() {
        return vec![String::from("  not looked at")];
    }
    let cells = seating.seats.iter().map(|seat| {
        let models: Vec<String> = seat.models.iter().map(ToString::to_string).collect();
        [seat.seat.to_string(), models.join(", then ")]
    });
    columns(&cells.collect::<Vec<_>>())
}

pub(super) fn json(report: &Report) -> Value {
    let configuration = &report.configuration;
    let prompts = &report.prompts;
    let seats = report.seating.seats.iter().map(|seat| {
        let models: Vec<String> = seat.models.iter().map(ToString::to_string).collect();
        json!({ "seat": seat.seat.to_string(), "models": models })
    });
    let servers = report.servers.iter().map(
        |server| json!({ "product": server.product, "base_url": server.base_url, "models": server.models }),
    );
    json!({
        "can_answer": report.can_answer(),
        "configuration": {
            "file": configuration.file,
            "problems": configuration.problems,
            "warnings": configuration.warnings,
        },
        "providers": report.providers.iter().map(provider_json).collect::<Vec<_>>(),
        "embedded": report.embedded.as_ref().map(embedded_json),
        "prompts": {
            "directory": prompts.directory,
            "templates": prompts.count,
            "overrides": prompts.own,
            "problems": prompts.problems,
        },
        "seats": seats.collect::<Vec<_>>(),
        "seat_problems": report.seating.problems,
        "price_table": { "as_of": report.table_as_of },
        "servers_not_configured": servers.collect::<Vec<_>>(),
        "next": report.next(),
    })
}

fn provider_json(provider: &Provider) -> Value {
    let reach = match provider.reach {
        Reach::Listed => "listed",
        Reach::Unlisted => "unlisted",
        Reach::Refused => "refused",
        _ => "unreachable",
    };
    json!({
        "name": provider.name,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "key": provider.key,
        "reach": reach,
        "models": provider.models.as_ref().ok().map(Vec::len),
        "milliseconds": u64::try_from(provider.took.as_millis()).unwrap_or(u64::MAX),
        "problem": provider.models.as_ref().err(),
    })
}

fn embedded_json(embedded: &Embedded) -> Value {
    let files = embedded.files.iter().map(|file| {
        json!({ "name": file.name, "path": file.path, "state": file.presence.word(), "bytes": file.bytes })
    });
    json!({
        "in_build": BUILD == Build::With,
        "enabled": embedded.enabled,
        "offline": embedded.offline,
        "files": files.collect::<Vec<_>>(),
    })
}
