//! A file that is a list of tables of one kind, each known by the line it begins on. Must not know what they mean.
//!
//! ```text
//!   [[rule]]           ─▶ T, "my.policy:1" ─ placed ─▶ T
//!   effect = "ask"
//!
//!   [[rule]]           ─▶ T, "my.policy:4" ─ placed ─▶ T
//! ```

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::fields::fields;
use super::nearest::nearest;
use super::{ConfigError, line_of};

/// Bytes of such a file: a person wrote it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file of at most `max` tables `[[key]]`. `placed` is given each with where it stands, as `file:line`, and may
/// refuse it.
///
/// # Errors
/// [`ConfigError`], naming file and line.
pub fn load_tables<T: DeserializeOwned, E: Display>(
    path: &Path,
    key: &str,
    max: usize,
    placed: impl FnMut(T, String) -> Result<T, E>,
) -> Result<Vec<T>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("the file has more than {FILE_BYTES_MAX} bytes");
        return Err(ConfigError::Refused { path: path.to_owned(), line: 1, reason });
    }
    Source { text: &text, path }.tables(key, max, placed)
}

/// A text and the name it has in errors.
#[derive(Clone, Copy)]
struct Source<'s> {
    text: &'s str,
    path: &'s Path,
}

impl Source<'_> {
    fn tables<T: DeserializeOwned, E: Display>(
        self,
        key: &str,
        max: usize,
        mut placed: impl FnMut(T, String) -> Result<T, E>,
    ) -> Result<Vec<T>, ConfigError> {
        let known = fields::<T>();
        let syntax = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            ConfigError::Syntax { path: self.path.to_owned(), line, reason: error.message().to_owned() }
        };
        let items = self.items(DeTable::parse(self.text).map_err(syntax)?.into_inner(), key)?;
        if let Some(beyond) = items.get(max) {
            return Err(self.refused(beyond.span().start, format!("there are more than {max} tables `[[{key}]]`")));
        }
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            let at = item.span().start;
            let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned();
            let origin = format!("{name}:{}", self.line(at));
            let value = self.table(item, key, &known)?;
            tables.push(placed(value, origin).map_err(|why| self.refused(at, why.to_string()))?);
        }
        Ok(tables)
    }

    /// The tables of the only key that there is.
    fn items<'i>(self, file: DeTable<'i>, key: &str) -> Result<Vec<Spanned<DeValue<'i>>>, ConfigError> {
        let mut items = Vec::new();
        for (name, value) in file {
            if name.get_ref() != key {
                let table = [key.to_owned()];
                return Err(self.unknown(name.span().start, name.get_ref().to_string(), &table));
            }
            let (at, value) = (value.span().start, value.into_inner());
            let DeValue::Array(array) = value else {
                return Err(self.refused(at, format!("`{key}` must be a list of tables: write `[[{key}]]`")));
            };
            items = array.into_iter().collect();
        }
        Ok(items)
    }

    fn table<T: DeserializeOwned>(
        self,
        item: Spanned<DeValue<'_>>,
        key: &str,
        known: &[String],
    ) -> Result<T, ConfigError> {
        let at = item.span().start;
        let DeValue::Table(table) = item.get_ref() else {
            return Err(self.refused(at, format!("`{key}` must be a list of tables: write `[[{key}]]`")));
        };
        if let Some(strange) = table.keys().find(|name| !known.iter().any(|known| known == name.get_ref())) {
            return Err(self.unknown(strange.span().start, strange.get_ref().to_string(), known));
        }
        T::deserialize(ValueDeserializer::from(item))
            .map_err(|error| self.refused(error.span().map_or(at, |span| span.start), error.message().to_owned()))
    }

    fn unknown(self, at: usize, key: String, known: &[String]) -> ConfigError {
        ConfigError::UnknownKey { path: self.path.to_owned(), line: self.line(at), nearest: nearest(&key, known), key }
    }

    fn refused(self, at: usize, reason: String) -> ConfigError {
        ConfigError::Refused { path: self.path.to_owned(), line: self.line(at), reason }
    }

    fn line(self, at: usize) -> usize {
        line_of(self.text, at)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        #[serde(default)]
        args: Vec<String>,
        #[serde(default)]
        origin: String,
    }

    fn read(text: &str) -> Result<Vec<Sample>, String> {
        let placed = |sample: Sample, origin: String| match sample.name.as_str() {
            "bad" => Err("it is bad"),
            _ => Ok(Sample { origin, ..sample }),
        };
        let source = Source { text, path: Path::new("/etc/my.policy") };
        source.tables("rule", 3, placed).map_err(|wrong| wrong.to_string())
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let message = read(text).expect_err("it must be refused");
        assert!(message.contains(expected), "{message:?} should say {expected:?}");
    }

    #[test]
    fn every_table_knows_its_line() {
        let found =
            read("# a\n[[rule]]\nname = 'a'\n\n[[rule]]\n\nname = 'b'\nargs = ['x',\n 'y']\n").expect("two tables");
        let origins: Vec<_> = found.iter().map(|sample| (sample.name.as_str(), sample.origin.as_str())).collect();
        assert_eq!(origins, [("a", "my.policy:2"), ("b", "my.policy:5")]);
        assert_eq!(found[1].args, ["x", "y"]);
        assert_eq!(read("# nothing\n").expect("no rules are rules too"), []);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_line() {
        refused("[[rule]]\nname = 'a'\nargz = []\n", "/etc/my.policy:3: unknown key `argz`; did you mean `args`?");
        refused("[[rule]]\nname = 'a'\n[[rules]]\n", "my.policy:3: unknown key `rules`; did you mean `rule`?");
        refused("x = 1\n", "my.policy:1: unknown key `x`");
        refused("[rule]\nname = 'a'\n", "write `[[rule]]`");
        refused("rule = ['a']\n", "write `[[rule]]`");
        refused("[[rule]]\nname = 'a'\n\nargs = 'x'\n", "my.policy:4: invalid type");
        refused("[[rule]]\n[[rule]]\nname = 'a'", "my.policy:1: missing field `name`");
        refused("[[rule]]\nname = 'a'\n[[rule]]\nname = 'bad'", "my.policy:3: it is bad");
        refused("[[rule]]\nname = \n", "my.policy:2: ");
        refused(&"[[rule]]\nname = 'a'\n".repeat(4), "my.policy:7: there are more than 3 tables");
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("my.policy");
        let load =
            || load_tables(&path, "rule", 3, |sample: Sample, _| Ok::<_, String>(sample)).map(|found| found.len());
        assert!(load().expect_err("not there").to_string().contains("my.policy"));
        std::fs::write(&path, "[[rule]]\nname = 'a'\n").expect("written");
        assert_eq!(load().expect("one"), 1);
        std::fs::write(&path, "#".repeat(usize::try_from(FILE_BYTES_MAX).expect("fits") + 1)).expect("written");
        assert!(load().expect_err("too long").to_string().contains("more than"));
    }
}
