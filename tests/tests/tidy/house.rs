//! The files of the house, read once. Must not know any rule.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::outline::Outline;

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    path: PathBuf,
    line: usize,
    what: String,
    rule: &'static str,
}

impl Breach {
    pub(crate) fn new(path: &Path, line: usize, what: impl Into<String>, rule: &'static str) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), rule }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.path.display(), self.line, self.what, self.rule)
    }
}

/// A Rust file.
pub(crate) struct Source {
    /// Relative to the root of the house.
    pub(crate) path: PathBuf,
    /// The room it belongs to, as its package is named without `ostler-`.
    pub(crate) room: String,
    /// Whether it ships: below a room's `src` and not compiled for tests only.
    pub(crate) ships: bool,
    pub(crate) text: String,
    pub(crate) outline: Outline,
}

/// A package's manifest.
pub(crate) struct Manifest {
    pub(crate) path: PathBuf,
    pub(crate) room: String,
    pub(crate) table: toml::Table,
}

/// The whole checkout.
pub(crate) struct House {
    pub(crate) root: PathBuf,
    pub(crate) sources: Vec<Source>,
    pub(crate) manifests: Vec<Manifest>,
}

/// Folders that are not the house: built, fetched or hidden.
const ELSEWHERE: [&str; 4] = ["target", ".git", "node_modules", "corpus"];

impl House {
    /// The checkout this test was built from.
    pub(crate) fn ours() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the house").to_owned();
        let mut house = Self { sources: Vec::new(), manifests: Vec::new(), root };
        for path in house.files(&["rs"]) {
            house.read_source(&path);
        }
        for path in house.files(&["toml"]).into_iter().filter(|path| path.ends_with("Cargo.toml")) {
            house.read_manifest(&path);
        }
        house.mark_test_modules();
        assert!(house.sources.len() > 50 && house.manifests.len() > 10, "the house was not found at {:?}", house.root);
        house
    }

    /// A house of one file, for rules to be tried on.
    pub(crate) fn of(path: &str, text: &str) -> Self {
        let mut house = Self { root: PathBuf::new(), sources: Vec::new(), manifests: Vec::new() };
        house.add(Path::new(path), text);
        house
    }

    pub(crate) fn add(&mut self, path: &Path, text: &str) {
        let outline = Outline::of(text).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        let (room, ships) = place(path);
        self.sources.push(Source { path: path.to_owned(), room, ships, text: text.to_owned(), outline });
    }

    /// The sources that ship.
    pub(crate) fn production(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.ships)
    }

    pub(crate) fn manifest(&self, room: &str) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.room == room)
    }

    /// Paths, relative to the root and in order, of all files with one of these endings.
    pub(crate) fn files(&self, endings: &[&str]) -> Vec<PathBuf> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![self.root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && !ELSEWHERE.iter().any(|elsewhere| name == *elsewhere) {
                    folders.push(path);
                } else if kind.is_file() && endings.iter().any(|ending| name.to_string_lossy().ends_with(ending)) {
                    found.insert(path.strip_prefix(&self.root).expect("it is below the root").to_owned());
                }
            }
        }
        found.into_iter().collect()
    }

    /// The text of a file; empty when it vanished or is not text.
    pub(crate) fn text(&self, path: &Path) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    fn read_source(&mut self, path: &Path) {
        let text = self.text(path);
        if !text.is_empty() {
            self.add(path, &text);
        }
    }

    fn read_manifest(&mut self, path: &Path) {
        let table: toml::Table = self.text(path).parse().unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let room = name.map_or("house", |name| name.trim_start_matches("ostler-")).to_owned();
        self.manifests.push(Manifest { path: path.to_owned(), room, table });
    }

    /// A file that is only declared as `#[cfg(test)] mod name;` does not ship, nor does anything below it.
    fn mark_test_modules(&mut self) {
        let mut roots = Vec::new();
        for source in &self.sources {
            let stem = source.path.with_extension("");
            let inside = matches!(stem.file_name().and_then(|name| name.to_str()), Some("mod" | "lib" | "main"));
            let home = if inside { source.path.parent().map(Path::to_owned) } else { Some(stem) };
            roots.extend(home.into_iter().flat_map(|home| {
                source.outline.test_modules.iter().map(move |name| home.join(name)).collect::<Vec<_>>()
            }));
        }
        for source in &mut self.sources {
            source.ships &= !roots.iter().any(|root| source.path.with_extension("").starts_with(root));
        }
    }
}

/// The room a path belongs to, and whether it is below that room's `src`.
fn place(path: &Path) -> (String, bool) {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        ["crates", room, "src", ..] => ((*room).to_owned(), true),
        ["crates", room, ..] => ((*room).to_owned(), false),
        ["tests" | "benches", ..] => (parts[0].to_owned(), false),
        [room, "src", ..] => ((*room).to_owned(), true),
        [room, ..] => ((*room).to_owned(), false),
        [] => (String::new(), false),
    }
}
