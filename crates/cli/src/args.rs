//! The arguments of every command. Their help texts are the command's documentation.

mod eval;
mod history;
mod trust;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use eval::{Eval, EvalAdaptive, EvalLive, EvalReplay, EvalTriage, EvalVotes};
pub(crate) use history::{
    GroupArg, HistoryAction, HistoryArgs, HistoryList, HistorySearch, MetricsArgs, Replay, Resume, Show,
    StatsArgs, Verify, Watch,
};
pub(crate) use trust::{Feedback, TrustAction, TrustArgs, TrustLearn, VerdictArg};

/// Several language models deliberate before one answer is given.
#[derive(Debug, Parser)]
#[command(name = "orchestrator", version, propagate_version = true, after_long_help = crate::exit::HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where settings come from.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Read this configuration file instead of the usual one.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration file.
    #[arg(long, global = true, conflicts_with = "config", help_heading = "Settings")]
    pub(crate) no_config: bool,
    /// Read variables from a file of NAME=VALUE lines; those of the environment win.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub(crate) env_file: Option<PathBuf>,
    /// Never fetch model files from the network.
    #[arg(long, global = true, help_heading = "Settings")]
    pub(crate) offline: bool,
    /// Run this GGUF file as the embedded model.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    pub(crate) model_file: Option<PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a question.
    ///
    /// When it is answered, runs whose process was killed within the last day are finished, at most four, and paid as their own budgets allow.
    /// `resume = "manual"` under [history], or --no-history, leaves them alone.
    #[command(after_long_help = crate::exit::HELP)]
    Ask(Ask),
    /// List, find, show, export or prune what is kept of runs.
    History(HistoryArgs),
    /// Show a run: its answer, and with --why how the decision fell.
    Show(Show),
    /// Go on with a run whose process ended in the middle; finished calls are not paid again.
    Resume(Resume),
    /// Follow a run of another process.
    Watch(Watch),
    /// Decide a finished run again from its recorded calls, by another rule, or with other models.
    Replay(Replay),
    /// Prove that the history is as it was written, or say what is not.
    ///
    /// Records, their order, their journals, the setups, and what lists say of them. The sums that `stats` shows stand beside the chain; nothing
    /// proves them. Nor does a chain prove who wrote it: note its head elsewhere, and give it with --expect later.
    Verify(Verify),
    /// Figures over many runs: success, latency, cost, whose proposals win, agreement, calibration.
    Stats(StatsArgs),
    /// Print totals of the history for Prometheus, for a textfile collector.
    Metrics(MetricsArgs),
    /// Write, show or check the configuration.
    Config(Config),
    /// Say what is configured, reachable and cached, and what to do next.
    Doctor(Doctor),
    /// Show which models and keys are left out, what is spent of the budgets, and which answers are kept.
    Status(StatusArgs),
    /// Show, learn or move what is known of how often models are right; votes for closed answers count by it.
    Trust(TrustArgs),
    /// Say whether a decision was right: its models are trusted accordingly from then on.
    Feedback(Feedback),
    /// Rehearse what would become of a council under your configuration if a server failed. No vendor is called.
    Chaos(Chaos),
    /// Say how much deliberation a question deserves, and why. No model is called.
    Triage(Triage),
    /// Measure how often the orchestrator decides rightly, on recorded answers. No vendor is called.
    #[command(subcommand)]
    Eval(Eval),
    /// List models; fetch and verify the embedded one.
    Models(Models),
    /// List, show or check the prompts.
    Prompts(Prompts),
    /// Print a published JSON Schema.
    Schema(Schema),
    /// Run a model server that speaks both wire formats, for trials and tests.
    Simulate(Simulate),
    /// Print a shell's completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command.
    Man {
        /// Write the pages into this directory.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// How much deliberation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Triage decides.
    Auto,
    /// One call.
    Express,
    /// All roles.
    Council,
}

/// How many proposers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DepthArg {
    /// Another one only while the answer is not sure enough.
    Adaptive,
    /// All of them at once.
    Full,
}

/// Parts of the record that are shown after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What was proposed, by whom.
    Proposals,
    /// Who judged what how.
    Ballots,
    /// The minority reports.
    Dissent,
}

