//! The arguments of `eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// How often a vote over recorded answers is right, beside the best member alone.
    #[command(after_long_help = FORMATS)]
    Votes(EvalVotes),
    /// How many members have to be asked one after the other until the answer is sure enough.
    #[command(after_long_help = FORMATS)]
    Adaptive(EvalAdaptive),
    /// How well triage tells the questions that a stronger model would answer better.
    Triage(EvalTriage),
    /// Whether the whole orchestrator, asked over the wire, decides as the vote over recorded answers does. Recorded texts are served verbatim by a simulator.
    Replay(EvalReplay),
    /// How often configured models are right on a question file: each alone, the best one several times over at the council's cost, and the council.
    ///
    /// This calls models and costs money: --dry-run says how much.
    #[command(after_long_help = QUESTIONS)]
    Live(EvalLive),
}

/// The arguments of `eval votes`.
#[derive(Debug, Args)]
pub(crate) struct EvalVotes {
    /// Fit weights on the recorded answers in this directory; unset, ORCHESTRATOR_EVAL_DATA says.
    #[arg(long, value_name = "DIR")]
    pub(crate) fit: Option<PathBuf>,
    /// Score on this directory; unset, on the one that is fitted on. On the same one, each question is scored by weights that did not see its fold.
    #[arg(long, value_name = "DIR")]
    pub(crate) score: Option<PathBuf>,
    /// The number of folds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=100))]
    pub(crate) folds: u8,
    /// How often the questions are put into folds anew; figures are means over all. They move by a tenth of a point with how the folds fall.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) repeats: u8,
    /// A pool by name (3-named, best-5, best-7, all-31, middling-3, zeroeval-3, zeroeval-5, zeroeval-7), or members with commas between them. Repeat it for more;
    /// unset, all pools that are known for a set, else all its members.
    #[arg(long, value_name = "POOL")]
    pub(crate) pool: Vec<String>,
    /// The rule; repeat it for more. Unset, all of them.
    #[arg(long, value_name = "RULE", value_parser = ["plurality", "discounted_log_odds", "joint_weights"])]
    pub(crate) rule: Vec<String>,
    /// Also show how the learned rules fare with so many labelled questions, ten draws each: `30,100,300,1000`.
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    pub(crate) labels: Vec<usize>,
    /// Show every task and category, and not only those that fall below their best member.
    #[arg(long)]
    pub(crate) groups: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `eval adaptive`.
#[derive(Debug, Args)]
pub(crate) struct EvalAdaptive {
    /// The directory with the recorded answers; unset, ORCHESTRATOR_EVAL_DATA says.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The number of folds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=100))]
    pub(crate) folds: u8,
    /// A pool and how many calls a question it may take on average: `best-5=2.0`. Repeat it for more.
    #[arg(long, value_name = "POOL=CALLS", default_values = ["best-5=2.0", "zeroeval-5=1.6"], value_parser = budget)]
    pub(crate) budget: Vec<(String, f64)>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

fn budget(text: &str) -> Result<(String, f64), String> {
    let expected = || String::from("write a pool and a number of calls, such as best-5=2.0");
    let (pool, calls) = text.rsplit_once('=').ok_or_else(expected)?;
    let calls: f64 = calls.parse().map_err(|_| expected())?;
    if pool.is_empty() || !(1.0..=1_000.0).contains(&calls) {
        return Err(expected());
    }
    Ok((pool.to_owned(), calls))
}

const FORMATS: &str =
    "Recorded answers are files called NAME_votes.csv or NAME_votes.jsonl, also with .gz behind it:
  CSV         question_id,category,answer,MODEL,MODEL,...   an empty field is no answer
  JSON lines  {\"qid\": \"..\", \"task\": \"..\", \"answer\": \"..\", \"votes\": {\"MODEL\": \"..\" or null}}
Answers are compared to the letter. What cannot be read is dropped, counted and shown.";

/// The arguments of `eval triage`.
#[derive(Debug, Args)]
pub(crate) struct EvalTriage {
    /// The directory with routellm_{mmlu,gsm8k,mtbench}.csv and the mmlu_pro files; unset, ORCHESTRATOR_EVAL_DATA says.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Fit on all of --data and score on this directory with the same files, without folds.
    #[arg(long, value_name = "DIR")]
    pub(crate) score: Option<PathBuf>,
    /// The number of folds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=100))]
    pub(crate) folds: u8,
    /// Train the product's weights on --data instead, and write them to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["score", "folds"])]
    pub(crate) train: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `eval replay`.
#[derive(Debug, Args)]
pub(crate) struct EvalReplay {
    /// The directory with NAME_questions.jsonl, NAME_answers.jsonl and NAME_votes.jsonl; unset, ORCHESTRATOR_EVAL_DATA says.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The name of these files.
    #[arg(long, value_name = "NAME", default_value = "zeroeval")]
    pub(crate) set: String,
    /// Whose texts are replayed; those of Claude over the messages format, all others over chat completions.
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',', default_values = ["gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022", "gemini-1.5-pro"])]
    pub(crate) members: Vec<String>,
    /// How many questions, drawn by their names.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) questions: usize,
    /// The rule; joint weights are learned from the questions that are not replayed.
    #[arg(long, value_name = "RULE", default_value = "joint_weights", value_parser = ["plurality", "joint_weights"])]
    pub(crate) rule: String,
    /// How many councils run at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) at_once: u8,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `eval live`.
#[derive(Debug, Args)]
pub(crate) struct EvalLive {
    /// The question file.
    #[arg(value_name = "QUESTIONS.jsonl")]
    pub(crate) questions: PathBuf,
    /// At most so many questions, from the first on.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// How many questions are asked at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) at_once: u8,
    /// Say how many calls it takes and what they may cost; call nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const QUESTIONS: &str = "The question file holds a JSON object a line:
  {\"question\": \"..\", \"answer\": \"..\"}
and if you like \"options\": [\"..\", ..] (lettered from A on; the answer is then a letter) and
\"answer_kind\" (choice, number, boolean, literal or text). Lines that cannot be read are dropped, counted and shown.";
