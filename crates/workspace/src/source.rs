//! Where a run's code comes from, parsed once at the edge.
//!
//! A repository is a local path, an `https` URL or an `ssh` URL; nothing else is spoken (no `ext::`, `file:`,
//! `git:` or plain `http`). A reference is a branch, a tag or a commit, and never an option. Must not touch
//! disk or network.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::printable;

/// A repository and what to take from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    place: Place,
    reference: Option<String>,
}

/// How the repository is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// No repository: an empty folder.
    Nowhere,
    /// A path on the runner's machine.
    Local(PathBuf),
    /// A URL for the system's git.
    Remote { url: String, transport: Transport },
}

/// The only two ways over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transport {
    Https,
    Ssh,
}

/// Why a repository or reference is refused before anything looks at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not a path and not a URL we speak.
    #[error("{0:?} is not an absolute path, an https:// or an ssh:// URL; other transports are refused")]
    Transport(String),
    /// A path must be absolute and plain.
    #[error("{0:?} must be an absolute path without `..`, in UTF-8 and without control characters")]
    Path(String),
    /// argv is readable by others, so no secret may stand in a URL.
    #[error("the URL carries a user name with a password; configure a credential helper on the runner instead")]
    Credentials,
    /// Host or path would be read as something else.
    #[error("{0:?} has an empty or unsafe host or path")]
    Url(String),
    /// Not a reference name.
    #[error(
        "{0:?} is not a branch, tag or commit name (it may not start with `-`, nor hold spaces, `..`, `:` or control characters)"
    )]
    Reference(String),
}

/// Long enough for any forge's URL, short enough for argv.
const REPOSITORY_BYTES_MAX: usize = 4096;
/// File systems end a component at 255 bytes; a reference is a path of a few.
const REFERENCE_BYTES_MAX: usize = 512;

impl Source {
    /// No repository: the run gets an empty folder, and what it leaves there is saved all the same.
    pub fn nowhere() -> Self {
        Self { place: Place::Nowhere, reference: None }
    }

    /// A path or URL, and a branch, tag or commit of it (`None`: what its HEAD names).
    pub fn new(repository: &str, reference: Option<&str>) -> Result<Self, SourceError> {
        let place = if repository.starts_with('/') { local(repository)? } else { remote(repository)? };
        let reference = reference.map(checked_reference).transpose()?;
        Ok(Self { place, reference })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// What a person would call it.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Nowhere => "no repository".to_owned(),
            Place::Local(path) => path.display().to_string(),
            Place::Remote { url, .. } => url.clone(),
        }
    }

    /// The name of its mirror: the git hash of the normalised source, so the same place is mirrored once.
    pub(crate) fn key(&self) -> Result<String, git2::Error> {
        let text = match &self.place {
            Place::Nowhere => "nowhere".to_owned(),
            Place::Local(path) => format!("path {}", path.display()),
            Place::Remote { url, .. } => {
                format!("url {}", url.trim_end_matches('/').trim_end_matches(".git").trim_end_matches('/'))
            }
        };
        Ok(git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes())?.to_string())
    }
}

fn local(text: &str) -> Result<Place, SourceError> {
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !plain || text.len() > REPOSITORY_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(SourceError::Path(printable(text.as_bytes())));
    }
    Ok(Place::Local(path.components().collect()))
}

fn remote(text: &str) -> Result<Place, SourceError> {
    let shown = || printable(&text.as_bytes()[..text.len().min(200)]);
    if text.len() > REPOSITORY_BYTES_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(SourceError::Url(shown()));
    }
    let (transport, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (Transport::Https, rest)
    } else if let Some(rest) = text.strip_prefix("ssh://") {
        (Transport::Ssh, rest)
    } else {
        return scp_like(text).ok_or_else(|| SourceError::Transport(shown()));
    };
    let (authority, path) = rest.split_once('/').ok_or_else(|| SourceError::Url(shown()))?;
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    match (transport, user) {
        (_, Some(user)) if user.contains(':') => return Err(SourceError::Credentials),
        (Transport::Https, Some(_)) => return Err(SourceError::Credentials),
        (Transport::Ssh, Some(user)) if !word(user) => return Err(SourceError::Url(shown())),
        (Transport::Https | Transport::Ssh, _) => {}
    }
    if !host_safe(host) || path.is_empty() {
        return Err(SourceError::Url(shown()));
    }
    Ok(Place::Remote { url: text.to_owned(), transport })
}

/// `user@host:path`, rewritten as the `ssh://` URL that means the same to every forge.
fn scp_like(text: &str) -> Option<Place> {
    let (authority, path) = text.split_once(':')?;
    let (user, host) = authority.split_once('@')?;
    let safe =
        word(user) && host_safe(host) && !host.contains(':') && !path.is_empty() && !path.starts_with([':', '-']);
    let url = format!("ssh://{user}@{host}/{}", path.trim_start_matches('/'));
    safe.then_some(Place::Remote { url, transport: Transport::Ssh })
}

fn host_safe(host: &str) -> bool {
    !host.is_empty()
        && !host.starts_with('-')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_'))
}

fn word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn checked_reference(text: &str) -> Result<String, SourceError> {
    let refused = || SourceError::Reference(printable(&text.as_bytes()[..text.len().min(200)]));
    let valid = !text.is_empty()
        && text.len() <= REFERENCE_BYTES_MAX
        && !text.starts_with('-')
        && !text.contains("@{")
        && git2::Reference::is_valid_name(&format!("refs/heads/{text}"));
    if valid { Ok(text.to_owned()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_kinds_of_place_are_spoken() {
        for good in
            ["/srv/code", "https://example.org/a/b.git", "ssh://git@example.org:22/a", "git@example.org:a/b.git"]
        {
            assert!(Source::new(good, None).is_ok(), "{good}");
        }
        for bad in [
            "",
            "code",
            "../code",
            "/srv/../etc",
            "/a\nb",
            "http://example.org/a",
            "git://example.org/a",
            "file:///etc",
            "ext::sh -c evil",
            "fd::3",
            "--upload-pack=evil",
            "-oProxyCommand=evil:x",
            "ssh://-oProxyCommand=evil/x",
            "ssh://git@-evil/x",
            "https://u:p@example.org/a",
            "https://token@example.org/a",
            "https:///a",
            "https://example.org",
            "https://example.org/a b",
            "git@-evil:x",
            "-evil@host:x",
            "git@host:-x",
            "git@host::x",
        ] {
            assert!(Source::new(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_is_never_an_option() {
        for good in ["main", "feature/one", "v1.0", "0123456789abcdef", "refs/heads/main"] {
            assert!(Source::new("/srv", Some(good)).is_ok(), "{good}");
        }
        for bad in
            ["", "--upload-pack=evil", "-c", "a..b", "a b", "a\nb", "a:b", "HEAD@{1}", "a~1", "a^", ".hidden", "a.lock"]
        {
            assert!(Source::new("/srv", Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_place_has_one_mirror() {
        let key = |text: &str| Source::new(text, None).expect("good").key().expect("hashing cannot fail");
        assert_eq!(key("https://example.org/a.git"), key("https://example.org/a/"));
        assert_eq!(key("/srv//code/"), key("/srv/code"));
        assert_ne!(key("/srv/code"), key("/srv/code2"));
    }
}
