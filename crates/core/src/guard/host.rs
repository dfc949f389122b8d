//! Whom an address contacts.
//!
//! Owns the reading of addresses, strictly: what two programs could read in two ways has no host. Must not know rules.

/// Schemes that an agent may fetch from.
const SCHEMES: [&str; 8] = ["http", "https", "ws", "wss", "ftp", "ssh", "git", "git+ssh"];
/// Names that mean a network of one's own, with all below.
const LOCAL_NAMES: [&str; 5] = ["localhost", "local", "internal", "lan", "home.arpa"];

/// Whom something contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contact {
    /// A host, in lower case.
    Host(String),
    /// A search engine of the agent's own choice.
    Search,
    /// Nobody can say.
    Unreadable,
}

impl Contact {
    /// Of an address, or of the words of a web search.
    pub(super) fn of_address(text: &str) -> Self {
        let text = text.trim();
        let is_prose = text.contains(char::is_whitespace) || !text.contains(['.', ':', '/']);
        if !text.contains("://") && is_prose {
            return Self::Search;
        }
        host_of(text).map_or(Self::Unreadable, Self::Host)
    }

    /// Those of the addresses in a text: `scheme://…`, and `user@host:path` on its own.
    pub(super) fn among(text: &str) -> Vec<Self> {
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "'\"<>(),".contains(c)).collect();
        let address = |word: &&str| {
            let before = &word[..word.find("://")?];
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || c == '+';
            let scheme = before.rsplit(|c| !is_scheme(c)).next()?;
            let start = before.len() - scheme.len();
            Some(host_of(&word[start..]).map_or(Self::Unreadable, Self::Host))
        };
        let copied = || {
            let (_, place) = text.split_once('@')?;
            let (host, _) = place.split_once(':').filter(|_| words.len() == 1)?;
            host_of(host).map(Self::Host)
        };
        let addresses: Vec<Self> = words.iter().filter_map(address).collect();
        if addresses.is_empty() { copied().into_iter().collect() } else { addresses }
    }

    /// It is this machine's network, or what tells a machine its secrets.
    pub(super) fn is_local(&self) -> bool {
        let Self::Host(host) = self else { return false };
        let is_below = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_loopback = host == "localhost" || host == "[::1]" || host == "127.0.0.1";
        if is_loopback {
            return false;
        }
        host.starts_with('[') || LOCAL_NAMES.iter().any(|name| is_below(name)) || is_address(host)
    }
}

/// The path of a `file:` address.
pub(super) fn file(text: &str) -> Option<&str> {
    let scheme = text.trim().get(..5)?;
    let path = text.trim().get(5..)?;
    scheme.eq_ignore_ascii_case("file:").then(|| path.strip_prefix("//").unwrap_or(path))
}

/// The host of an address; none if it has none, or if it could be read in two ways.
pub(super) fn host_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user_is_plain = |user: &str| user == "git";
    let (user, place) = authority.split_once('@').unwrap_or(("git", authority));
    let strange = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) || !user_is_plain(user) || text.contains(strange) {
        return None;
    }
    let host = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((inner, _)) => format!("[{inner}]"),
        None => place.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase(),
    };
    debug_assert!(!host.contains(['/', '@']), "a host is neither path nor user");
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
    (!host.is_empty() && host.chars().all(fits)).then_some(host)
}

/// Numbers instead of names, in any of their spellings: nobody publishes under one.
fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = last.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    is_hex || last.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_or_nobody_can_say() {
        let host = |name: &str| Contact::Host(name.to_owned());
        for (text, contact) in [
            ("https://docs.rs/serde", host("docs.rs")),
            ("HTTPS://Docs.RS.:443/x?y#z", host("docs.rs")),
            ("docs.rs/serde", host("docs.rs")),
            ("https://docs.rs@evil.org/", Contact::Unreadable),
            ("https://docs.rs\\@evil.org/", Contact::Unreadable),
            ("https://docs.rs\t.evil.org/", Contact::Unreadable),
            ("https://d\u{43e}cs.rs/", Contact::Unreadable),
            ("javascript://x", Contact::Unreadable),
            ("https://", Contact::Unreadable),
            ("how to sort a vec", Contact::Search),
            ("sorting", Contact::Search),
        ] {
            assert_eq!(Contact::of_address(text), contact, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_found_among_words() {
        let hosts = |text: &str| Contact::among(text);
        let host = |name: &str| Contact::Host(name.to_owned());
        assert_eq!(hosts("--proxy=http://a.b:1"), [host("a.b")]);
        assert_eq!(hosts("see https://a.b/c, and <https://d.e>"), [host("a.b"), host("d.e")]);
        assert_eq!(hosts("git@a.b:c/d"), [host("a.b")]);
        assert_eq!(hosts("https://a.b@c.d"), [Contact::Unreadable]);
        assert_eq!(hosts("é://a.b"), [Contact::Unreadable]);
        assert_eq!(hosts("A <a@b.c>: d"), []);
    }

    #[test]
    fn the_own_network_is_known_in_any_spelling() {
        for text in [
            "http://a.localhost",
            "http://127.1",
            "http://0x7f.1",
            "http://2130706433",
            "http://[fe80::1]/",
            "http://169.254.169.254/latest",
            "http://metadata.google.internal",
            "printer.local:80",
            "http://10.0.0.1",
        ] {
            assert!(Contact::of_address(text).is_local(), "{text:?}");
        }
        for text in
            ["https://docs.rs", "localhost:80", "http://127.0.0.1", "https://notlocalhost.com", "https://1e100.net"]
        {
            assert!(!Contact::of_address(text).is_local(), "{text:?}");
        }
    }

    #[test]
    fn a_file_is_no_host() {
        assert_eq!(file("file:///etc/passwd"), Some("/etc/passwd"));
        assert_eq!(file("FILE:/etc/passwd"), Some("/etc/passwd"));
        assert_eq!(file("https://x"), None);
    }
}
