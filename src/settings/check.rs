//! One value at a time. Owns: whether a key exists, whether its value has the type of its default and keeps the
//! rules, and what to suggest where not. Never: looks at two keys at once (`contradictions` does).

use super::layers::Leaf;
use super::{Mistake, rules};

/// What a layer turned out to be.
pub(super) struct Checked {
    /// Leaves with a known key and a value of the right type that keeps the rules.
    pub(super) good: Vec<Leaf>,
    pub(super) mistakes: Vec<Mistake>,
}

/// What the defaults have at a path.
enum Place {
    Section,
    Text,
    Integer,
    Boolean,
    /// Below a value.
    Under(String),
    Unknown,
}

/// Checks every leaf of a layer against the defaults and the rules.
pub(super) fn check(layer: Vec<Leaf>, defaults: &toml::Table) -> Checked {
    let mut checked = Checked { good: Vec::new(), mistakes: Vec::new() };
    for leaf in layer {
        let judged = match place(&leaf.path, defaults) {
            Place::Section if leaf.value.is_table() => {
                // Says nothing; but an empty listener is an incomplete one.
                if let [listen, name] = leaf.path.as_slice()
                    && listen == "listen"
                {
                    let known = defaults.get("listen").is_some_and(|listen| listen.get(name).is_some());
                    let what =
                        format!("says nothing: give it an address, a link and a dialect{}", rules::LISTEN_EXAMPLE);
                    if !known {
                        checked.mistakes.push(Mistake { key: leaf.key(), origin: Some(leaf.origin), what });
                    }
                }
                continue;
            }
            Place::Section => Err(format!("is a section, not a key; write [{}] and its keys below", leaf.key())),
            Place::Under(value) => Err(format!("does not exist: {value} is a value, not a section")),
            Place::Unknown => Err(unknown(&leaf.path, defaults)),
            Place::Text => text(&leaf).map(toml::Value::String),
            Place::Integer => integer(&leaf).map(toml::Value::Integer),
            Place::Boolean => boolean(&leaf).map(toml::Value::Boolean),
        };
        match judged.and_then(|value| rules::keep(&leaf.path, &value).map(|()| value)) {
            Ok(value) => checked.good.push(Leaf { value, ..leaf }),
            Err(what) => checked.mistakes.push(Mistake { key: leaf.key(), origin: Some(leaf.origin), what }),
        }
    }
    checked
}

fn place(path: &[String], defaults: &toml::Table) -> Place {
    // A listener's name is the user's; its keys are the same for all.
    if let [listen, name, rest @ ..] = path
        && listen == "listen"
        && rules::is_listener_name(name)
    {
        return match rest {
            [] => Place::Section,
            [key] if rules::LISTEN_KEYS.contains(&key.as_str()) => Place::Text,
            [key] if key == rules::LISTEN_TLS => Place::Boolean,
            [key, _, ..] if key == rules::LISTEN_TLS || rules::LISTEN_KEYS.contains(&key.as_str()) => {
                Place::Under(format!("listen.{name}.{key}"))
            }
            _ => Place::Unknown,
        };
    }
    let mut table = defaults;
    for (depth, key) in path.iter().enumerate() {
        let last = depth + 1 == path.len();
        match table.get(key) {
            Some(toml::Value::Table(_)) if last => return Place::Section,
            Some(toml::Value::Table(inner)) => table = inner,
            Some(_) if !last => return Place::Under(path[..=depth].join(".")),
            Some(toml::Value::String(_)) => return Place::Text,
            Some(toml::Value::Integer(_)) => return Place::Integer,
            Some(toml::Value::Boolean(_)) => return Place::Boolean,
            _ => return Place::Unknown,
        }
    }
    Place::Unknown
}

/// A string. From outside a TOML file any text is one; in a file a number is taken for its digits (`ports = 0`).
fn text(leaf: &Leaf) -> Result<String, String> {
    match (&leaf.value, &leaf.text) {
        (toml::Value::String(text), _) => Ok(text.clone()),
        (_, Some(written)) => Ok(written.clone()),
        (toml::Value::Integer(number), None) => Ok(number.to_string()),
        (other, None) => Err(format!("must be a string in quotes, and is {}", rules::kind(other))),
    }
}

fn integer(leaf: &Leaf) -> Result<i64, String> {
    match &leaf.value {
        toml::Value::Integer(number) => Ok(*number),
        toml::Value::String(text) => match text.trim().parse::<toml::Value>() {
            Ok(toml::Value::Integer(number)) => Ok(number),
            _ => Err(format!("must be a whole number, and is {}", rules::quoted(text))),
        },
        other => Err(format!("must be a whole number, and is {}", rules::kind(other))),
    }
}

fn boolean(leaf: &Leaf) -> Result<bool, String> {
    match &leaf.value {
        toml::Value::Boolean(truth) => Ok(*truth),
        toml::Value::String(text) => match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("must be true or false, and is {}", rules::quoted(text))),
        },
        other => Err(format!("must be true or false, and is {}", rules::kind(other))),
    }
}

fn unknown(path: &[String], defaults: &toml::Table) -> String {
    if let [listen, name, ..] = path
        && listen == "listen"
        && !rules::is_listener_name(name)
    {
        return format!("cannot be: a listener's name is 1 to 32 of a-z, 0-9, - and _{}", rules::LISTEN_EXAMPLE);
    }
    match nearest(path, defaults) {
        Some(key) => format!("does not exist; did you mean {key}?"),
        None => "does not exist; `hongyan settings` prints all that do".into(),
    }
}

/// The known key that was most likely meant.
fn nearest(path: &[String], defaults: &toml::Table) -> Option<String> {
    let wanted = path.join(".");
    let last = path.last().map_or("", String::as_str);
    let mut known = Vec::new();
    all_keys("", defaults, &mut known);
    if let [listen, name, _, ..] = path
        && listen == "listen"
    {
        known.extend(rules::LISTEN_KEYS.iter().map(|key| format!("listen.{name}.{key}")));
        known.push(format!("listen.{name}.{}", rules::LISTEN_TLS));
    }
    let scored = known.into_iter().map(|key| {
        // The right key in the wrong section is a nearer guess than any misspelling.
        let same_last = !last.is_empty() && key.rsplit('.').next() == Some(last);
        (if same_last { 1 } else { distance(&wanted, &key) }, key)
    });
    let allowed = 2.max(wanted.chars().count() / 4);
    scored.min_by_key(|(score, _)| *score).filter(|(score, _)| *score <= allowed).map(|(_, key)| key)
}

/// Every key and section of a table, dotted.
pub(super) fn all_keys(under: &str, table: &toml::Table, keys: &mut Vec<String>) {
    for (key, value) in table {
        let dotted = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
        if let toml::Value::Table(inner) = value {
            all_keys(&dotted, inner, keys);
        }
        keys.push(dotted);
    }
}

/// Levenshtein's distance: how many letters to add, drop or change.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
