//! Stand-ins: what a template gets in the place of fenced material, and how the material takes their places afterwards.
//!
//! A stand-in is its placeholder's name between two control characters, which no template may contain. If one comes out of a
//! template cut or changed, that shows.

use std::collections::BTreeMap;

use memchr::memchr2;

const START: char = '\u{2}';
const END: char = '\u{3}';

/// A text whose stand-ins were filled.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// The placeholders that occur in it, and how often.
    pub(crate) shown: BTreeMap<&'static str, usize>,
}

/// How often one placeholder may be shown: once is usual, and a loop around a long text must not fill the memory.
pub(crate) const SHOWN_MAX: usize = 4;

/// Why a text cannot be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfillable {
    /// A placeholder was cut or changed; its name, where it can still be told.
    Changed(Option<&'static str>),
    /// A placeholder is shown more than [`SHOWN_MAX`] times.
    Repeated(&'static str),
}

/// The stand-in of a placeholder.
pub(crate) fn of(name: &str) -> String {
    format!("{START}{name}{END}")
}

/// Whether a template may not contain `c`: the two marks, and whatever else does not belong into a text.
pub(crate) fn is_foreign(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// Puts each block in the place of its stand-in, in one pass: what stands in a block is not looked at again.
///
/// # Errors
/// See [`Unfillable`].
pub(crate) fn fill(text: &str, blocks: &BTreeMap<&'static str, String>) -> Result<Filled, Unfillable> {
    let known = |is: &dyn Fn(&str) -> bool| blocks.keys().copied().find(|name| is(name));
    let mut filled = Filled { text: String::with_capacity(text.len()), shown: BTreeMap::new() };
    let mut rest = text;
    loop {
        let mark = memchr2(START as u8, END as u8, rest.as_bytes());
        let (plain, marked) = rest.split_at(mark.unwrap_or(rest.len()));
        if marked.starts_with(END) {
            let word = plain.rsplit(is_no_letter).next().unwrap_or_default();
            return Err(Unfillable::Changed(known(&|name| !word.is_empty() && name.ends_with(word))));
        }
        filled.text.push_str(plain);
        let Some(after) = marked.strip_prefix(START) else { return Ok(filled) };
        let stand_in =
            after.split_once(END).and_then(|(name, tail)| Some((blocks.get_key_value(name)?, tail)));
        let Some(((name, block), tail)) = stand_in else {
            let word = after.split(is_no_letter).next().unwrap_or_default();
            return Err(Unfillable::Changed(known(&|name| !word.is_empty() && name.starts_with(word))));
        };
        let times = filled.shown.entry(name).or_default();
        *times += 1;
        if *times > SHOWN_MAX {
            return Err(Unfillable::Repeated(name));
        }
        filled.text.reserve(block.len() + tail.len());
        filled.text.push_str(block);
        rest = tail;
    }
}

fn is_no_letter(c: char) -> bool {
    !c.is_alphanumeric() && c != '_'
}
