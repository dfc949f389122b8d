//! A place in the file system, found from words alone: links are not followed, nothing is looked up.
//!
//! Owns where a path leads and which paths are special. Must not know who goes there.

use super::pattern;
use super::rule::Stance;

/// Directories whose content makes others execute code, or changes what an agent may do.
const COMMANDING_FOLDERS: [&str; 25] = [
    ".git",
    ".ostler",
    ".claude",
    ".codex",
    ".gemini",
    ".qwen",
    ".cursor",
    ".opencode",
    ".goose",
    ".kimi",
    ".kimi-code",
    ".hermes",
    ".openhands",
    ".openclaw",
    ".copilot",
    ".crush",
    ".amp",
    ".pi",
    ".continue",
    ".vscode",
    ".idea",
    ".devcontainer",
    ".husky",
    ".circleci",
    ".cargo",
];
/// The same for files.
const COMMANDING_FILES: [&str; 25] = [
    "ostler.policy",
    ".mcp.json",
    ".envrc",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".inputrc",
    ".gitconfig",
    ".gitmodules",
    ".gitattributes",
    ".gitlab-ci.yml",
    "jenkinsfile",
    "azure-pipelines.yml",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".npmrc",
    ".aider.conf.yml",
    "opencode.json",
    "crush.json",
];
/// The same for files below a directory.
const COMMANDING_BELOW: [(&str, &str); 2] = [(".github", "workflows"), (".github", "actions")];
/// Directories that hold credentials.
const SECRET_FOLDERS: [&str; 11] = [
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".docker",
    ".gcloud",
    "gcloud",
    ".password-store",
    "keyrings",
    "keychains",
];
/// Names of files that hold credentials; `*` for any characters.
const SECRET_FILES: [&str; 32] = [
    ".env",
    ".env.*",
    ".envrc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".vault-token",
    "credentials",
    "credentials.json",
    "credentials.toml",
    ".credentials.json",
    "auth.json",
    "oauth_creds.json",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "shadow",
    "environ",
    "terraform.tfstate",
];
/// Names that look like credentials and are examples of them.
const EXAMPLE_ENDINGS: [&str; 4] = [".example", ".sample", ".template", ".pub"];
/// What swallows or repeats output, and is no file.
const STREAMS: [&str; 6] = ["/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/zero", "/dev/full"];

/// A place: in the working tree, or outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Absolute, or under `~`; without `.` and `..`.
    pub(super) whole: String,
    /// The same from the top of the tree, `.` for the tree itself; none outside.
    pub(super) within: Option<String>,
}

impl Spot {
    /// Where `text` leads from `directory`.
    pub(super) fn find(text: &str, directory: &str, tree: &str) -> Self {
        let whole = whole(text, directory, tree);
        let tree = whole_of(tree);
        let is_tree = tree.len() > 1 && tree.starts_with('/');
        let rest = whole.strip_prefix(&tree).filter(|rest| is_tree && (rest.is_empty() || rest.starts_with('/')));
        let within = rest.map(|rest| rest.trim_start_matches('/')).map(|rest| if rest.is_empty() { "." } else { rest });
        let within = within.map(str::to_owned);
        debug_assert!(whole.starts_with(['/', '~']), "a place is absolute");
        debug_assert!(!whole.split('/').any(|part| part == ".."), "a place does not lead upwards");
        Self { whole, within }
    }

    /// As people know it.
    pub(super) fn shown(&self) -> &str {
        self.within.as_deref().unwrap_or(&self.whole)
    }

    /// Whether a pattern of a rule means it.
    pub(super) fn is(&self, pattern: &str, stance: Stance) -> bool {
        if pattern.starts_with(['/', '~']) {
            return self.is_whole(pattern, stance);
        }
        self.within.as_deref().is_some_and(|within| pattern::paths(pattern, within, stance))
    }

    /// The part of the path that the pattern does not spell out is what dots are minded in: a tree may lie under one.
    fn is_whole(&self, pattern: &str, stance: Stance) -> bool {
        let literal = pattern.find('*').map_or(pattern, |star| &pattern[..star]);
        let folder = literal.rfind('/').map_or("", |slash| &literal[..=slash]);
        match (self.whole.strip_prefix(folder), stance) {
            (Some(rest), Stance::Permit) => pattern::paths(&pattern[folder.len()..], rest, stance),
            (None, Stance::Permit) => false,
            (Some(_) | None, Stance::Restrict) => pattern::paths(pattern, &self.whole, stance),
        }
    }

    /// Output that goes nowhere, or where output goes anyway.
    pub(super) fn is_stream(&self) -> bool {
        STREAMS.contains(&self.whole.as_str())
    }

    /// What is written here makes others execute it, or changes the rules.
    pub(super) fn commands_others(&self) -> bool {
        let parts = self.folded();
        let is_below = |(over, under): (&str, &str)| parts.windows(2).any(|pair| pair[0] == over && pair[1] == under);
        let named = parts.last().is_some_and(|name| COMMANDING_FILES.contains(&name.as_str()));
        named
            || parts.iter().any(|part| COMMANDING_FOLDERS.contains(&part.as_str()) || part.starts_with(".aider"))
            || COMMANDING_BELOW.into_iter().any(is_below)
    }

