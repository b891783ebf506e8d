//! Reads the two tables of the architecture document. Knows Markdown tables and their words, not what holds in the workspace.

/// The header cells by which the layer table is found.
const LAYERS_HEADER: [&str; 5] = ["rank", "crate", "charter", "may import", "state"];

/// The header cells by which the table of walls is found.
const WALLS_HEADER: [&str; 4] = ["wall", "libraries", "where", "why"];

/// What the document says.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) layers: Vec<Layer>,
    pub(super) walls: Vec<Wall>,
}

/// One row of the layer table.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) rank: Rank,
    /// The folder of the crate.
    pub(super) name: String,
    pub(super) imports: Imports,
    pub(super) state: State,
}

/// A crate's place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A crate of the product.
    Ranked(u8),
    /// Beside the product (`-`): it is built by developers only, and nothing may import it.
    Beside,
}

/// Which of our crates a crate may import.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Imports {
    All,
    These(Vec<String>),
}

/// Whether the crate exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Built,
    Planned,
}

/// One row of the table of walls.
#[derive(Debug)]
pub(super) struct Wall {
    pub(super) name: String,
    /// Package names, each perhaps with a feature (`hyper/client`) and a `*` at its end.
    pub(super) libraries: Vec<String>,
    pub(super) place: Place,
}

/// On which side of a wall a library may be imported.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In these crates and nowhere else.
    Only(Vec<String>),
    /// Anywhere but in these crates.
    NotIn(Vec<String>),
    /// Not even through other libraries.
    Nowhere,
}

impl Document {
    /// Reads both tables of `text`; an error says which row is not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let layers = rows(text, LAYERS_HEADER)?.into_iter().map(Layer::parse).collect::<Result<_, _>>()?;
        let walls = rows(text, WALLS_HEADER)?.into_iter().map(Wall::parse).collect::<Result<_, _>>()?;
        Ok(Self { layers, walls })
    }
}

impl Layer {
    fn parse([rank, name, charter, imports, state]: [String; 5]) -> Result<Self, String> {
        let row = format!("the row of `{name}`");
        if name.is_empty() || charter.is_empty() {
            return Err(format!("{row}: crate and charter must not be empty"));
        }
        let rank = match rank.as_str() {
            "-" => Rank::Beside,
            digits => Rank::Ranked(digits.parse().map_err(|_| format!("{row}: `{digits}` is no rank"))?),
        };
        let imports = match imports.as_str() {
            "all" => Imports::All,
            "none" => Imports::These(Vec::new()),
            _ => Imports::These(list(&imports).map_err(|what| format!("{row}: {what}"))?),
        };
        let state = match state.as_str() {
            "built" => State::Built,
            "planned" => State::Planned,
            other => return Err(format!("{row}: state `{other}` is neither `built` nor `planned`")),
        };
        Ok(Self { rank, name, imports, state })
    }
}

impl Wall {
    fn parse([name, libraries, place, why]: [String; 4]) -> Result<Self, String> {
        let row = format!("the wall `{name}`");
        if why.is_empty() {
            return Err(format!("{row}: a wall needs a reason"));
        }
        let located = |text| list(text).map_err(|what| format!("{row}: {what}"));
        let place = match place.split_once(' ') {
            Some(("only", crates)) => Place::Only(located(crates)?),
            Some(("not", crates)) => Place::NotIn(located(crates)?),
            None if place == "nowhere" => Place::Nowhere,
            _ => {
                return Err(format!("{row}: `{place}` is none of `only CRATES`, `not CRATES`, `nowhere`"));
            }
        };
        let libraries = located(&libraries)?;
        if let Some(odd) = libraries.iter().find(|library| library.trim_end_matches('*').contains('*')) {
            return Err(format!("{row}: `{odd}`: a `*` may stand at the end only"));
        }
        if place == Place::Nowhere && libraries.iter().any(|library| library.contains('/')) {
            return Err(format!("{row}: features cannot be looked up in the lock file"));
        }
        Ok(Self { name, libraries, place })
    }
}

/// The names in `text`, separated by commas.
fn list(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/*".contains(c);
    match names.iter().find(|name| name.is_empty() || !name.chars().all(plain)) {
        None => Ok(names),
        Some(odd) => Err(format!("`{odd}` is no name; names are separated by commas")),
    }
}

/// The rows of the one table with this header, without the quotes of code.
fn rows<const N: usize>(text: &str, header: [&str; N]) -> Result<Vec<[String; N]>, String> {
    let named = format!("the table `| {} |`", header.join(" | "));
    let mut starts = text.lines().enumerate().filter(|(_, line)| cells(line) == header);
    let (start, _) = starts.next().ok_or_else(|| format!("{named} is missing"))?;
    if starts.next().is_some() {
        return Err(format!("{named} stands there twice"));
    }
    // Behind the header comes the ruler.
    let body = text.lines().skip(start + 2).take_while(|line| line.trim_start().starts_with('|'));
    let rows: Vec<[String; N]> = body
        .map(|line| {
            <[String; N]>::try_from(cells(line))
                .map_err(|cells| format!("{named}: {} cells instead of {N} in `{line}`", cells.len()))
        })
        .collect::<Result<_, _>>()?;
    if rows.is_empty() { Err(format!("{named} has no rows")) } else { Ok(rows) }
}

fn cells(line: &str) -> Vec<String> {
    let Some(inner) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
        return Vec::new();
    };
    inner.split('|').map(|cell| cell.trim().replace('`', "")).collect()
}
