//! Blanks what is no code in a Rust file: comments and the insides of literals, so that a rule looks at code alone.

/// `source` with every character of comments and literals replaced by a space. Lines stay where they are.
pub(super) fn mask(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut masked = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => string_end(&chars, at + 1),
            '\'' => char_end(&chars, at),
            'r' if !is_inside_word(&chars, at) => raw_string_end(&chars, at),
            _ => at,
        };
        if end == at {
            masked.push(chars[at]);
            at += 1;
        } else {
            masked.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    masked
}

fn line_end(chars: &[char], from: usize) -> usize {
    chars[from..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| from + length)
}

/// The end of the block comment that opens at `from`; they nest.
fn comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of the string whose first character inside is at `from`.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of the character literal at `from`, or `from` if that quote begins a lifetime.
fn char_end(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), Some(_)) => {
            let close = chars[from + 3..].iter().position(|&c| c == '\'');
            close.map_or(chars.len(), |length| from + 3 + length + 1)
        }
        (Some(c), Some('\'')) if *c != '\'' => from + 3,
        _ => from,
    }
}

/// The end of the raw string whose `r` is at `from`, or `from` if there is none.
fn raw_string_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|&&c| c == '#').count();
    let open = from + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return from;
    }
    let mut at = open + 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

/// Whether the character at `at` continues a word, in which `br"` and `cr"` do not count as words.
fn is_inside_word(chars: &[char], at: usize) -> bool {
    let word = |index: usize| chars.get(index).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let Some(before) = at.checked_sub(1) else { return false };
    let prefixed = matches!(chars[before], 'b' | 'c') && !before.checked_sub(1).is_some_and(word);
    word(before) && !prefixed
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[track_caller]
    fn masked(source: &str, expected: &str) {
        assert_eq!(mask(source).split_whitespace().collect::<Vec<_>>().join(" "), expected, "{source}");
        assert_eq!(mask(source).lines().count(), source.lines().count(), "{source}");
    }

    #[test]
    fn comments_and_literals_go_and_code_stays() {
        masked("a // x \"y\nb", "a b");
        masked("a /* x /* y */ z */ b", "a b");
        masked(r#"a("x \" y", b)"#, "a( , b)");
        masked(r##"a(r#"x " y"#, br"z", b)"##, "a( , b , b)");
        masked("a('x', '\\'', '\"', '\\u{41}') + b", "a( , , , ) + b");
    }

    #[test]
    fn what_only_looks_like_a_literal_stays() {
        masked("fn a<'a>(x: &'a str) -> r#type", "fn a<'a>(x: &'a str) -> r#type");
        masked("for x in 0..9 { bar(x) }", "for x in 0..9 { bar(x) }");
        masked("let r = 1; r", "let r = 1; r");
    }

    #[test]
    fn unfinished_source_is_no_reason_to_panic() {
        for source in ["\"", "r#\"", "/*", "'", "'\\", "\"\\", "'\\'", "r", "b"] {
            mask(source);
        }
    }
}
