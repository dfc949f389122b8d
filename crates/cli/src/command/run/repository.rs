//! `--repo`: a path on this machine, made absolute and bound to this machine, or a URL as it is.

use crate::fault::Fault;
use ostler_core::requirements::Requirements;
use ostler_core::task::Source;
use std::path::Path;
use std::process::{Command, Stdio};

/// The source that was asked for.
pub(crate) fn source(repo: Option<&str>, reference: Option<&str>) -> Result<Option<Source>, Fault> {
    let Some(repo) = repo else { return Ok(None) };
    let repository = if is_url(repo) { repo.to_owned() } else { local(Path::new(repo))? };
    Ok(Some(Source { repository, reference: reference.map(str::to_owned) }))
}

/// A path is only here: the run must be too.
pub(crate) fn requirement(source: &Source) -> Option<Requirements> {
    if is_url(&source.repository) {
        return None;
    }
    format!("machine={}", ostler_runner::probe::machine_id()).parse().ok()
}

/// `scheme://…`, or git's `user@host:path`.
fn is_url(text: &str) -> bool {
    let scp = text.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    scp || text
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+'))
}

fn local(path: &Path) -> Result<String, Fault> {
    let none = |reason: Option<String>| Fault::NoRepository { path: path.to_owned(), reason };
    let absolute = path.canonicalize().map_err(|error| none(Some(error.to_string())))?;
    let top = top_level(&absolute).ok_or_else(|| none(None))?;
    Path::new(&top).to_str().map(str::to_owned).ok_or_else(|| none(Some("its path is not UTF-8".to_owned())))
}

/// The top of the working tree that `inside` is in, or the bare repository that it is.
pub(crate) fn top_level(inside: &Path) -> Option<String> {
    let ask = |what: &str| {
        let mut git = Command::new("git");
        git.arg("-C").arg(inside).args(["rev-parse", what]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = git.output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim_end_matches('\n').to_owned())
    };
    ask("--show-toplevel").filter(|top| !top.is_empty()).or_else(|| ask("--absolute-git-dir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_stay_as_they_are_and_are_bound_to_no_machine() {
        for url in ["https://example.org/x.git", "ssh://git@example.org/x", "git@example.org:x/y.git"] {
            let source = source(Some(url), Some("main")).expect("a source").expect("some");
            assert_eq!((source.repository.as_str(), source.reference.as_deref()), (url, Some("main")));
            assert_eq!(requirement(&source), None);
        }
    }

    #[test]
    fn a_path_becomes_absolute_and_must_be_a_repository() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_str().expect("text");
        assert!(matches!(source(Some(path), None), Err(Fault::NoRepository { .. })));
        assert!(matches!(source(Some("/no/such/place"), None), Err(Fault::NoRepository { .. })));
        let made = Command::new("git").args(["init", "-q", path]).status().expect("git runs");
        assert!(made.success());
        std::fs::create_dir(dir.path().join("below")).expect("made");
        let found = source(Some(&format!("{path}/below")), None).expect("a source").expect("some");
        assert_eq!(found.repository, dir.path().canonicalize().expect("real").to_str().expect("text"));
    }
}
