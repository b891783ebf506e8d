//! The arguments of the commands that read what was kept of runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::duration;

/// The arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(subcommand)]
    pub(crate) action: HistoryAction,
}

/// What to do with the history.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryAction {
    /// List runs, newest first.
    List(HistoryList),
    /// Show one run; the same as `orchestrator show`.
    Show(Show),
    /// Find runs by the words of their question or answer.
    Search(HistorySearch),
    /// Write the chain of records into a file that others can check with `verify --file`.
    Export {
        /// The file; `-` is stdout.
        file: PathBuf,
        /// From this time on: a date (2026-11-25) or an age (7d, 12h, 30m).
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// Let the contents of old runs go. Lines, hashes and figures of runs that were answered stay, and the chain says what went; runs that
    /// failed or never ended go altogether. Parts of texts may stand in the file until it is packed.
    Prune {
        /// Older than this: 90d, 12h, or before a date (2026-11-25).
        #[arg(long, value_name = "AGE")]
        older_than: String,
        /// Make the file smaller, and free of every word of what went, at once: all of it is rewritten.
        #[arg(long)]
        pack: bool,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// What `history list --status` takes: the statuses of records, and the states of runs.
const STATUSES: [&str; 8] =
    ["full", "partial", "degraded", "express_fallback", "open", "left", "failed", "done"];

/// The arguments of `history list`.
#[derive(Debug, Args)]
pub(crate) struct HistoryList {
    /// At most so many; 0 shows all.
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) limit: u32,
    /// From this time on: a date (2026-11-25) or an age (7d, 12h, 30m).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of this field, such as mathematics.
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// With this status or in this state. A run that is open is listed as running, or as interrupted where its process was killed.
    #[arg(long, value_name = "WORD", value_parser = STATUSES)]
    pub(crate) status: Option<String>,
    /// Of this mode.
    #[arg(long, value_name = "MODE", value_parser = ["express", "council"])]
    pub(crate) mode: Option<String>,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `history search`.
#[derive(Debug, Args)]
pub(crate) struct HistorySearch {
    /// The words; all of them must occur. `word*` finds beginnings, words in quotation marks stand together.
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) limit: u32,
    /// The newest first, instead of what fits best.
    #[arg(long)]
    pub(crate) newest: bool,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run: its id, the beginning of it, or `last`.
    #[arg(default_value = "last", value_name = "ID")]
    pub(crate) run: String,
    /// Tell in plain words how the decision fell: who proposed, who objected, how the vote went, what failed, what it cost, how sure it is.
    #[arg(long, conflicts_with = "json")]
    pub(crate) why: bool,
    /// Show these parts of the record after the answer.
    #[arg(id = "show", long = "show", value_enum, value_delimiter = ',', conflicts_with = "json")]
    pub(crate) parts: Vec<super::Part>,
    /// The decision record as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `resume`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Resume {
    /// The run: its id or the beginning of it; unset, the newest interrupted one.
    #[arg(value_name = "ID", conflicts_with = "all")]
    pub(crate) run: Option<String>,
    /// Every interrupted run, one after the other; those whose caller went away are left.
    #[arg(long)]
    pub(crate) all: bool,
    /// List what has not ended, and do nothing.
    #[arg(long, conflicts_with_all = ["run", "all"])]
    pub(crate) list: bool,
    /// Print the decision record as one JSON document a run.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the answer and nothing about how it came.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// The arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Look at records from this time on: a date (2026-11-25) or an age (7d, 12h, 30m).
    #[arg(long, value_name = "TIME", conflicts_with = "file")]
    pub(crate) since: Option<String>,
    /// Check an exported history instead of the own one; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// This head, which was printed before, must be among the links.
    #[arg(long, value_name = "HASH")]
    pub(crate) expect: Option<String>,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The run: its id, the beginning of it, or `last`.
    #[arg(default_value = "last", value_name = "ID", conflicts_with = "all")]
    pub(crate) run: String,
    /// Every run whose content is kept.
    #[arg(long, conflicts_with_all = ["role", "rule"])]
    pub(crate) all: bool,
    /// Seat other models: `critic=openai:gpt-5.5`. Calls that this changes are made anew, and paid; the result is a new run.
    #[arg(long, value_name = "ROLE=MODEL[,MODEL...]")]
    pub(crate) role: Vec<String>,
    /// Decide by another rule: plurality, approval, borda, schulze, condorcet or `clipped_z_mean`. Without --role nobody is asked.
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// Print the decision record as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The run: its id or the beginning of it; unset, the newest one that has not ended.
    #[arg(value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Print every entry of its journal as a line of JSON.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Give up after this time without a new entry; unset, never.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) idle: Option<std::time::Duration>,
}

/// The arguments of `metrics`.
#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Write them into this file instead of stdout; a collector never sees half of it.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How figures are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupArg {
    /// By model.
    Model,
    /// By role.
    Role,
    /// By model and role.
    Seat,
    /// By field.
    Domain,
    /// By day.
    Day,
}

/// The arguments of `stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// From this day on: a date (2026-11-25) or an age (30d); days are of UTC.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// To this day, with it.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Of this field, such as mathematics.
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Show these tables alone; unset, all of them.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) by: Vec<GroupArg>,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page with plots and all tables, which opens in a browser without a network; `-` is stdout.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "by"])]
    pub(crate) html: Option<PathBuf>,
}
