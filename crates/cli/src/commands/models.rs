//! `models`: which models there are and what they cost; fetches and verifies the file of the embedded one.

use std::{collections::BTreeMap, sync::Arc};

use async_orchestrator::{
    AsyncOrchestrator, Capabilities, Catalogue, CatalogueKind, MicroUsd, ModelRef, Price, Probe, Role,
    SeatId, TokioClock, probe,
};
use serde_json::{Value, json};

use super::{
    columns::columns,
    stop::Stop,
    weights::{self, BUILD, Build, ModelFile, megabytes},
    words::count,
};
use crate::{
    args::{Global, Models, ModelsAction},
    exit::{Exit, Failure},
    output, sanitize,
    settings::{Loaded, load},
};

pub(crate) async fn run(global: &Global, models: Models) -> Result<(), Failure> {
    let loaded = load(global)?;
    match models.action {
        ModelsAction::List { all, remote, json } => {
            let listing =
                Listing::make(&loaded, if remote { Servers::Asked } else { Servers::LeftAlone }).await?;
            let rows = if all { Rows::Every } else { Rows::Used };
            if json {
                output::json(&listing.json(rows))?;
            } else {
                listing.lines(rows).iter().try_for_each(|line| output::line(line))?;
            }
            listing.outcome()
        }
        ModelsAction::Pull => pull(&loaded).await,
        ModelsAction::Verify => {
            let path = weights::verify(&loaded.settings, &loaded.environment).await?;
            output::line(&format!("ok: {}", path.display()))
        }
    }
}

/// Ctrl-C drops the fetch; what came stays beside the file's place, and the next fetch goes on from there.
async fn pull(loaded: &Loaded) -> Result<(), Failure> {
    let no_signals = |error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}"));
    let mut stop = Stop::new().map_err(no_signals)?;
    let path = tokio::select! {
        biased;
        () = stop.asked() => return Err(Failure::interrupted()),
        pulled = weights::pull(&loaded.settings, &loaded.environment) => pulled?,
    };
    if let Some(own) = &loaded.settings.embedded.path {
        output::note(&format!("`embedded.path` is set: questions use {} and not this file", own.display()));
    }
    output::line(&path.display().to_string())
}

/// Whether servers are asked for their lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Servers {
    Asked,
    LeftAlone,
}

/// How much of the price table is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Used,
    Every,
}

/// What is listed.
struct Listing {
    files: Vec<ModelFile>,
    /// The models of the seats with the seats that may ask them, or why there are no seats.
    seats: Result<Vec<(Capabilities, Vec<SeatId>)>, String>,
    table: Catalogue,
    /// What the user knows better than the table.
    own: BTreeMap<ModelRef, Price>,
    probes: Option<Vec<Probe>>,
}

impl Listing {
    async fn make(loaded: &Loaded, servers: Servers) -> Result<Self, Failure> {
        let settings = &loaded.settings;
        let built = AsyncOrchestrator::builder().settings(settings.clone()).build();
        let seats = built.map(|orchestrator| models_of(&orchestrator)).map_err(|error| error.to_string());
        let probes = match servers {
            Servers::Asked => {
                Some(probe(settings, Arc::new(TokioClock)).await?.into_iter().map(harmless).collect())
            }
            Servers::LeftAlone => None,
        };
        let own = settings.models.iter().filter_map(|(model, own)| Some((model.clone(), own.price()?)));
        Ok(Self {
            files: weights::files(settings, &loaded.environment),
            seats,
            table: Catalogue::builtin(),
            own: own.collect(),
            probes,
        })
    }

    /// A server that was asked for and did not answer is a failure, after everything else was printed.
    fn outcome(&self) -> Result<(), Failure> {
        let probes = self.probes.iter().flatten();
        let silent: Vec<&str> =
            probes.filter(|probe| probe.models.is_err()).map(|probe| probe.provider.as_str()).collect();
        match silent.as_slice() {
            [] => Ok(()),
            names => Err(Failure::new(Exit::Failed, format!("no list of models from {}", names.join(", ")))),
        }
    }

    fn lines(&self, rows: Rows) -> Vec<String> {
        let mut lines = self.file_lines();
        lines.push(String::from("models of the seats"));
        match &self.seats {
            Ok(models) => lines.extend(seat_lines(models)),
            Err(problems) => lines.extend(problems.lines().map(|problem| format!("  {problem}"))),
        }
        for probe in self.probes.iter().flatten() {
            lines.push(format!("models of {} at {}", probe.provider, probe.base_url));
            match &probe.models {
                Ok(models) if models.is_empty() => lines.push(String::from("  none")),
                Ok(models) => lines.extend(models.iter().map(|model| format!("  {model}"))),
                Err(problem) => lines.push(format!("  {problem}")),
            }
        }
        let table = self.table.rows();
        let hint = if rows == Rows::Every { "" } else { "; --all lists them" };
        let models = count(table.len(), "model");
        lines.push(format!(
            "price table of {} ({models}, dollars a million tokens{hint})",
            self.table.as_of()
        ));
        if rows == Rows::Every {
            let mut cells = vec![["model", "window", "input", "cached", "output", "of"].map(str::to_owned)];
            cells.extend(table.iter().map(|(kind, name, facts)| {
                price_cells(
                    format!("{}:{name}", kind_name(*kind)),
                    facts.context_window,
                    facts.price.as_ref(),
                )
            }));
            cells.extend(
                self.own
                    .iter()
                    .map(|(model, price)| price_cells(format!("{model} (yours)"), None, Some(price))),
            );
            lines.extend(columns(&cells));
        }
        lines
    }

