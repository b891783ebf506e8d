//! A small regular expression: enough of ECMA-262 to write and to recognise what schemas ask for.
//!
//! Literals, escapes, classes, groups, alternation, repetition and the anchors at both ends. Look-around,
//! back-references and word boundaries are refused by name.

use std::{collections::BTreeSet, iter::Peekable, str::Chars};

use crate::dice::Dice;

/// Most repeats that are written for an open repetition, and at most checked for one.
const REPEATS_OPEN: u32 = 8;
/// Longest bounded repetition that is accepted.
const REPEATS_MAX: u32 = 1_000;
const NESTING_MAX: usize = 16;

#[derive(Debug)]
pub(crate) struct Pattern {
    node: Node,
    from_start: bool,
    to_end: bool,
}

#[derive(Debug)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: Option<u32> },
    Class { ranges: Vec<(char, char)>, negated: bool },
}

impl Pattern {
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let from_start = source.starts_with('^');
        let body = source.strip_prefix('^').unwrap_or(source);
        let escaped = body
            .strip_suffix('$')
            .is_some_and(|head| head.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1);
        let to_end = body.ends_with('$') && !escaped;
        let body = if to_end { &body[..body.len() - 1] } else { body };
        let mut parser = Parser { rest: body.chars().peekable(), nesting: 0 };
        let node = parser.alternatives()?;
        // `^a|b$` anchors each branch on one side only, which this representation cannot say.
        let split = matches!(&node, Node::Any(branches) if branches.len() > 1);
        match parser.rest.next() {
            Some(extra) => Err(format!("{extra:?} closes nothing")),
            None if split && (from_start || to_end) => {
                Err("anchored alternatives need a group around them".into())
            }
            None => Ok(Self { node, from_start, to_end }),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let starts = if self.from_start { BTreeSet::from([0]) } else { (0..=text.len()).collect() };
        let ends = self.node.ends(&text, &starts);
        if self.to_end { ends.contains(&text.len()) } else { !ends.is_empty() }
    }

    /// Texts that match: a few free ones, then the shortest, then the longest.
    pub(crate) fn samples(&self, dice: &Dice) -> Vec<String> {
        let write = |reach: Reach, index: u64| {
            let mut text = String::new();
            self.node.write(&mut text, reach, &mut dice.at(index));
            text
        };
        let mut samples: Vec<_> = (0..6).map(|index| write(Reach::Free, index)).collect();
        samples.push(write(Reach::Least, 6));
        samples.push(write(Reach::Most, 7));
        samples
    }
}

#[derive(Clone, Copy)]
enum Reach {
    Least,
    Free,
    Most,
}

impl Node {
    fn write(&self, text: &mut String, reach: Reach, dice: &mut Dice) {
        match self {
            Self::Any(branches) => {
                let index = dice.below(branches.len());
                branches[index].write(text, reach, dice);
            }
            Self::All(parts) => parts.iter().for_each(|part| part.write(text, reach, dice)),
            Self::Repeat { node, min, max } => {
                let most = max.unwrap_or(min + REPEATS_OPEN);
                let spread = most.min(min + REPEATS_OPEN) - min;
                let times = match reach {
                    Reach::Least => *min,
                    Reach::Free => min + u32::try_from(dice.below(spread as usize + 1)).unwrap_or(0),
                    Reach::Most => most,
                };
                (0..times).for_each(|_| node.write(text, reach, dice));
            }
            Self::Class { ranges, negated } => text.push(member(ranges, *negated, dice)),
        }
    }

    /// Where a match may end that begins at one of `starts`.
    fn ends(&self, text: &[char], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
        match self {
            Self::Any(branches) => branches.iter().flat_map(|branch| branch.ends(text, starts)).collect(),
            Self::All(parts) => parts.iter().fold(starts.clone(), |at, part| part.ends(text, &at)),
            Self::Repeat { node, min, max } => {
                let mut at = starts.clone();
                let mut ends = if *min == 0 { at.clone() } else { BTreeSet::new() };
                for times in 1..=max.unwrap_or(u32::MAX) {
                    at = node.ends(text, &at);
                    let before = ends.len();
                    if times >= *min {
                        ends.extend(&at);
                    }
                    if at.is_empty() || (times > *min && ends.len() == before) {
                        break;
                    }
                }
                ends
            }
            Self::Class { ranges, negated } => {
                let fits = |at: &usize| text.get(*at).is_some_and(|c| contains(ranges, *c) != *negated);
                starts.iter().filter(|at| fits(at)).map(|at| at + 1).collect()
            }
        }
    }
}

fn contains(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
}

