//! `doctor`: says what is configured, reachable and cached, and what to do next. It calls no model and changes nothing.

mod report;
mod show;

use std::sync::Arc;

use async_orchestrator::{
    AsyncOrchestrator, Catalogue, Credential, Discovered, NetworkSettings, Probe, ProviderSettings, Settings,
    TokioClock, discover, probe, transport,
};
use futures_util::future::join;

use super::{config, models, prompts, weights};
use crate::{
    args::{Doctor, Global},
    exit::{Exit, Failure},
    output, sanitize,
    settings::{environment, load},
};
use report::{Configuration, Prompts, Provider, Report, Seating};

pub(crate) async fn run(global: &Global, doctor: &Doctor) -> Result<(), Failure> {
    let report = examine(global).await?;
    if doctor.json {
        output::json(&show::json(&report))?;
    } else {
        show::lines(&report).iter().try_for_each(|line| output::line(line))?;
    }
    if report.can_answer() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "no question could be answered now; what to do stands under `next`"))
}

async fn examine(global: &Global) -> Result<Report, Failure> {
    let environment = environment(global)?;
    let usual = config::place(global, &environment);
    let mut report = Report {
        configuration: Configuration::default(),
        providers: Vec::new(),
        embedded: None,
        prompts: Prompts::default(),
        seating: Seating::default(),
        table_as_of: Catalogue::builtin().as_of().to_owned(),
        servers: Vec::new(),
    };
    report.configuration.usual = usual;
    let loaded = match load(global) {
        Ok(loaded) => loaded,
        // A configuration that cannot be read is a finding, not an end: the doctor is asked when things are broken.
        Err(failure) => {
            report.configuration.problems = lines_of(failure.message());
            report.servers = look(&environment).await.servers;
            return Ok(report);
        }
    };
    let settings = &loaded.settings;
    report.configuration.file.clone_from(&settings.file);
    report.configuration.warnings =
        settings.warnings().iter().map(|warning| line_of(&warning.to_string())).collect();
    report.embedded = Some(report::Embedded {
        enabled: settings.embedded.enabled == async_orchestrator::EmbeddedUse::Auto,
        offline: settings.embedded.offline,
        files: weights::files(settings, &loaded.environment),
    });
    report.prompts = examine_prompts(settings);
    report.seating = examine_seats(settings);
    let (probes, found) = join(probe(settings, Arc::new(TokioClock)), look(&loaded.environment)).await;
    match probes {
        Ok(probes) => {
            let providers = probes.into_iter().filter_map(|probe| provider(settings, probe));
            report.providers = providers.collect();
        }
        Err(error) => report.configuration.problems.extend(lines_of(&error.to_string())),
    }
    let configured =
        |url: &str| settings.providers.values().any(|provider| same_place(provider.base_url(), url));
    report.servers = found.servers.into_iter().filter(|server| !configured(&server.base_url)).collect();
    Ok(report)
}

/// What runs on this machine. Without a transport there is nothing to look with; the probes say why.
async fn look(environment: &async_orchestrator::Environment) -> Discovered {
    match transport(&NetworkSettings::default(), Arc::new(TokioClock)) {
        Ok(transport) => discover(environment, &transport, &TokioClock).await,
        Err(_) => Discovered::default(),
    }
}

fn examine_prompts(settings: &Settings) -> Prompts {
    let directory = settings.prompts.directory.clone();
    match prompts::library(directory.as_deref()) {
        Ok(library) => {
            let templates = library.templates();
            let own = prompts::own_names(&templates).into_iter().map(str::to_owned).collect();
            Prompts { directory, count: templates.len(), own, problems: Vec::new() }
        }
        Err(failure) => Prompts { directory, problems: lines_of(failure.message()), ..Prompts::default() },
    }
}

fn examine_seats(settings: &Settings) -> Seating {
    match AsyncOrchestrator::builder().settings(settings.clone()).build() {
        Ok(orchestrator) => Seating { seats: orchestrator.panel().planned(), problems: Vec::new() },
        Err(error) => Seating { seats: Vec::new(), problems: lines_of(&error.to_string()) },
    }
}

fn provider(settings: &Settings, probe: Probe) -> Option<Provider> {
    let configured = settings.providers.get(&probe.provider)?;
    let probe = models::harmless(probe);
    Some(Provider {
        kind: configured.kind.name(),
        key: key_of(configured),
        base_url: line_of(&probe.base_url),
        name: probe.provider,
        reach: probe.reach,
        models: probe.models,
        took: probe.took,
    })
}

/// Where the key comes from. The key itself is in no text.
fn key_of(provider: &ProviderSettings) -> String {
    match provider.credential() {
        Some(Credential::ApiKey(source)) => format!("key {source}"),
        Some(Credential::AuthToken(source)) => format!("token {source}"),
        None if provider.base_url() == provider.kind.official_base_url() => {
            String::from("no key, and it needs one")
        }
        None => String::from("no key"),
    }
}

/// Whether two addresses are one server, as far as loopback's names go.
fn same_place(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        url.trim_end_matches('/').replace("//localhost", "//127.0.0.1").replace("//[::1]", "//127.0.0.1")
    };
    plain(one) == plain(other)
}

fn line_of(text: &str) -> String {
    sanitize::one_line(text)
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(|line| line_of(line.trim())).filter(|line| !line.is_empty()).collect()
}
