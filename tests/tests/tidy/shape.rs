//! The shape budget: how large things may be. Each number is from the house style; must not know what is in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::house::{Breach, House, Source};
use crate::outline::Shown;

/// Lines of a file without its tests.
const FILE: Budget = Budget { p50: 150, p95: 350, max: 500 };
/// Lines of a function, from its signature to its closing brace.
const FUNCTION: Budget = Budget { p50: 8, p95: 40, max: 70 };
/// Arguments of a function, the receiver included.
const ARGUMENTS_MAX: usize = 6;
/// Lines of one match.
const MATCH_MAX: usize = 40;
/// Files in one folder, and folders below `src`.
const FOLDER_FILES_MAX: usize = 12;
const FOLDER_DEPTH_MAX: usize = 3;
/// Doc comments among the written (not blank) lines of the house, in percent.
const DOC_PERCENT: std::ops::RangeInclusive<f64> = 12.0..=20.0;
/// Plain comments, in percent. The style asks for 2–5; the low side is tolerated, because a why that stands in a doc
/// comment need not be said twice.
const PLAIN_PERCENT: std::ops::RangeInclusive<f64> = 0.2..=5.0;
/// Items a crate shows; the core is the language everybody speaks.
const PUBLIC_MAX: usize = 60;
const PUBLIC_CORE_MAX: usize = 150;
/// Statements of an invariant per thousand written lines of core: assertions, `unreachable!`, and `expect` with its words.
const ASSERTIONS_PER_KLOC: f64 = 10.0;

struct Budget {
    p50: usize,
    p95: usize,
    max: usize,
}

/// Files, functions, argument lists and matches past their walls.
pub(crate) fn walls(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut breach = |line, what: String, rule| breaches.push(Breach::new(&source.path, line, what, rule));
    let lines = file_lines(source);
    if lines > FILE.max {
        breach(1, format!("{lines} lines"), "a file without its tests has at most 500 lines");
    }
    for function in &source.outline.functions {
        let name = &function.name;
        if function.lines > FUNCTION.max {
            breach(function.line, format!("{name} has {} lines", function.lines), "a function has at most 70 lines");
        }
        if function.count > ARGUMENTS_MAX {
            breach(function.line, format!("{name} takes {}", function.count), "a function takes at most 6 arguments");
        }
    }
    for found in source.outline.matches.iter().filter(|found| found.lines > MATCH_MAX) {
        let what = format!("a match of {} arms on {} lines", found.count, found.lines);
        breach(found.line, what, "one match has at most 40 lines, its arms are calls");
    }
    breaches
}

/// The middle and the long tail of the whole house; the breach names the largest ones.
pub(crate) fn percentiles(house: &House) -> Vec<Breach> {
    let files = house.production().map(|source| (file_lines(source), source.path.clone(), 1)).collect();
    let functions = house
        .production()
        .flat_map(|source| source.outline.functions.iter().map(|found| (found.lines, source.path.clone(), found.line)));
    let mut breaches = spread(files, &FILE, "half of all files have at most 150 lines, 95% at most 350");
    breaches.extend(spread(
        functions.collect(),
        &FUNCTION,
        "half of all functions have at most 8 lines, 95% at most 40",
    ));
    breaches
}

fn spread(mut sizes: Vec<(usize, PathBuf, usize)>, budget: &Budget, rule: &'static str) -> Vec<Breach> {
    sizes.sort();
    let at = |percent: usize| sizes.get(sizes.len() * percent / 100).map_or(0, |(lines, ..)| *lines);
    let (p50, p95) = (at(50), at(95));
    if p50 <= budget.p50 && p95 <= budget.p95 {
        return Vec::new();
    }
    let worst = sizes.iter().rev().take(sizes.len() / 20 + 1);
    worst
        .map(|(lines, path, line)| Breach::new(path, *line, format!("{lines} lines; p50 is {p50}, p95 {p95}"), rule))
        .collect()
}

/// Folders with too many files or too deep.
pub(crate) fn folders(house: &House) -> Vec<Breach> {
    let mut counts: BTreeMap<&Path, usize> = BTreeMap::new();
    for source in &house.sources {
        *counts.entry(source.path.parent().unwrap_or(Path::new(""))).or_default() += 1;
    }
    let crowded = counts
        .iter()
        .filter(|(_, files)| **files > FOLDER_FILES_MAX)
        .map(|(folder, files)| Breach::new(folder, 0, format!("{files} files"), "a folder has at most 12 files"));
    let deep = counts.keys().filter(|folder| below_src(folder) > FOLDER_DEPTH_MAX).map(|folder| {
        Breach::new(folder, 0, format!("{} folders below src", below_src(folder)), "folders are at most 3 deep")
    });
    crowded.chain(deep).collect()
}

