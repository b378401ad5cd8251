//! Settings as a file. Owns: laying the values in force over the embedded `settings.toml` without losing a comment.
//! Never: checks them.

use super::DEFAULTS;
use toml_edit::{DocumentMut, Item, Table, Value};

/// The embedded file with the values of `effective`; listeners that it does not have follow the ones it has.
#[allow(clippy::expect_used, reason = "settings.toml is part of the program; a test parses it")]
pub(super) fn print(effective: &toml::Table) -> String {
    let mut document: DocumentMut = DEFAULTS.parse().expect("the embedded settings.toml is TOML");
    lay_over(document.as_table_mut(), effective);
    document.to_string()
}

fn lay_over(table: &mut Table, values: &toml::Table) {
    for (key, value) in values {
        match (table.get_mut(key), value) {
            (Some(Item::Table(inner)), toml::Value::Table(values)) => lay_over(inner, values),
            (None, toml::Value::Table(values)) => {
                let mut inner = Table::new();
                inner.decor_mut().set_prefix("\n");
                lay_over(&mut inner, values);
                table.insert(key, Item::Table(inner));
            }
            (Some(Item::Value(old)), value) => {
                if let Some(mut new) = scalar(value) {
                    // The decor is the white space and the comment around the value.
                    *new.decor_mut() = old.decor().clone();
                    *old = new;
                }
            }
            (None, value) => {
                if let Some(new) = scalar(value) {
                    table.insert(key, Item::Value(new));
                }
            }
            (Some(_), _) => {}
        }
    }
}

/// `check` lets no other kinds through.
fn scalar(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(text.as_str().into()),
        toml::Value::Integer(number) => Some((*number).into()),
        toml::Value::Boolean(truth) => Some((*truth).into()),
        _ => None,
    }
}