    fn file_lines(&self) -> Vec<String> {
        let mut lines = vec![String::from("embedded model")];
        if BUILD == Build::Without {
            lines.push(String::from("  this build has none"));
        }
        let cells = self.files.iter().map(|file| {
            let size = file.bytes.map_or_else(String::new, megabytes);
            [
                file.label().to_owned(),
                file.state(),
                size,
                file.licence.unwrap_or_default().to_owned(),
                file.path.display().to_string(),
            ]
        });
        lines.extend(columns(&cells.collect::<Vec<_>>()));
        lines
    }

    fn json(&self, rows: Rows) -> Value {
        let files = self.files.iter().map(|file| {
            json!({
                "name": file.name,
                "path": file.path,
                "state": file.presence.word(),
                "bytes": file.bytes,
                "sha256": file.sha256,
                "licence": file.licence,
            })
        });
        let seats = self.seats.as_ref().map(|models| {
            let model = |(facts, seats): &(Capabilities, Vec<SeatId>)| {
                json!({
                    "model": facts.target.to_string(),
                    "seats": seats.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "context_window": facts.context_window,
                    "output_tokens_max": facts.output_tokens_max,
                    "price_micro_usd_per_million_tokens": facts.price,
                })
            };
            models.iter().map(model).collect::<Vec<_>>()
        });
        let (seats, problems) = match seats {
            Ok(seats) => (seats, Vec::new()),
            Err(problems) => (Vec::new(), problems.lines().collect()),
        };
        let mut document = json!({
            "embedded": files.collect::<Vec<_>>(),
            "seats": seats,
            "problems": problems,
            "price_table": { "as_of": self.table.as_of() },
        });
        if rows == Rows::Every {
            let table = self.table.rows().into_iter().map(|(kind, name, facts)| {
                json!({
                    "model": format!("{}:{name}", kind_name(kind)),
                    "context_window": facts.context_window,
                    "output_tokens_max": facts.output_tokens_max,
                    "price_micro_usd_per_million_tokens": facts.price,
                    "retires": facts.retires,
                })
            });
            document["price_table"]["models"] = table.collect();
            let own = self.own.iter();
            let own = own.map(|(model, price)| json!({ "model": model.to_string(), "price_micro_usd_per_million_tokens": price }));
            document["price_table"]["yours"] = own.collect();
        }
        if let Some(probes) = &self.probes {
            document["servers"] = probes.iter().map(probe_json).collect();
        }
        document
    }
}

fn models_of(orchestrator: &AsyncOrchestrator) -> Vec<(Capabilities, Vec<SeatId>)> {
    let mut models: Vec<(Capabilities, Vec<SeatId>)> = Vec::new();
    for seat in orchestrator.panel().seats() {
        for facts in &seat.models {
            match models.iter_mut().find(|(known, _)| known.target == facts.target) {
                Some((_, seats)) => seats.push(seat.id),
                None => models.push((facts.clone(), vec![seat.id])),
            }
        }
    }
    models
}

fn seat_lines(models: &[(Capabilities, Vec<SeatId>)]) -> Vec<String> {
    let mut cells = vec![["model", "window", "input", "cached", "output", "of", "roles"].map(str::to_owned)];
    cells.extend(models.iter().map(|(facts, seats)| {
        let [model, window, input, cached, output, of] =
            price_cells(facts.target.to_string(), facts.context_window, facts.price.as_ref());
        [model, window, input, cached, output, of, roles_of(seats)]
    }));
    columns(&cells)
}

/// The roles that may ask a model; its seats stand in the JSON.
fn roles_of(seats: &[SeatId]) -> String {
    let mut roles: Vec<&str> = seats.iter().map(|seat| seat.role.name()).collect();
    roles.dedup();
    if roles.len() == Role::ALL.len() { String::from("all") } else { roles.join(", ") }
}

fn price_cells(model: String, window: Option<u32>, price: Option<&Price>) -> [String; 6] {
    let dollars = |micro: u64| MicroUsd(micro).to_string();
    let unknown = || String::from("?");
    [
        model,
        window.map_or_else(unknown, |tokens| tokens.to_string()),
        price.map_or_else(unknown, |price| dollars(price.input)),
        price.and_then(|price| price.cached_input).map_or_else(|| String::from("-"), dollars),
        price.map_or_else(unknown, |price| dollars(price.output)),
        price.map_or_else(unknown, |price| price.as_of.clone()),
    ]
}

const fn kind_name(kind: CatalogueKind) -> &'static str {
    match kind {
        CatalogueKind::OpenAi => "openai",
        CatalogueKind::Anthropic => "anthropic",
    }
}

/// Names and messages of a server, each as one harmless line.
pub(super) fn harmless(mut probe: Probe) -> Probe {
    probe.models = match probe.models {
        Ok(models) => Ok(models.iter().map(|model| sanitize::one_line(model)).collect()),
        Err(problem) => Err(sanitize::one_line(&problem)),
    };
    probe
}

fn probe_json(probe: &Probe) -> Value {
    json!({
        "provider": probe.provider,
        "base_url": probe.base_url,
        "models": probe.models.as_ref().ok(),
        "problem": probe.models.as_ref().err(),
    })
}
