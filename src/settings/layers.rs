//! Where settings come from. Owns: the four layers (embedded, file, environment, command line) and their order;
//! each becomes a list of [`Leaf`]s. Never: judges a value.

use super::{DEFAULTS, Mistake};
use config::{ConfigError, Map, Source, Value, ValueKind};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Variables that start so are settings, and must be known ones.
const PREFIX: &str = "HONGYAN__";

/// Where the layers above the embedded one are found.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--settings FILE`
    pub file: Option<PathBuf>,
    /// The environment, whole: what is not ours is passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// `--set` and its relatives, in their order.
    pub overrides: Vec<Override>,
}

/// One value from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The option that said it, such as `--set`.
    pub flag: &'static str,
    /// `section.key`
    pub key: String,
    /// A TOML value, or any text, which is then taken as a string.
    pub value: String,
}

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `settings.toml`, as it was built in.
    Embedded,
    /// The user's file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// An option of the command line.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("default"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "from {name}"),
            Self::Option(flag) => write!(f, "from {flag}"),
        }
    }
}

/// One key and what was said for it.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    pub(super) value: toml::Value,
    /// As it was written, where that was text outside a TOML file: `0x10` may be a number or a folder's name.
    pub(super) text: Option<String>,
    pub(super) origin: Origin,
}

impl Leaf {
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }
}

/// The embedded defaults.
#[allow(clippy::expect_used, reason = "settings.toml is part of the program; a test parses it")]
pub(super) fn embedded() -> toml::Table {
    DEFAULTS.parse().expect("the embedded settings.toml is TOML")
}

/// All layers, the weakest first. What cannot be read at all becomes a mistake, and the other layers are still read.
pub(super) fn read(sources: &Sources, mistakes: &mut Vec<Mistake>) -> Vec<Vec<Leaf>> {
    let mut layers = vec![flatten(embedded(), &Origin::Embedded)];
    if let Some(path) = &sources.file {
        layers.push(file(path.clone(), mistakes));
    }
    layers.push(environment(&sources.environment, mistakes));
    // Each option is a layer of its own: the later one wins.
    layers.extend(sources.overrides.iter().map(option));
    layers
}

fn file(path: PathBuf, mistakes: &mut Vec<Mistake>) -> Vec<Leaf> {
    let mut whole_file = |what: String| {
        mistakes.push(Mistake { key: path.display().to_string(), origin: None, what });
        Vec::new()
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return whole_file(format!("cannot be read: {error}")),
    };
    match text.parse::<toml::Table>() {
        Ok(table) => flatten(table, &Origin::File(path)),
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            whole_file(format!("line {line} is not TOML: {}", error.message().replace('\n', "; ")))
        }
    }
}

fn environment(variables: &[(OsString, OsString)], mistakes: &mut Vec<Mistake>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        let origin = Origin::Variable(name.to_owned());
        match value.to_str() {
            Some(value) => leaves.push(Leaf {
                path,
                value: toml::Value::String(value.to_owned()),
                text: Some(value.to_owned()),
                origin,
            }),
            None => {
                mistakes.push(Mistake { key: path.join("."), origin: Some(origin), what: "is not UTF-8".into() });
            }
        }
    }
    leaves.sort_by(|a, b| a.path.cmp(&b.path));
    leaves
}

fn option(option: &Override) -> Vec<Leaf> {
    let path: Vec<String> = option.key.trim().split('.').map(str::to_owned).collect();
    let origin = Origin::Option(option.flag);
    match option.value.parse::<toml::Value>() {
        Ok(toml::Value::Table(table)) => {
            let mut leaves = Vec::new();
            flatten_into(&path, table, &origin, &mut leaves);
            leaves
        }
        Ok(value) => vec![Leaf { path, value, text: Some(option.value.clone()), origin }],
        Err(_) => {
            let value = toml::Value::String(option.value.clone());
            vec![Leaf { path, value, text: Some(option.value.clone()), origin }]
        }
    }
}

fn flatten(table: toml::Table, origin: &Origin) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (key, value) in table {
        flatten_value(vec![key], value, origin, &mut leaves);
    }
    leaves
}

fn flatten_into(path: &[String], table: toml::Table, origin: &Origin, leaves: &mut Vec<Leaf>) {
    if table.is_empty() {
        // Kept, so that an unknown section is found although it says nothing.
        let value = toml::Value::Table(table);
        leaves.push(Leaf { path: path.to_vec(), value, text: None, origin: origin.clone() });
        return;
    }
    for (key, value) in table {
        let mut path = path.to_vec();
        path.push(key);
        flatten_value(path, value, origin, leaves);
    }
}

fn flatten_value(path: Vec<String>, value: toml::Value, origin: &Origin, leaves: &mut Vec<Leaf>) {
    match value {
        toml::Value::Table(table) => flatten_into(&path, table, origin, leaves),
        value => leaves.push(Leaf { path, value, text: None, origin: origin.clone() }),
    }
}

/// One checked layer, for the `config` crate to merge.
#[derive(Clone, Debug)]
pub(super) struct Merge(pub(super) Vec<Leaf>);

impl Source for Merge {
    fn clone_into_box(&self) -> Box<dyn Source + Send + std::marker::Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut values = Map::new();
        for leaf in &self.0 {
            let kind = match &leaf.value {
                toml::Value::String(text) => ValueKind::String(text.clone()),
                toml::Value::Integer(number) => ValueKind::I64(*number),
                toml::Value::Boolean(truth) => ValueKind::Boolean(*truth),
                // `check` lets nothing else through.
                _ => continue,
            };
            values.insert(leaf.key(), Value::new(Some(&leaf.origin.to_string()), kind));
        }
        Ok(values)
    }
}