/// The arguments of `ask`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Ask {
    /// The question; `-` reads it from stdin. With a question given, stdin and --file are its context.
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Vec<String>,
    /// Read a file: the question, or its context if a question is given.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How much deliberation; unset, the configuration says, else triage.
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeArg>,
    /// The prompt pack, such as software_architecture; unset, triage finds one.
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Seat a role: `proposer=openai:gpt-5.5,anthropic:claude-sonnet-5-5` is one seat and its fallbacks in order. Repeat it for more seats.
    #[arg(long, value_name = "ROLE=MODEL[,MODEL...]")]
    pub(crate) role: Vec<String>,
    /// The answer must be JSON under the JSON Schema in this file; one that is not is printed and ends with exit code 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// How long the whole run may take: `90`, `90s`, `2m`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<std::time::Duration>,
    /// How much the whole run may cost, in US dollars: `0.25`. Models of unknown price are then not called.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) budget: Option<String>,
    /// How many tokens the whole run may use, in and out.
    #[arg(long, value_name = "TOKENS")]
    pub(crate) budget_tokens: Option<u64>,
    /// Fail if the quorum is not reached, instead of printing the best proposal, labelled.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Run only these stages of a council, such as `propose,tally`: the vote on the proposals and nothing after it.
    #[arg(long, value_name = "STAGE[,STAGE...]")]
    pub(crate) stages: Option<async_orchestrator::Stages>,
    /// How many proposers are asked; unset, the configuration says, else adaptive. Adaptive needs a calibrated table of trust (`trust show`).
    #[arg(long, value_enum)]
    pub(crate) depth: Option<DepthArg>,
    /// What form the answer has: choice, number, boolean, literal (what a program prints) or text; unset, triage finds out.
    #[arg(long, value_name = "FORM", conflicts_with = "schema")]
    pub(crate) answer: Option<async_orchestrator::AnswerKind>,
    /// Draw every order from this seed.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Ask on: the question and the decision of an earlier run become context. Unset ID is the last run.
    #[arg(long = "continue", value_name = "ID", num_args = 0..=1, default_missing_value = "last", require_equals = true)]
    pub(crate) go_on: Option<String>,
    /// Keep nothing of this run: no journal, no history.
    #[arg(long, conflicts_with = "go_on")]
    pub(crate) no_history: bool,
    /// Show mode, seats, models and estimated tokens and cost; call nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the decision record as one JSON document.
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) json: bool,
    /// Print every event as a line of JSON; the last one is the result.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Show these parts of the record after the answer.
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with_all = ["json", "jsonl"])]
    pub(crate) show: Vec<Part>,
    /// Print the answer and nothing about how it came.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// The arguments of `config`.
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Look for keys and for model servers on this machine, and write a commented file.
    Init {
        /// Overwrite a file that is there.
        #[arg(long)]
        force: bool,
        /// Print it instead of writing it.
        #[arg(long)]
        stdout: bool,
    },
    /// Show every setting and where it comes from. Keys are never shown.
    Show {
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Check the whole configuration; call nothing.
    Check,
}

/// The arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Let every model and key in again that is left out; budgets and answers stay.
    #[arg(long)]
    pub(crate) forget: bool,
}

/// The arguments of `chaos`.
#[derive(Debug, Args)]
pub(crate) struct Chaos {
    /// The question to ask; unset, one that is worth a council.
    pub(crate) question: Option<String>,
    /// Let only this provider fail; unset, each in turn, and then all together.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Fail if the fault of a single server leaves no answer.
    #[arg(long)]
    pub(crate) strict: bool,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `models`.
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    pub(crate) action: ModelsAction,
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// The embedded model's file, the seats' models, and the price table.
    List {
        /// Every model of the price table.
        #[arg(long)]
        all: bool,
        /// Ask the configured servers for theirs, too.
        #[arg(long)]
        remote: bool,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Fetch the embedded model's file into the cache.
    Pull,
    /// Check the file in the cache byte by byte.
    Verify,
}

/// The arguments of `prompts`.
#[derive(Debug, Args)]
pub(crate) struct Prompts {
    #[command(subcommand)]
    pub(crate) action: PromptsAction,
}

/// What to do with prompts.
#[derive(Debug, Subcommand)]
pub(crate) enum PromptsAction {
    /// Every template with its version, source and hash.
    List {
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// The text of one template.
    Show {
        /// Its name, as `list` shows it.
        name: String,
    },
    /// Check the templates of a directory.
    Check {
        /// The directory; unset, the configured one.
        directory: Option<PathBuf>,
    },
}

/// The arguments of `triage`.
#[derive(Debug, Args)]
pub(crate) struct Triage {
    /// The question; `-` reads it from stdin. With a question given, stdin and --file are its context.
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Vec<String>,
    /// Read a file: the question, or its context if a question is given.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What is wished for: an explicit mode always wins, and the first reason says what triage alone would choose.
    #[arg(long, value_enum, default_value_t = ModeArg::Auto)]
    pub(crate) mode: ModeArg,
    /// Show what each metric adds to the complexity.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Its name.
    #[arg(default_value = "decision")]
    pub(crate) name: String,
    /// Put the schemas that it refers to into the same document.
    #[arg(long)]
    pub(crate) bundle: bool,
    /// List the names.
    #[arg(long)]
    pub(crate) list: bool,
}

/// The arguments of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The port on 127.0.0.1, whatever the file says; 0 takes a free one.
    #[arg(long, default_value_t = 4010)]
    pub(crate) port: u16,
    /// Personas, latencies, recorded answers and faults (TOML or JSON).
    #[arg(long, value_name = "FILE")]
    pub(crate) personas: Option<PathBuf>,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let (digits, factor) = match text.trim() {
        text if text.ends_with("ms") => (text.trim_end_matches("ms"), 0.001),
        text if text.ends_with('s') => (text.trim_end_matches('s'), 1.0),
        text if text.ends_with('m') => (text.trim_end_matches('m'), 60.0),
        text if text.ends_with('h') => (text.trim_end_matches('h'), 3_600.0),
        text => (text, 1.0),
    };
    let seconds: f64 = digits.trim().parse().map_err(|_| String::from("write 90, 90s, 2m or 500ms"))?;
    let limit = std::time::Duration::try_from_secs_f64(seconds * factor);
    limit.ok().filter(|limit| !limit.is_zero()).ok_or_else(|| String::from("a time above zero is expected"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        for (text, ms) in [("90", 90_000), ("1.5s", 1_500), ("2m", 120_000), ("250ms", 250)] {
            assert_eq!(duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for text in ["", "0", "-1", "soon", "1e400", "nan"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
