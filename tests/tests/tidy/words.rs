//! Words that must not be said, and where each may be. Must not know sizes.

use std::path::Path;

use crate::house::{Breach, House, Source};

/// Macros that mean "not done yet".
const UNDONE: [&str; 3] = ["todo", "dbg", "unimplemented"];
/// Macros that write to the person's terminal.
const PRINTING: [&str; 4] = ["println", "print", "eprintln", "eprint"];
/// Names that say nothing about what is inside.
const JUNK: [&str; 14] = [
    "utils", "util", "helpers", "helper", "common", "types", "manager", "managers", "handler", "handlers", "service",
    "services", "misc", "shared",
];
/// What core must not know: paths that start like this.
const OUTSIDE: [&str; 13] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "rand",
    "getrandom",
    "tokio",
    "HashMap",
];
/// The one room whose types hold raw memory or file descriptors.
const UNSAFE_ROOMS: [&str; 1] = ["pty"];
/// Lines above an `unsafe` block in which its SAFETY sentence may start.
const SAFETY_WITHIN: usize = 4;

/// The first line is a `//!`.
pub(crate) fn opening(source: &Source) -> Vec<Breach> {
    let first = source.text.lines().next().unwrap_or_default();
    if first.starts_with("//! ") {
        return Vec::new();
    }
    vec![Breach::new(&source.path, 1, format!("{first:?}"), "a file opens with //! saying what it owns")]
}

/// Macros, calls and attributes that must not be there.
pub(crate) fn forbidden(source: &Source) -> Vec<Breach> {
    let breach = |line, what: String, rule| Breach::new(&source.path, line, what, rule);
    let outline = &source.outline;
    let undone = outline.macros.iter().filter(|found| UNDONE.contains(&found.name.as_str()));
    let undone = undone.map(|found| breach(found.line, format!("{}!", found.name), "nothing undone is kept"));
    let printed = outline.macros.iter().filter(|found| PRINTING.contains(&found.name.as_str()) && !may_print(source));
    let printed = printed
        .map(|found| breach(found.line, format!("{}!", found.name), "only cli and a main.rs write to the terminal"));
    let calls = outline.calls.iter().filter(|found| source.ships && !found.in_test);
    let calls = calls.map(|found| match found.name.as_str() {
        "unwrap" => breach(found.line, "unwrap()".to_owned(), "production does not unwrap"),
        _ => breach(found.line, "expect of one word".to_owned(), "expect says the invariant in words"),
    });
    let lints = outline.lints.iter().map(|found| match found.name.as_str() {
        "allow" => breach(found.line, "#[allow".to_owned(), "use #[expect(lint, reason = …)]"),
        _ => breach(found.line, "#[expect without a reason".to_owned(), "an expected lint has a reason"),
    });
    let unsafes = outline.unsafes.iter().filter(|found| !is_safe(source, found.line));
    let unsafes = unsafes
        .map(|found| breach(found.line, "unsafe".to_owned(), "unsafe only in pty, each with its SAFETY sentence"));
    undone.chain(printed).chain(calls).chain(lints).chain(unsafes).collect()
}

fn may_print(source: &Source) -> bool {
    source.room == "cli" || !source.ships || source.path.file_name().is_some_and(|name| name == "main.rs")
}

fn is_safe(source: &Source, line: usize) -> bool {
    let above = source.text.lines().skip(line.saturating_sub(SAFETY_WITHIN + 1)).take(SAFETY_WITHIN + 1);
    UNSAFE_ROOMS.contains(&source.room.as_str()) && above.into_iter().any(|line| line.contains("SAFETY"))
}

/// Core names no clock, file, net, environment, chance or unordered map.
pub(crate) fn outside(source: &Source) -> Vec<Breach> {
    if source.room != "core" {
        return Vec::new();
    }
    let said = source.outline.paths.iter().filter(|path| !path.in_test);
    let said = said.filter(|path| OUTSIDE.iter().any(|outside| starts(&path.name, outside)));
    said.map(|path| Breach::new(&source.path, path.line, path.name.clone(), "core knows no outside and no HashMap"))
        .collect()
}

/// Whether a path is `prefix` or continues it at a `::`.
pub(crate) fn starts(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Files, folders and modules named for their genre.
pub(crate) fn junk_names(source: &Source) -> Vec<Breach> {
    let rule = "name the thing, not its genre";
    let parts = source.path.with_extension("");
    let parts = parts.iter().filter_map(|part| part.to_str()).filter(|part| JUNK.contains(part));
    let files = parts.map(|part| Breach::new(&source.path, 1, part, rule));
    let modules = source.outline.modules.iter().filter(|module| JUNK.contains(&module.name.as_str()));
    files.chain(modules.map(|module| Breach::new(&source.path, module.line, module.name.clone(), rule))).collect()
}

/// Paths and hosts of a machine somebody worked on.
pub(crate) fn private_machines(house: &House) -> Vec<Breach> {
    let files = house.files(&["rs", "toml", "md", "yaml", "yml", "service", "Containerfile", "run", "lock", "json"]);
    let read = files.iter().map(|path| (path, house.text(path)));
    read.flat_map(|(path, text)| private(path, &text)).collect()
}

/// The lines of one file that name such a machine.
pub(crate) fn private(path: &Path, text: &str) -> Vec<Breach> {
    // Put together here, so that this file does not name them itself.
    let marks = [
        ["/work", "/main"].concat(),
        ["/work", "/shared"].concat(),
        ["/root", "/."].concat(),
        ["/tmp/bash", "_jobs"].concat(),
        ["path+", "file://"].concat(),
        ["git+", "ssh://"].concat(),
        ["index.crates.io", "-1949"].concat(),
    ];
    let lines = text.lines().enumerate().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark.as_str())));
    lines.map(|(at, line)| Breach::new(path, at + 1, line.trim(), "nothing names a private machine's paths")).collect()
}