    /// What is read here opens doors.
    pub(super) fn is_secret(&self) -> bool {
        let parts = self.folded();
        let name = parts.last().map_or("", String::as_str);
        let is_example = EXAMPLE_ENDINGS.iter().any(|ending| name.ends_with(ending));
        parts.iter().any(|part| SECRET_FOLDERS.contains(&part.as_str()))
            || !is_example && SECRET_FILES.iter().any(|pattern| pattern::is_like(pattern, name))
    }

    /// Names as a file system that does not mind case, hidden characters and last dots takes them.
    fn folded(&self) -> Vec<String> {
        let fold = |part: &str| {
            let seen: String = part.chars().filter(|c| !is_hidden(*c)).collect();
            seen.trim_end_matches(['.', ' ']).to_lowercase()
        };
        self.shown().split('/').map(fold).filter(|part| !part.is_empty()).collect()
    }
}

/// Characters that people do not see: text that has them may say something else than it seems to.
pub(super) fn is_hidden(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}');
    let strange_space = c.is_whitespace() && !matches!(c, ' ' | '\t' | '\n');
    invisible || strange_space || (c.is_control() && !matches!(c, '\t' | '\n'))
}

fn whole(text: &str, directory: &str, tree: &str) -> String {
    if text.starts_with(['/', '~']) {
        return whole_of(text);
    }
    let base = if directory.starts_with(['/', '~']) { directory.to_owned() } else { format!("{tree}/{directory}") };
    whole_of(&format!("{base}/{text}"))
}

/// `.` and `..` are resolved; at the root, and at a home, `..` leads out and is taken as the root.
fn whole_of(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    if path.starts_with('~') && parts.first().is_some_and(|first| first.starts_with('~')) {
        return parts.join("/");
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_where_its_words_lead() {
        for (text, directory, within, whole) in [
            ("src/a.rs", "/w/t", Some("src/a.rs"), "/w/t/src/a.rs"),
            ("./src/../b", "/w/t", Some("b"), "/w/t/b"),
            ("../t/x", "/w/t", Some("x"), "/w/t/x"),
            ("..", "/w/t/sub", Some("."), "/w/t"),
            ("../t2/x", "/w/t", None, "/w/t2/x"),
            ("/w/t2", "/w/t", None, "/w/t2"),
            ("a/../../../etc/passwd", "/w/t", None, "/etc/passwd"),
            ("x", "sub", Some("sub/x"), "/w/t/sub/x"),
            ("x", "", Some("x"), "/w/t/x"),
            ("~/.ssh/id", "/w/t", None, "~/.ssh/id"),
            ("~/../x", "/w/t", None, "/x"),
            ("", "/w/t", Some("."), "/w/t"),
        ] {
            let spot = Spot::find(text, directory, "/w/t");
            assert_eq!((spot.within.as_deref(), spot.whole.as_str()), (within, whole), "{text} from {directory}");
        }
    }

    #[test]
    fn nothing_is_inside_a_tree_that_is_everything_or_nowhere() {
        for tree in ["", "/", "w", "~"] {
            assert_eq!(Spot::find("/etc/passwd", "/etc", tree).within, None, "{tree:?}");
        }
    }

    #[test]
    fn special_places_are_known_under_any_disguise() {
        for path in [
            ".git/hooks/x",
            "sub/.GIT/config",
            ".g\u{200c}it/x",
            ".git./x",
            ".claude/settings.json",
            "ostler.policy",
            ".github/workflows/ci.yml",
            ".bashrc",
            ".aider.conf.yml",
        ] {
            assert!(Spot::find(path, "/w/t", "/w/t").commands_others(), "{path:?}");
        }
        for path in
            ["/srv/me/.ssh/id_rsa", "~/.aws/credentials", ".env", ".env.local", "certs/a.PEM", "/proc/1/environ"]
        {
            assert!(Spot::find(path, "/w/t", "/w/t").is_secret(), "{path:?}");
        }
        for path in ["src/main.rs", ".env.example", ".github/README.md", "environment.rs", ".gitignore", "id_rsa.pub"] {
            let spot = Spot::find(path, "/w/t", "/w/t");
            assert!(!spot.is_secret() && !spot.commands_others(), "{path:?}");
        }
    }

    #[test]
    fn absolute_patterns_mean_the_tree_too_wherever_it_lies() {
        let spot = Spot::find("src/a.rs", "/home/me/.ostler/t", "/home/me/.ostler/t");
        assert!(spot.is("/home/me/.ostler/t/src/*", Stance::Permit));
        assert!(!spot.is("/home/me/**", Stance::Permit));
        assert!(spot.is("/home/me/**", Stance::Restrict));
    }
}
