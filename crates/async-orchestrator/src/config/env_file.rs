//! Reads the lines of an environment file. Pure: text in, assignments out; nothing is expanded or run.

/// A line that says something.
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: usize,
    /// The name and the value, or why it is no assignment. The reason never holds a value.
    pub(super) content: Result<(String, String), &'static str>,
}

/// The assignments of `text` in their order.
pub(super) fn parse(text: &str) -> impl Iterator<Item = Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        Some(Line { number: index + 1, content: assignment(line) })
    })
}

fn assignment(line: &str) -> Result<(String, String), &'static str> {
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = line.split_once('=').ok_or("no assignment: write NAME=value")?;
    let name = name.trim_end();
    let first_fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !first_fits || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("the name before `=` is no variable: use letters, digits and `_`");
    }
    Ok((name.to_owned(), unquoted(value.trim())?))
}

fn unquoted(value: &str) -> Result<String, &'static str> {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        // A comment after a bare value needs a blank before it, so that a `#` may stand in a value.
        let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
        return Ok(value[..end].trim_end().to_owned());
    };
    let mut text = String::new();
    let mut rest = value[1..].chars();
    while let Some(c) = rest.next() {
        match c {
            c if c == quote => {
                let tail = rest.as_str().trim_start();
                return if tail.is_empty() || tail.starts_with('#') {
                    Ok(text)
                } else {
                    Err("something stands after the closing quote: put the whole value in quotes")
                };
            }
            '\\' if quote == '"' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("the closing quote is missing: a value ends on its own line")
}
