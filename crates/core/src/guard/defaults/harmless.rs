//! Programs that only read: a short list, and what of each is not on it.
//!
//! Whoever adds one has read its manual for options that write, execute or read a list of names.

use super::{Place, Run};
use crate::guard::run::is_option;
use crate::guard::shell::Known;

/// What the arguments of a program are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Text that leads nowhere.
    Words,
    /// Paths.
    Paths,
    /// First what is looked for, then paths.
    Pattern,
}

/// A program, what it takes, and the options that take it off the list.
type Reader = (&'static str, Takes, &'static str, &'static [&'static str]);

const READERS: [Reader; 31] = [
    ("[", Takes::Paths, "", &[]),
    ("basename", Takes::Words, "", &[]),
    ("cat", Takes::Paths, "", &[]),
    ("cd", Takes::Paths, "", &[]),
    ("cmp", Takes::Paths, "", &[]),
    ("cut", Takes::Paths, "", &[]),
    ("diff", Takes::Paths, "", &[]),
    ("dirname", Takes::Words, "", &[]),
    ("du", Takes::Paths, "X", &["files0-from", "exclude-from"]),
    ("echo", Takes::Words, "", &[]),
    ("false", Takes::Words, "", &[]),
    ("file", Takes::Paths, "Cmfz", &["compile", "magic-file", "files-from", "uncompress"]),
    ("grep", Takes::Pattern, "", &[]),
    ("head", Takes::Paths, "", &[]),
    ("ls", Takes::Paths, "", &[]),
    ("nl", Takes::Paths, "", &[]),
    ("printf", Takes::Words, "v", &[]),
    ("pwd", Takes::Words, "", &[]),
    ("readlink", Takes::Paths, "", &[]),
    ("realpath", Takes::Paths, "", &[]),
    ("rg", Takes::Pattern, "z", &["pre", "search-zip", "hostname-bin"]),
    ("sleep", Takes::Words, "", &[]),
    ("sort", Takes::Paths, "oT", &["output", "compress-program", "files0-from", "temporary-directory"]),
    ("stat", Takes::Paths, "", &[]),
    ("tail", Takes::Paths, "", &[]),
    ("test", Takes::Paths, "", &[]),
    ("tr", Takes::Words, "", &[]),
    ("true", Takes::Words, "", &[]),
    ("wc", Takes::Paths, "", &["files0-from"]),
    ("which", Takes::Words, "", &[]),
    ("whoami", Takes::Words, "", &[]),
];
/// Expressions of `find` that do more than find.
const FIND_ACTS: [&str; 10] =
    ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls", "-files0-from"];
/// Commands of `git` that only look.
const GIT_LOOKS: [&str; 9] =
    ["blame", "describe", "diff", "log", "ls-files", "rev-parse", "shortlog", "show", "status"];
/// Their options that write or execute.
const GIT_ACTS: [&str; 5] = ["output", "ext-diff", "textconv", "open-files-in-pager", "contents"];

/// Its arguments are text and lead nowhere.
pub(super) fn is_deaf(run: &Run) -> bool {
    run.is_plain() && reader(run).is_some_and(|(_, takes, ..)| *takes == Takes::Words)
}

/// It only reads, and only in the tree.
pub(super) fn is_reader(run: &Run, places: &[Place]) -> bool {
    let is_known = run.args.iter().all(|word| word.known == Known::Wholly);
    // A pattern that begins with a dot may be any hidden file.
    let is_shown = |text: &str| !text.split('/').any(|part| part.starts_with('.') && part.contains(['*', '?', '[']));
    let is_shown = run.args.iter().filter(|word| word.is_glob).all(|word| is_shown(&word.text));
    if !run.is_plain() || run.is_open || !is_known || !is_shown {
        return false;
    }
    let searched = searched(run);
    let is_inside = |place: &Place| Some(place.at) == searched || place.spot.within.is_some() || place.spot.is_stream();
    match run.name() {
        "find" => !run.args.iter().any(|word| FIND_ACTS.contains(&word.text.as_str())) && places.iter().all(is_inside),
        "git" => is_git_look(run) && places.iter().all(is_inside),
        _ => reader(run).is_some_and(|(_, takes, letters, longs)| {
            !run.has_option(letters, longs) && (*takes == Takes::Words || places.iter().all(is_inside))
        }),
    }
}

fn reader(run: &Run) -> Option<&'static Reader> {
    READERS.iter().find(|(name, ..)| *name == run.name())
}

/// The argument that is looked for, and leads nowhere; none where an option may have said it.
fn searched(run: &Run) -> Option<usize> {
    let (_, takes, ..) = reader(run)?;
    let says = run.args.iter().any(|word| is_option(&word.text, "ef", &["regexp", "file", "files"]));
    let first = || run.args.iter().position(|word| !word.text.starts_with('-'));
    if *takes == Takes::Pattern && !says { first() } else { None }
}

fn is_git_look(run: &Run) -> bool {
    let args = match run.args.split_first() {
        Some((first, rest)) if first.text == "--no-pager" => rest,
        Some(_) | None => &run.args,
    };
    let acts = args.iter().any(|word| is_option(&word.text, "O", &GIT_ACTS));
    args.first().is_some_and(|word| GIT_LOOKS.contains(&word.text.as_str())) && !acts
}
