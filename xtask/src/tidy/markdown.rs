//! Rules for Markdown files: links within the repository, and paths that the prose names, lead somewhere.

use std::collections::BTreeMap;

use super::Finding;
use crate::tree::{SourceFile, Tree};

/// Code in the prose that begins like this is a path from the root.
const NAMED_FOLDERS: &[&str] = &["crates/", "docs/", "tests/", "xtask/"];

pub(super) fn check(file: &SourceFile, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in prose(&file.text).enumerate() {
        let (words, code) = code_apart(&line);
        let links = targets(&words).into_iter().filter_map(|target| broken(&target, file, tree));
        let paths = code.iter().filter_map(|path| missing(path, tree));
        findings.extend(links.chain(paths).map(|message| Finding::new(&file.path, index + 1, message)));
    }
    findings
}

/// The code blocks of `text`: the line on which each begins, and the words behind its fence.
pub(super) fn code_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        match open {
            Some(fence)
                if line.trim_end().starts_with(fence) && line.trim().chars().all(|c| fence.contains(c)) =>
            {
                open = None;
            }
            None => {
                if let Some(fence) = fence(line) {
                    open = Some(fence);
                    blocks.push((index + 1, line[fence.len()..].trim().to_owned()));
                }
            }
            Some(_) => {}
        }
    }
    blocks
}

/// The lines of `text` with code blocks blanked.
fn prose(text: &str) -> impl Iterator<Item = String> {
    let mut open: Option<&str> = None;
    text.lines().map(move |line| {
        let fence_here = fence(line.trim_start());
        match (open, fence_here) {
            (None, Some(fence)) => {
                open = Some(fence);
                String::new()
            }
            (Some(outer), Some(fence)) if fence.starts_with(outer) => {
                open = None;
                String::new()
            }
            (Some(_), _) => String::new(),
            (None, None) => line.to_owned(),
        }
    })
}

fn fence(line: &str) -> Option<&str> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|&c| c == mark).count();
    (length >= 3).then(|| &line[..length])
}

/// `line` without what stands between backticks, and that; a backtick without its pair stays.
fn code_apart(line: &str) -> (String, Vec<&str>) {
    let mut words = String::with_capacity(line.len());
    let mut code = Vec::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('`') {
        let Some((inside, after)) = behind.split_once('`') else { break };
        words.push_str(before);
        code.push(inside);
        rest = after;
    }
    words.push_str(rest);
    (words, code)
}

/// What is wrong with the path `code`, if it is one. A pattern or a command is none.
fn missing(code: &str, tree: &Tree) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_path = NAMED_FOLDERS.iter().any(|folder| code.starts_with(folder)) && code.chars().all(plain);
    let exists = || tree.paths.contains(code.trim_end_matches('/'));
    (is_path && !exists()).then(|| format!("`{code}` is named here and does not exist"))
}

/// What the links, pictures, definitions and attributes of `line` point at.
fn targets(line: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for (start, _) in line.match_indices("](") {
        let rest = &line[start + 2..];
        let end = closing(rest);
        // A title may stand behind the target.
        targets.extend(rest[..end].split_whitespace().next().map(str::to_owned));
    }
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    targets.extend(definition.and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned));
    for attribute in ["src=\"", "href=\"", "srcset=\""] {
        for (start, _) in line.match_indices(attribute) {
            let value = line[start + attribute.len()..].split('"').next();
            targets.extend(value.and_then(|value| value.split_whitespace().next()).map(str::to_owned));
        }
    }
    targets.into_iter().map(|target| target.trim_matches(['<', '>']).to_owned()).collect()
}

/// Where the parenthesis closes that was opened before `text`.
fn closing(text: &str) -> usize {
    let mut depth = 1_usize;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    text.len()
}

/// What is wrong with a link to `target` in `file`.
fn broken(target: &str, file: &SourceFile, tree: &Tree) -> Option<String> {
    if ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = if path.is_empty() { file.path.clone() } else { resolved(&file.path, path) };
    if linked.starts_with("..") || target.starts_with('/') {
        return Some(format!("the link `{target}` leads out of the repository"));
    }
    if !linked.is_empty() && !tree.paths.contains(&linked) {
        return Some(format!("the link `{target}` leads nowhere: there is no {linked}"));
    }
    let text = tree.file(&linked).filter(|linked| linked.extension() == "md").map(|linked| &linked.text)?;
    let missing = !anchor.is_empty() && !anchors(text).iter().any(|known| known == anchor);
    missing.then(|| format!("the link `{target}` leads nowhere: {linked} has no heading #{anchor}"))
}

/// `path` as seen from the file `from`, from the root; a leading `..` is left where it leads out.
fn resolved(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of the headings of `text`, as the common hosts derive them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if fence(line.trim_start()).is_some() {
            open = !open;
        }
        let heading = line.trim_start_matches('#');
        if open || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}