fn member(ranges: &[(char, char)], negated: bool, dice: &mut Dice) -> char {
    const PRINTABLE: std::ops::RangeInclusive<char> = ' '..='~';
    let readable: Vec<char> =
        ('a'..='z').chain('0'..='9').chain(PRINTABLE).filter(|c| contains(ranges, *c) != negated).collect();
    if !readable.is_empty() {
        return readable[dice.below(readable.len())];
    }
    let outside = || ('\u{a1}'..='\u{ffff}').find(|c| contains(ranges, *c) != negated);
    ranges.first().filter(|_| !negated).map(|(low, _)| *low).or_else(outside).unwrap_or('?')
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    nesting: usize,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Node, String> {
        let mut branches = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            branches.push(self.sequence()?);
        }
        Ok(Node::Any(branches))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut parts = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            let atom = self.atom(c)?;
            parts.push(self.repeated(atom)?);
        }
        Ok(Node::All(parts))
    }

    fn atom(&mut self, c: char) -> Result<Node, String> {
        let class = |ranges| Ok(Node::Class { ranges, negated: false });
        match c {
            '.' => Ok(Node::Class { ranges: vec![('\n', '\n'), ('\r', '\r')], negated: true }),
            '[' => self.class(),
            '(' => self.group(),
            '\\' => self.escape().and_then(class),
            '^' | '$' => Err("an anchor in the middle".into()),
            '*' | '+' | '?' | '{' => Err(format!("{c:?} repeats nothing")),
            c => class(vec![(c, c)]),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next() != Some(':') {
            return Err("look-around and named groups".into());
        }
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err("groups nest too deeply".into());
        }
        let node = self.alternatives()?;
        self.nesting -= 1;
        if self.rest.next() == Some(')') { Ok(node) } else { Err("a group is not closed".into()) }
    }

    fn escape(&mut self) -> Result<Vec<(char, char)>, String> {
        Ok(match self.rest.next() {
            Some('d') => vec![('0', '9')],
            Some('w') => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
            Some('s') => vec![(' ', ' '), ('\t', '\r')],
            Some('n') => vec![('\n', '\n')],
            Some('r') => vec![('\r', '\r')],
            Some('t') => vec![('\t', '\t')],
            Some(c) if !c.is_ascii_alphanumeric() => vec![(c, c)],
            Some(c) => return Err(format!("the escape \\{c}")),
            None => return Err("a backslash at the end".into()),
        })
    }

    fn class(&mut self) -> Result<Node, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        loop {
            let low = match self.rest.next() {
                Some(']') => return Ok(Node::Class { ranges, negated }),
                Some('\\') => {
                    let escaped = self.escape()?;
                    let [(c, same)] = escaped[..] else {
                        ranges.extend(escaped);
                        continue;
                    };
                    if c != same {
                        ranges.push((c, same));
                        continue;
                    }
                    c
                }
                Some(c) => c,
                None => return Err("a class is not closed".into()),
            };
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if !is_range {
                ranges.push((low, low));
                continue;
            }
            self.rest.next();
            let high = match self.rest.next() {
                Some('\\') => self.escape()?.first().map_or(low, |(c, _)| *c),
                other => other.unwrap_or(low),
            };
            if high < low {
                return Err(format!("the range {low}-{high} is empty"));
            }
            ranges.push((low, high));
        }
    }

    fn repeated(&mut self, node: Node) -> Result<Node, String> {
        let (min, max) = match self.rest.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => self.counts()?,
            _ => return Ok(node),
        };
        // The closing brace of a count is still there, as the other signs are.
        self.rest.next();
        // A lazy repetition matches the same texts.
        self.rest.next_if_eq(&'?');
        if max.is_some_and(|max| max < min || max > REPEATS_MAX) || min > REPEATS_MAX {
            return Err(format!("a repetition of {min} to {max:?}"));
        }
        Ok(Node::Repeat { node: Box::new(node), min, max })
    }

    fn counts(&mut self) -> Result<(u32, Option<u32>), String> {
        self.rest.next();
        let min = self.count().ok_or("a count must begin with a number")?;
        let max = match self.rest.next_if_eq(&',') {
            Some(_) => self.count(),
            None => Some(min),
        };
        if self.rest.peek() == Some(&'}') { Ok((min, max)) } else { Err("a count is not closed".into()) }
    }

    fn count(&mut self) -> Option<u32> {
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, yes: &[&str], no: &[&str]) {
        let pattern = Pattern::parse(source).unwrap();
        for sample in pattern.samples(&Dice::new(5)) {
            assert!(pattern.matches(&sample), "{source}: its own {sample:?}");
        }
        for text in yes {
            assert!(pattern.matches(text), "{source} should match {text:?}");
        }
        for text in no {
            assert!(!pattern.matches(text), "{source} should not match {text:?}");
        }
    }

    #[test]
    fn writes_and_recognises_what_schemas_ask_for() {
        check("^[A-H]$", &["A", "H"], &["I", "AB", ""]);
        check("^c[0-9]{1,2}$", &["c1", "c42"], &["c", "c123", "d1"]);
        check("^blake3:[0-9a-f]{64}$", &[], &["blake3:00"]);
        check("^[A-Z][a-z]{1,14}( [a-z]{1,14}){3,9}$", &["Some words stand here"], &["Some words"]);
        check(r"^(\d{3}-)?\d+\.\d*$", &["555-1.", "7.25"], &["7", "55-7.0"]);
        check("^(?:red|green|blue)+$", &["redblue"], &["pink", ""]);
        check("b{2,}", &["abbbc", "bb"], &["ab"]);
        check(r"^[^\s,]+$", &["word"], &["two words", "a,b"]);
        check(r"^\$[\w.-]*?\]$", &["$a-b.c]"], &["$a b]"]);
    }

    #[test]
    fn refuses_by_name_what_it_cannot_honour() {
        for (source, why) in [
            ("(?=a)", "look-around"),
            (r"\bword", "escape"),
            ("a{5,2}", "repetition"),
            ("(a", "not closed"),
            ("^a|b$", "alternatives"),
            ("*a", "repeats nothing"),
        ] {
            let error = Pattern::parse(source).unwrap_err();
            assert!(error.contains(why), "{source}: {error}");
        }
    }
}
