//! Lays one TOML table over another that is its schema. Must not know any key.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, line_of, nearest::nearest};

/// What does not fit, with where it stands in the user's text (a byte offset).
#[derive(Debug)]
pub(super) struct Misfit {
    at: usize,
    key: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Unknown { nearest: Option<String> },
    Kind { expected: &'static str, found: &'static str },
}

impl Misfit {
    pub(super) fn into_error(self, path: &Path, text: &str) -> ConfigError {
        let (path, line, key) = (path.to_owned(), line_of(text, self.at), self.key);
        match self.why {
            Why::Unknown { nearest } => ConfigError::UnknownKey { path, line, key, nearest },
            Why::Kind { expected, found } => ConfigError::WrongKind { path, line, key, expected, found },
        }
    }
}

/// Replaces the values of `base` by those of `theirs`, table by table.
pub(super) fn overlay<'i>(base: &mut DeTable<'i>, theirs: DeTable<'i>) -> Result<(), Misfit> {
    below(base, theirs, "")
}

fn below<'i>(base: &mut DeTable<'i>, theirs: DeTable<'i>, prefix: &str) -> Result<(), Misfit> {
    let known: Vec<String> = base.keys().map(|key| format!("{prefix}{}", key.get_ref())).collect();
    let open = known.is_empty() && !prefix.is_empty();
    for (name, value) in theirs {
        let (key, at) = (format!("{prefix}{}", name.get_ref()), name.span().start);
        let Some(default) = base.get_mut(name.get_ref().as_ref()) else {
            if open {
                base.insert(name, value);
                continue;
            }
            return Err(Misfit { at, why: Why::Unknown { nearest: nearest(&key, &known) }, key });
        };
        let (expected, found) = (kind(default.get_ref()), kind(value.get_ref()));
        if expected != found {
            return Err(Misfit { at: value.span().start, key, why: Why::Kind { expected, found } });
        }
        if !default.get_ref().is_table() {
            *default = value;
            continue;
        }
        if let (DeValue::Table(inner), DeValue::Table(theirs)) = (default.get_mut(), value.into_inner()) {
            below(inner, theirs, &format!("{key}."))?;
        }
    }
    Ok(())
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
