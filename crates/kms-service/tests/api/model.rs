//! The service model, as far as it says what members there are and what their values may be.

use std::collections::BTreeMap;

/// What `tests/data/kms-2014-11-01.txt` says.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) shapes: BTreeMap<&'static str, Shape>,
    pub(crate) structures: BTreeMap<&'static str, Vec<Member>>,
    pub(crate) operations: BTreeMap<&'static str, Operation>,
}

#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: &'static str,
    pub(crate) bounds: Option<(usize, usize)>,
    pub(crate) is_sensitive: bool,
    pub(crate) pattern: Option<&'static str>,
    pub(crate) values: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) is_required: bool,
    pub(crate) of: Type,
}

#[derive(Debug, Clone)]
pub(crate) enum Type {
    Named(&'static str),
    Map,
    List(&'static str, Option<(usize, usize)>),
}

#[derive(Debug, Default)]
pub(crate) struct Operation {
    pub(crate) input: Vec<Member>,
    /// `None` if the answer has no body.
    pub(crate) output: Option<Vec<Member>>,
}

impl Model {
    pub(crate) fn read() -> Self {
        let mut model = Self::default();
        let (mut structure, mut operation) = ("", "");
        let text = include_str!("../data/kms-2014-11-01.txt");
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap();
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            match word {
                "shape" => {
                    model.shapes.insert(name, shape(rest));
                }
                "structure" => {
                    structure = name;
                    model.structures.insert(name, Vec::new());
                }
                "operation" => {
                    operation = name;
                    let output = Some(Vec::new());
                    model.operations.insert(name, Operation { input: Vec::new(), output });
                }
                "member" => model.structures.get_mut(structure).unwrap().push(member(name, rest)),
                "in" => model.operations.get_mut(operation).unwrap().input.push(member(name, rest)),
                "out" => {
                    let output = &mut model.operations.get_mut(operation).unwrap().output;
                    output.as_mut().unwrap().push(member(name, rest));
                }
                "no" => model.operations.get_mut(operation).unwrap().output = None,
                other => panic!("{other}"),
            }
        }
        assert_eq!(model.operations.len(), 56);
        model
    }
}

fn shape(text: &'static str) -> Shape {
    let (text, pattern) = match text.split_once(" /") {
        Some((text, pattern)) => (text, Some(pattern.strip_suffix('/').unwrap())),
        None => (text, None),
    };
    let words: Vec<&str> = text.split(' ').collect();
    if words[0] == "enum" {
        return Shape { kind: "enum", bounds: None, is_sensitive: false, pattern, values: words[1..].to_vec() };
    }
    let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let bounds = (numbers.len() == 2).then(|| (numbers[0], numbers[1]));
    Shape { kind: words[0], bounds, is_sensitive: words.contains(&"sensitive"), pattern, values: Vec::new() }
}

fn member(name: &'static str, text: &'static str) -> Member {
    let words: Vec<&str> = text.split(' ').collect();
    let of = match words[1] {
        "map" => Type::Map,
        "list" => {
            let bounds = (words.len() == 5).then(|| (words[3].parse().unwrap(), words[4].parse().unwrap()));
            Type::List(words[2], bounds)
        }
        named => Type::Named(named),
    };
    Member { name, is_required: words[0] == "required", of }
}
