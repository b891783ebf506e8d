//! Writes to stdout: the answer and nothing else, and quietly ends when the reader is gone.

use std::io::{self, IsTerminal, Write};

use crate::{
    exit::{Exit, Failure},
    sanitize,
};

/// Prints `text` with a line end: as it is for a pipe, on a terminal without what a terminal would obey.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    if io::stdout().is_terminal() { raw(&sanitize::for_terminal(text)) } else { raw(text) }
}

fn raw(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// Prints one JSON document.
pub(crate) fn json(document: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::new(Exit::Failed, format!("this is no JSON: {error}")))?;
    line(&text)
}

/// Prints a text that a model wrote: as it is for a pipe; on a terminal without what a terminal would obey, and set as Markdown.
pub(crate) fn answer(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() {
        return line(text);
    }
    let harmless = sanitize::for_terminal(text);
    let plain = anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never;
    let skin = if plain { termimad::MadSkin::no_style() } else { termimad::MadSkin::default_dark() };
    let (width, _) = termimad::terminal_size();
    let width = usize::from(width).clamp(20, 110);
    raw(skin.text(&harmless, Some(width)).to_string().trim_end())
}

/// Prints `text` to stderr with a line end, without what a terminal would obey: others' words may be in it, and a log is read on a
/// terminal one day. A closed stderr is nobody's affair.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", sanitize::for_terminal(text));
}
