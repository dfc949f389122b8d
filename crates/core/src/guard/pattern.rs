//! Patterns of names, arguments, paths and hosts. Pure text; must not know rules or actions.
//!
//! All matching is iterative and takes at most pattern × text steps: a hostile text cannot make it slow.

use super::rule::Stance;

/// Whether `text` is `pattern`, `*` standing for any characters.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    walk(&pattern, &text, |wanted| *wanted == '*', |wanted, found| wanted == found)
}

/// The same, in the way of `stance`: what is refused is refused in any case of its letters.
pub(super) fn names(pattern: &str, text: &str, stance: Stance) -> bool {
    match stance {
        Stance::Permit => is_like(pattern, text),
        Stance::Restrict => is_like(&pattern.to_lowercase(), &text.to_lowercase()),
    }
}

/// Whether the path `text` is `pattern`: `*` within a name, `**` across directories. To permit a name with a leading
/// dot, the pattern must have the dot too.
pub(super) fn paths(pattern: &str, text: &str, stance: Stance) -> bool {
    let split = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let shown = |part: &str| stance == Stance::Restrict || !part.starts_with('.');
    let (pattern, text) = (split(pattern), split(text));
    let one =
        |wanted: &String, found: &String| names(wanted, found, stance) && (wanted.starts_with('.') || shown(found));
    walk_with(&pattern, &text, |wanted| wanted == "**", one, |swallowed| shown(swallowed))
}

/// Whether `host` is `pattern`: a name, `*.name` for it and all below, `*` for any.
pub(super) fn hosts(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix("*.") {
        Some(base) => host == base || host.strip_suffix(base).is_some_and(|below| below.ends_with('.')),
        None => pattern == "*" || pattern == host,
    }
}

/// Whether `text`, item by item, is `pattern`; an item for which `any` holds stands for any number of them.
pub(super) fn walk<P, T>(pattern: &[P], text: &[T], any: impl Fn(&P) -> bool, one: impl Fn(&P, &T) -> bool) -> bool {
    walk_with(pattern, text, any, one, |_| true)
}

/// [`walk`], where `any` swallows only items that `swallows` agrees to.
fn walk_with<P, T>(
    pattern: &[P],
    text: &[T],
    any: impl Fn(&P) -> bool,
    one: impl Fn(&P, &T) -> bool,
    swallows: impl Fn(&T) -> bool,
) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while here < text.len() {
        if at < pattern.len() && any(&pattern[at]) {
            back = Some((at + 1, here));
            at += 1;
        } else if at < pattern.len() && one(&pattern[at], &text[here]) {
            at += 1;
            here += 1;
        } else if let Some((after, from)) = back.filter(|(_, from)| swallows(&text[*from])) {
            back = Some((after, from + 1));
            (at, here) = (after, from + 1);
        } else {
            return false;
        }
    }
    debug_assert!(here == text.len(), "a match has looked at all of the text");
    pattern[at..].iter().all(any)
}

/// What is wrong with a pattern of program names.
pub(super) fn program_fault(pattern: &str) -> Option<&'static str> {
    if pattern.contains('/') {
        return path_fault(pattern.strip_prefix("./").unwrap_or(pattern));
    }
    pattern.contains(' ').then_some("a program has no arguments, they stand in `args`").or_else(|| name_fault(pattern))
}

/// What is wrong with a pattern of plain names.
pub(super) fn name_fault(pattern: &str) -> Option<&'static str> {
    pattern.is_empty().then_some("it is empty")
}

/// What is wrong with a pattern of paths.
pub(super) fn path_fault(pattern: &str) -> Option<&'static str> {
    if pattern.is_empty() {
        return Some("it is empty; `**` is everything in the tree");
    }
    if pattern.ends_with('/') {
        return Some("it names a directory; `src/**` is all that is in `src`");
    }
    if pattern.split('/').any(|part| part == "..") {
        return Some("`..` is resolved before anything is matched; write the path that it leads to");
    }
    let lumped = pattern.split('/').any(|part| part.contains("**") && part != "**");
    lumped.then_some("`**` stands alone between slashes")
}

/// What is wrong with a pattern of hosts.
pub(super) fn host_fault(pattern: &str) -> Option<&'static str> {
    if pattern == "*" {
        return None;
    }
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    if name.contains('*') {
        return Some("a star stands only in front, as `*.name`, or alone");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    let is_name = !name.is_empty() && name.chars().all(fits) && !name.contains("://");
    (!is_name).then_some("it is a host without scheme, port and path, in ASCII (`xn--…`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, like) in [
            ("git", "git", true),
            ("git", "gits", false),
            ("*", "", true),
            ("mkfs*", "mkfs.ext4", true),
            ("a*b*c", "a--b--b-c", true),
            ("a*b*c", "a--b--b-", false),
            ("", "x", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} ~ {text}");
        }
        assert!(!is_like(&"*a".repeat(200), &"a".repeat(20_000).replace("aa", "ab")), "and it is quick about it");
    }

    #[test]
    fn paths_match_by_name_and_dots_are_permitted_only_in_writing() {
        for (pattern, path, permitted, restricted) in [
            ("src/*", "src/a.rs", true, true),
            ("src/*", "src/a/b.rs", false, false),
            ("src/**", "src/a/b.rs", true, true),
            ("**", "a/b", true, true),
            ("**", ".git/config", false, true),
            ("**/x", "a/.git/x", false, true),
            (".git/**", ".git/config", true, true),
            (".git/**", ".GIT/config", false, true),
            ("**/.env", "a/b/.env", true, true),
            ("*", ".envrc", false, true),
            ("/etc/**", "/etc/passwd", true, true),
        ] {
            assert_eq!(paths(pattern, path, Stance::Permit), permitted, "permit {pattern} ~ {path}");
            assert_eq!(paths(pattern, path, Stance::Restrict), restricted, "restrict {pattern} ~ {path}");
        }
    }

    #[test]
    fn a_host_is_itself_or_below_a_starred_name() {
        for (pattern, host, like) in [
            ("docs.rs", "docs.rs", true),
            ("docs.rs", "evildocs.rs", false),
            ("*.docs.rs", "a.docs.rs", true),
            ("*.docs.rs", "docs.rs", true),
            ("*.docs.rs", "evildocs.rs", false),
            ("*", "anything", true),
        ] {
            assert_eq!(hosts(pattern, host), like, "{pattern} ~ {host}");
        }
    }
}
