//! The `orchestrator` command as a library with one door, so that the tests can build the command like any other crate.
//!
//! Reads arguments, runs one command, gives its exit code. What each command does stands in its own file.

mod args;
mod ask;
mod commands;
mod exit;
mod input;
mod kept;
mod output;
mod sanitize;
mod settings;
mod state;
mod telemetry;
mod view;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};

/// Runs the command that the process's arguments name, and gives the process's exit code.
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    // Two crypto providers in one tree would make rustls panic at its first use; this names the one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(Exit::Failed, format!("cannot start: {error}")).report(),
    };
    let code = runtime.block_on(run(cli));
    // A blocking read of a terminal that nobody ends must not keep the process.
    runtime.shutdown_background();
    code
}

async fn run(cli: Cli) -> std::process::ExitCode {
    // What is set up when a shell starts or a package is made must not fail for a variable that it does not use.
    let logs = !matches!(cli.command, Command::Completions { .. } | Command::Man { .. });
    let logging = || settings::environment(&cli.global).and_then(|environment| telemetry::log(&environment));
    if logs && let Err(failure) = logging() {
        return failure.report();
    }
    let outcome = match cli.command {
        Command::Ask(ask) => ask::run(&cli.global, ask).await,
        Command::History(history) => commands::history::run(&cli.global, history).await,
        Command::Show(show) => commands::show::run(&cli.global, &show).await,
        Command::Resume(resume) => commands::resume::run(&cli.global, &resume).await,
        Command::Watch(watch) => commands::watch::run(&cli.global, &watch).await,
        Command::Replay(replay) => commands::replay::run(&cli.global, &replay).await,
        Command::Verify(verify) => commands::verify::run(&cli.global, &verify).await,
        Command::Metrics(metrics) => commands::metrics::run(&cli.global, &metrics).await,
        Command::Stats(stats) => commands::stats::run(&cli.global, &stats).await,
        Command::Config(config) => commands::config::run(&cli.global, config).await,
        Command::Doctor(doctor) => commands::doctor::run(&cli.global, &doctor).await,
        Command::Status(status) => commands::status::run(&cli.global, &status).await,
        Command::Trust(trust) => commands::trust::run(&cli.global, trust.action).await,
        Command::Feedback(feedback) => commands::feedback::run(&cli.global, &feedback).await,
        Command::Chaos(chaos) => commands::chaos::run(&cli.global, &chaos).await,
        Command::Triage(triage) => commands::triage::run(&triage),
        Command::Eval(eval) => commands::eval::run(&cli.global, eval).await,
        Command::Models(models) => commands::models::run(&cli.global, models).await,
        Command::Prompts(prompts) => commands::prompts::run(&cli.global, prompts),
        Command::Schema(schema) => commands::schema::run(&schema),
        Command::Simulate(simulate) => commands::simulate::run(simulate).await,
        Command::Completions { shell } => commands::shell::completions(shell),
        Command::Man { directory } => commands::shell::man(directory.as_deref()),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