fn below_src(folder: &Path) -> usize {
    folder.iter().skip_while(|part| *part != "src").count().saturating_sub(1)
}

/// The share of doc and plain comments in the whole house.
pub(crate) fn comments(house: &House) -> Vec<Breach> {
    let (mut written, mut docs, mut plain) = (0_usize, 0_usize, 0_usize);
    for source in house.production() {
        for line in written_lines(source) {
            written += 1;
            if line.starts_with("///") || line.starts_with("//!") {
                docs += 1;
            } else if line.starts_with("//") {
                plain += 1;
            }
        }
    }
    let share = |part: usize| percent(part, written);
    let mut breaches = Vec::new();
    let mut breach = |what: String, rule| breaches.push(Breach::new(Path::new("."), 0, what, rule));
    if !DOC_PERCENT.contains(&share(docs)) {
        breach(format!("{docs} of {written} lines, {:.1}%", share(docs)), "doc comments are 12 to 20% of the lines");
    }
    if !PLAIN_PERCENT.contains(&share(plain)) {
        breach(format!("{plain} of {written} lines, {:.1}%", share(plain)), "plain comments are sparse and say why");
    }
    breaches
}

/// Items each crate shows to others.
pub(crate) fn public_items(house: &House) -> Vec<Breach> {
    let rooms: BTreeSet<&str> = house.production().map(|source| source.room.as_str()).collect();
    let counts = rooms.into_iter().filter_map(|room| {
        let lib = house.production().find(|source| source.room == room && source.path.ends_with("src/lib.rs"))?;
        Some((room, &lib.path, exported(house, lib)))
    });
    let crowded = counts.filter(|(room, _, items)| *items > if *room == "core" { PUBLIC_CORE_MAX } else { PUBLIC_MAX });
    crowded
        .map(|(_, path, items)| {
            Breach::new(path, 1, format!("{items} public items"), "a crate shows at most 60 items, core 150")
        })
        .collect()
}

/// Items that can be named through a module: its own, those of its public modules, and what it passes on.
fn exported(house: &House, module: &Source) -> usize {
    let below = |name: &str| {
        let folder = module_folder(&module.path);
        let candidates = [folder.join(name).with_extension("rs"), folder.join(name).join("mod.rs")];
        house.sources.iter().find(|source| candidates.contains(&source.path))
    };
    let count = |shown: &Shown| match shown {
        Shown::Item(_) => 1,
        Shown::Module(name) => below(name).map_or(1, |source| exported(house, source)),
        Shown::Use(parts) => match parts.as_slice() {
            [name, star] | [_, name, star] if star == "*" => below(name).map_or(1, |source| exported(house, source)),
            _ => 1,
        },
    };
    module.outline.shown.iter().map(count).sum()
}

fn module_folder(path: &Path) -> PathBuf {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs" | "mod.rs") => path.parent().map(Path::to_owned).unwrap_or_default(),
        Some(_) | None => path.with_extension(""),
    }
}

/// How often core says what it believes.
pub(crate) fn assertions(house: &House) -> Vec<Breach> {
    let core: Vec<&Source> = house.production().filter(|source| source.room == "core").collect();
    let lines: usize = core.iter().map(|source| written_lines(source).count()).sum();
    let found: usize = core.iter().map(|source| source.outline.assertions).sum();
    let per_kloc = percent(found, lines) * 10.0;
    if per_kloc >= ASSERTIONS_PER_KLOC {
        return Vec::new();
    }
    let what = format!("{found} assertions on {lines} lines, {per_kloc:.1} per thousand");
    vec![Breach::new(Path::new("crates/core"), 0, what, "core has at least 10 assertions per thousand lines")]
}

fn file_lines(source: &Source) -> usize {
    (1..=source.text.lines().count()).filter(|line| !source.outline.is_test_line(*line)).count()
}

/// Trimmed lines that are neither blank nor compiled for tests only.
fn written_lines(source: &Source) -> impl Iterator<Item = &str> {
    let lines = source.text.lines().enumerate().filter(|(at, _)| !source.outline.is_test_line(at + 1));
    lines.map(|(_, line)| line.trim()).filter(|line| !line.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "lines of code are far below 2^52")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
