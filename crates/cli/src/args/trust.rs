//! The arguments of `trust` and `feedback`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The arguments of `trust`.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    #[command(subcommand)]
    pub(crate) action: TrustAction,
}

/// What to do with the table of trust.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustAction {
    /// Who is known, how often each was right, and what its vote weighs.
    Show {
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Learn a new table from recorded answers whose truth is known.
    ///
    /// CSV: a header `question_id,category,answer,MODEL,MODEL,...`, then a line a question; an empty field is no answer. JSON lines: `{"qid": "..",
    /// "task": "..", "answer": "..", "votes": {"MODEL": ".." or null}}`. Answers are compared to the letter. The table that was there is replaced.
    Learn(TrustLearn),
    /// Put the table in this file in place of the present one, and remember where it was learned.
    Import {
        /// A table that `trust export` wrote.
        file: PathBuf,
        /// Give up the table that is there, even if it holds what was told by `feedback` or is damaged.
        #[arg(long)]
        replace: bool,
    },
    /// Write the table into a file, with where it was learned: this installation, and where its history stands.
    Export {
        /// The file; `-` is stdout.
        file: PathBuf,
    },
    /// Forget one model, or the whole table.
    Forget {
        /// The model, as `trust show` names it; unset, everything is forgotten.
        member: Option<String>,
    },
}

/// The arguments of `trust learn`.
#[derive(Debug, Args)]
pub(crate) struct TrustLearn {
    /// Files called NAME_votes.csv or NAME_votes.jsonl, also with .gz behind it, or directories of them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Learn of these models alone, as the files name them.
    #[arg(long, value_name = "NAME[,NAME...]", value_delimiter = ',')]
    pub(crate) members: Vec<String>,
    /// What a model of the files is called here: `gpt-4o-2024-08-06=openai:gpt-4o`. Votes are only weighed under `provider:model`.
    #[arg(long, value_name = "NAME=PROVIDER:MODEL", value_delimiter = ',')]
    pub(crate) map: Vec<String>,
    /// Give up the table that is there, even if it holds what was told by `feedback` or is damaged.
    #[arg(long)]
    pub(crate) replace: bool,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether a decision was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictArg {
    /// It was right: who proposed its answer was right, and who proposed another one was wrong.
    Right,
    /// It was wrong: who proposed its answer was wrong.
    Wrong,
    /// What the executable checks in the record say: wrong if one failed, right if one of the caller's own passed.
    Checked,
}

/// The arguments of `feedback`.
#[derive(Debug, Args)]
pub(crate) struct Feedback {
    /// Whether the decision was right.
    #[arg(value_enum)]
    pub(crate) verdict: VerdictArg,
    /// The decision record, as `ask --json` prints it; `-` reads it from stdin; or a run of the history: its id, the beginning of it, or `last`.
    #[arg(value_name = "RECORD.json|ID")]
    pub(crate) record: PathBuf,
    /// The right answer: with it every proposer is judged.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) answer: Option<String>,
    /// Count it even if this run was counted before.
    #[arg(long)]
    pub(crate) again: bool,
    /// As one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}
