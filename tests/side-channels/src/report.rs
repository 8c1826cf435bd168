//! What memcheck reports, and what of it is allowed.

use std::collections::{BTreeMap, BTreeSet};

/// Where something undefined decides: what it decides, in which function of which crate, and on behalf of which other
/// crate, as in `jump: ecdsa from_scalars < kms-core`. Without lines and types, so that a place keeps its
/// name from build to build.
pub(crate) type Place = String;

/// The places of a run, each with the distinct source lines in it.
pub(crate) type Places = BTreeMap<Place, BTreeSet<String>>;

/// Crates that are vocabulary: of a comparison, a choice or a copy, the one who makes it is the place.
const VOCABULARY: &[&str] = &["", "cmov", "core", "ctutils", "subtle", "zeroize"];

/// Takes the places out of memcheck's XML.
pub(crate) fn places(xml: &str) -> Places {
    let mut places = Places::new();
    for error in elements(xml, "error") {
        let decides = match elements(error, "kind").next().unwrap_or_default() {
            "UninitCondition" => "jump",
            "UninitValue" => "address",
            other => other,
        };
        let stack = elements(error, "stack").next().unwrap_or_default();
        let frames = elements(stack, "frame").map(Frame::read);
        let frames: Vec<Frame> = frames.filter(|frame| !VOCABULARY.contains(&frame.of.as_str())).collect();
        let Some(place) = frames.first() else {
            places.entry(format!("{decides}: nowhere")).or_default();
            continue;
        };
        let mut of_place = frames.iter().take_while(|frame| frame.of == place.of);
        let function = of_place.find(|frame| frame.is_named()).map_or("a closure", |frame| &frame.function);
        let mut name = format!("{decides}: {} {function}", place.of);
        // Of this workspace the crate is enough: which of its functions are inlined, or end in another, varies.
        match frames.iter().find(|frame| frame.of != place.of) {
            Some(caller) if caller.is_ours => name += &format!(" < {}", caller.of),
            Some(caller) => name += &format!(" < {} {}", caller.of, caller.function),
            None => {}
        }
        places.entry(name).or_default().insert(place.line.clone());
    }
    places
}

/// A function on the stack, inlined or not.
struct Frame {
    of: String,
    is_ours: bool,
    function: String,
    line: String,
}

impl Frame {
    fn read(xml: &str) -> Self {
        let field = |name| elements(xml, name).next().map(unescape).unwrap_or_default();
        let (directory, file) = (field("dir"), field("file"));
        let name = file.rsplit('/').next().unwrap_or_default();
        let is_ours = directory.contains("/crates/") || directory.contains("/tests/");
        Self {
            of: crate_of(&directory),
            is_ours,
            function: plain(&field("fn")),
            line: format!("{name}:{}", field("line")),
        }
    }
}

impl Frame {
    /// Closures, and functions whose name the debug information lost, are part of who calls them.
    fn is_named(&self) -> bool {
        !self.function.starts_with('{') && self.function != "UnknownInlinedFun"
    }
}

/// The crate whose sources are in a directory: the last part that ends in a version, or stands after `crates` or
/// `tests`. The standard library is `core`, and what has no directory is the C library or valgrind itself.
fn crate_of(directory: &str) -> String {
    let parts: Vec<&str> = directory.split('/').collect();
    if parts.contains(&"rustc") {
        return "core".to_owned();
    }
    let own = parts.windows(2).find_map(|pair| match pair {
        ["crates" | "tests", name] => Some((*name).to_owned()),
        _ => None,
    });
    let foreign = || {
        parts.iter().rev().find_map(|part| {
            let (name, version) = part.rsplit_once('-')?;
            version.starts_with(|first: char| first.is_ascii_digit()).then(|| name.to_owned())
        })
    };
    own.or_else(foreign).unwrap_or_default()
}

/// The last part of a function's path, without type arguments and the compiler's hash. An inlined function has no
/// path, and what is inlined differs from build to build.
fn plain(name: &str) -> String {
    let mut depth = 0_u32;
    let mut flat = String::new();
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => flat.push(character),
            _ => {}
        }
    }
    let mut parts = flat.rsplit("::").filter(|part| !part.is_empty());
    let last = parts.next().unwrap_or_default();
    let is_hash =
        last.len() == 17 && last.starts_with('h') && last.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit());
    let last = if is_hash { parts.next().unwrap_or_default() } else { last };
    last.to_owned()
}

/// The contents of the elements `name`, which do not nest.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    core::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (contents, after) = after.split_once(&close)?;
        rest = after;
        Some(contents)
    })
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

/// One line of the allow-list: `case | place | most lines | reason`. A case that ends in `*` is each that begins so.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) case: String,
    pub(crate) place: Place,
    pub(crate) lines: usize,
    pub(crate) used: bool,
}

/// Reads the allow-list; lines that are empty or begin with `#` say nothing.
pub(crate) fn allow_list(text: &str) -> Result<Vec<Allowed>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let bad = || format!("allowed.txt: not `case | place | lines | reason`: {line}");
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        match fields[..] {
            [case, place, lines, reason] if !reason.is_empty() => Ok(Allowed {
                case: case.to_owned(),
                place: place.to_owned(),
                lines: lines.parse().map_err(|_| bad())?,
                used: false,
            }),
            _ => Err(bad()),
        }
    };
    lines.map(read).collect()
}

/// The places of `case` that nothing allows, each as a line for people.
pub(crate) fn forbidden(case: &str, places: &Places, allowed: &mut [Allowed]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, lines) in places {
        let is_for = |one: &Allowed| match one.case.strip_suffix('*') {
            Some(prefix) => case.starts_with(prefix),
            None => case == one.case,
        };
        let entry = allowed.iter_mut().find(|one| is_for(one) && one.place == *place);
        if let Some(entry) = entry {
            entry.used = true;
            if lines.len() <= entry.lines {
                continue;
            }
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        found.push(format!("{case} | {place} | {} | at {}", lines.len(), lines.join(" ")));
    }
    found
}
