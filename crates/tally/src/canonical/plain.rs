//! Spelling that never matters: case, white space, quotes and punctuation around an answer, widths and scripts of digits.

/// No key is longer than the schema's limit; a longer one is a text, not a key.
pub(super) const KEY_CHARS_MAX: usize = 256;

/// The key of an open answer; `None` if nothing is left of it.
pub(super) fn normalised(key: &str) -> Option<String> {
    let mut text = String::with_capacity(key.len());
    for word in key.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(word.chars().map(straight).flat_map(char::to_lowercase));
    }
    let text = bare(&text);
    (!text.is_empty() && text.chars().count() <= KEY_CHARS_MAX).then(|| text.to_owned())
}

/// `text` without the white space, quotes, emphasis and closing punctuation around it.
pub(super) fn bare(text: &str) -> &str {
    let around = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | '`' | '*' | '_' | '«' | '»' | '„' | '“' | '”' | '‘' | '’' | '「' | '」'
            )
    };
    let closing =
        |c: char| around(c) || matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '。' | '！' | '、' | '，');
    text.trim_start_matches(around).trim_end_matches(closing)
}

/// The plain form of characters that have one: full-width letters, digits of other scripts, dashes, quotes.
pub(super) fn straight(c: char) -> char {
    let offset = |zero: u32| char::from_digit(u32::from(c) - zero, 10).unwrap_or(c);
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{0660}'..='\u{0669}' => offset(0x0660),
        '\u{06f0}'..='\u{06f9}' => offset(0x06f0),
        '\u{0966}'..='\u{096f}' => offset(0x0966),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' => '-',
        '‘' | '’' => '\'',
        '“' | '”' | '„' => '"',
        _ => c,
    }
}
