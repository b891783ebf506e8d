//! What of a vendor's words may be shown: nothing that repeats the prompt or a key.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::vendor_error::VendorError;

#[cfg(test)]
mod tests;

/// As many letters and digits in a row, equal to those of the prompt, are a quotation.
const QUOTATION: usize = 12;
/// A shorter piece of a key is already too much.
const KEY_PIECE: usize = 6;
/// A key of fewer letters and digits is a placeholder for a server that asks for none.
const KEY_MIN: usize = 4;
/// The most characters of a shown message.
const SHOWN_MAX: usize = 200;
/// The most characters of a shown name or id.
const NAME_MAX: usize = 80;

/// The keys of one provider, in the form in which they are looked for. Made once, shared by all calls.
pub(crate) struct Secrets(Vec<Secret>);

struct Secret {
    /// Its letters and digits, in lower case.
    condensed: SecretString,
    /// So many of them in a row are too much.
    piece: usize,
    /// Which pairs of neighbours occur in it: what holds no run of them holds no piece, and is not looked at more closely.
    pairs: Pairs,
}

/// A set of pairs of characters, by five bits of each: a pair that is not in it never occurs.
struct Pairs([u32; 32]);

impl Secrets {
    pub(crate) fn new(secrets: &[SecretString]) -> Arc<Self> {
        let secret = |secret: &SecretString| {
            let letters = condensed(secret.expose_secret());
            let pairs = Pairs::of(&letters);
            let piece = KEY_PIECE.min(letters.len());
            let known = letters.len() >= KEY_MIN;
            known.then(|| Secret { condensed: letters.into_iter().collect::<String>().into(), piece, pairs })
        };
        Arc::new(Self(secrets.iter().filter_map(secret).collect()))
    }

    fn have_a_piece_in(&self, said: &[char]) -> bool {
        self.0.iter().any(|secret| {
            secret.pairs.may_have_run(said, secret.piece)
                && shares_run(said, &condensed(secret.condensed.expose_secret()), secret.piece)
        })
    }
}

impl Pairs {
    fn of(letters: &[char]) -> Self {
        let mut rows = [0; 32];
        for pair in letters.windows(2) {
            rows[Self::place(pair[0])] |= 1 << Self::place(pair[1]);
        }
        Self(rows)
    }

    fn place(letter: char) -> usize {
        letter as usize & 31
    }

    fn may_have_run(&self, said: &[char], length: usize) -> bool {
        let mut run = 1;
        said.windows(2).any(|pair| {
            let known = self.0[Self::place(pair[0])] >> Self::place(pair[1]) & 1 == 1;
            run = if known { run + 1 } else { 1 };
            run >= length
        })
    }
}

/// Knows what was sent, to keep it out of errors. Holds the request's body by reference and reads it only when something has failed.
#[derive(Clone)]
pub(crate) struct Redactor {
    body: Bytes,
    secrets: Arc<Secrets>,
}

impl Redactor {
    pub(crate) fn new(body: Bytes, secrets: &Arc<Secrets>) -> Self {
        Self { body, secrets: Arc::clone(secrets) }
    }

    /// The id of a call that went well, if it looks like one and holds no piece of a key. It stands in a record beside the answer, so it need
    /// not be compared with the prompt; an error's id must be ([`Redactor::name`]).
    pub(crate) fn id(&self, id: &str) -> Option<String> {
        (is_name(id) && !self.secrets.have_a_piece_in(&condensed(id))).then(|| id.to_owned())
    }

    /// What may be said of `error`: its names, and its message where that quotes nothing.
    pub(crate) fn describe(&self, error: &VendorError) -> Option<String> {
        let mut said: Vec<String> = Vec::new();
        let named = [("type", &error.class), ("code", &error.code), ("param", &error.param)];
        let names: Vec<String> = named
            .into_iter()
            .filter_map(|(what, name)| Some(format!("{what} {}", self.name(name.as_deref()?)?)))
            .collect();
        if !names.is_empty() {
            said.push(names.join(", "));
        }
        if let Some(message) = &error.message {
            said.push(self.message(message));
        }
        (!said.is_empty()).then(|| said.join(": "))
    }

    /// A vendor's free text, masked and cut; a note instead of it where it quotes what was sent.
    pub(crate) fn message(&self, message: &str) -> String {
        let message: String = message.chars().take(4 * SHOWN_MAX).collect();
        if self.is_quoting(&message) {
            return "the vendor's message repeats parts of the request and is left out".to_owned();
        }
        let masked = message.split_whitespace().map(masked).collect::<Vec<_>>().join(" ");
        if masked.chars().count() > SHOWN_MAX {
            masked.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
        } else {
            masked
        }
    }

    /// A name or id from a reply, if it looks like one and quotes nothing.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        (is_name(name) && !self.is_quoting(name)).then(|| name.to_owned())
    }

    fn is_quoting(&self, said: &str) -> bool {
        let said = condensed(said);
        self.secrets.have_a_piece_in(&said)
            || prompt_of(&self.body).iter().any(|text| shares_run(&said, &condensed(text), QUOTATION))
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]/".contains(c);
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_plain)
}

/// Only letters and digits, in lower case and without escapes: quoting marks, `\n` and line breaks do not hide a quotation.
fn condensed(text: &str) -> Vec<char> {
    let mut kept = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next_if(|escaped| "nrtbf".contains(*escaped));
        } else if c.is_alphanumeric() {
            kept.extend(c.to_lowercase());
        }
    }
    kept
}

/// Whether `one` and `two` have `length` characters in a row in common.
fn shares_run(one: &[char], two: &[char], length: usize) -> bool {
    if one.len() < length || two.len() < length {
        return false;
    }
    let runs: HashSet<&[char]> = one.windows(length).collect();
    two.windows(length).any(|run| runs.contains(run))
}

/// The texts of the conversation in a request's body, of either vendor's shape.
fn prompt_of(body: &[u8]) -> Vec<String> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return Vec::new() };
    let mut texts = Vec::new();
    for key in ["messages", "system", "stop", "stop_sequences"] {
        if let Some(value) = body.get(key) {
            strings(value, &mut texts);
        }
    }
    texts
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(map) => map.values().for_each(|value| strings(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `word`, or a mask where it looks like a key: a vendor's prefix, stars of a half-hidden key, or a long mix of letters and digits.
fn masked(word: &str) -> &str {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*');
    let lower = bare.to_ascii_lowercase();
    let has_prefix =
        ["sk-", "pk-", "key-", "sess-", "bearer", "eyj"].iter().any(|prefix| lower.starts_with(prefix));
    let has_stars = bare.contains("**");
    let token_length = bare.chars().filter(char::is_ascii_alphanumeric).count();
    let is_mix = bare.chars().any(|c| c.is_ascii_digit())
        && bare.chars().any(|c| c.is_ascii_alphabetic())
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || "-_+/=.".contains(c));
    if has_stars || (has_prefix && token_length >= 6) || (is_mix && token_length >= 24) {
        "[masked]"
    } else {
        word
    }
}
