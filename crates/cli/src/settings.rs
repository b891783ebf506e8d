//! From flags to settings: the file, the environment, and what the flags say on top.

use async_orchestrator::{ConfigFile, Environment, Explicit, Layers, Role, Settings};

use crate::{
    args::{Ask, DepthArg, Global, ModeArg},
    exit::{Exit, Failure},
};

/// The settings and the environment that they were read from.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
}

/// The settings of any command.
pub(crate) fn load(global: &Global) -> Result<Loaded, Failure> {
    load_with(global, Explicit::new())
}

/// The settings of `ask`.
pub(crate) fn load_for(global: &Global, ask: &Ask) -> Result<Loaded, Failure> {
    let mut explicit = Explicit::new();
    if let Some(mode) = ask.mode {
        let word = match mode {
            ModeArg::Auto => "auto",
            ModeArg::Express => "express",
            ModeArg::Council => "council",
        };
        explicit = explicit.set("council.mode", word, "--mode");
    }
    if let Some(domain) = &ask.domain {
        explicit = explicit.set("prompts.domain", domain.clone(), "--domain");
    }
    if let Some(limit) = ask.timeout {
        explicit = explicit.set("council.time_limit_seconds", limit.as_secs_f64().to_string(), "--timeout");
    }
    if let Some(budget) = &ask.budget {
        explicit = explicit.set("council.budget_usd", budget.trim_start_matches('$'), "--budget");
    }
    if let Some(tokens) = ask.budget_tokens {
        explicit = explicit.set("council.budget_tokens", tokens.to_string(), "--budget-tokens");
    }
    if ask.strict {
        explicit = explicit.set("council.strict", "true", "--strict");
    }
    if let Some(depth) = ask.depth {
        let word = if depth == DepthArg::Full { "full" } else { "adaptive" };
        explicit = explicit.set("council.depth", word, "--depth");
    }
    if let Some(stages) = &ask.stages {
        explicit = explicit.set("council.stages", stages.to_string(), "--stages");
    }
    if let Some(seed) = ask.seed {
        explicit = explicit.set("council.seed", seed.to_string(), "--seed");
    }
    for (role, seats) in seats(&ask.role)? {
        explicit = explicit.seats(role, seats, "--role");
    }
    load_with(global, explicit)
}

fn load_with(global: &Global, mut explicit: Explicit) -> Result<Loaded, Failure> {
    if global.offline {
        explicit = explicit.set("embedded.offline", "true", "--offline");
    }
    if let Some(path) = &global.model_file {
        explicit = explicit.set("embedded.path", path.to_string_lossy(), "--model-file");
    }
    let environment = environment(global)?;
    let file = match (&global.config, global.no_config) {
        (Some(path), _) => ConfigFile::At(path.clone()),
        (None, true) => ConfigFile::None,
        (None, false) => ConfigFile::Usual,
    };
    let settings = Layers::new(environment.clone()).file(file).explicit(explicit).load()?;
    Ok(Loaded { settings, environment })
}

/// The variables of this process, with those of `--env-file` below them.
pub(crate) fn environment(global: &Global) -> Result<Environment, Failure> {
    let environment = Environment::from_process();
    match &global.env_file {
        Some(path) => Ok(environment.with_env_file(path)?),
        None => Ok(environment),
    }
}

/// A role and one list of models for each of its seats.
pub(crate) type Seats = (Role, Vec<Vec<String>>);

/// `proposer=a:b,c:d` is one seat with its fallbacks; the same role again is one seat more.
pub(crate) fn seats(flags: &[String]) -> Result<Vec<Seats>, Failure> {
    let wrong = |why: String| Failure::new(Exit::Usage, format!("--role: {why}"));
    let mut seats: Vec<Seats> = Vec::new();
    for flag in flags {
        let (role, models) = flag.split_once('=').ok_or_else(|| {
            wrong(format!("`{flag}`: write ROLE=PROVIDER:MODEL, for example critic=openai:gpt-5.5"))
        })?;
        let role: Role =
            role.parse().map_err(|error: async_orchestrator::UnknownRole| wrong(error.to_string()))?;
        let models: Vec<String> = models.split(',').map(|model| model.trim().to_owned()).collect();
        for model in &models {
            let parsed: Result<async_orchestrator::ModelRef, _> = model.parse();
            parsed.map_err(|error| wrong(error.to_string()))?;
        }
        match seats.iter_mut().find(|(known, _)| *known == role) {
            Some((_, lists)) => lists.push(models),
            None => seats.push((role, vec![models])),
        }
    }
    Ok(seats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flag_is_one_seat() {
        let flags = ["critic=a:m:1,b:n", "proposer=a:x", "critic=c:z"].map(str::to_owned);
        let seats = seats(&flags).unwrap();
        let lists = |texts: &[&[&str]]| -> Vec<Vec<String>> {
            texts.iter().map(|list| list.iter().map(|model| (*model).to_owned()).collect()).collect()
        };
        assert_eq!(
            seats,
            [(Role::Critic, lists(&[&["a:m:1", "b:n"], &["c:z"]])), (Role::Proposer, lists(&[&["a:x"]]))]
        );
        for wrong in ["critic", "boss=a:b", "critic=", "critic=a", "critic=a:b,"] {
            assert!(super::seats(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
