//! The environment of an agent: built, never inherited.
//!
//! Owns the names that may never be set; the runner's owner owns the list of those that are passed on. Must not read this process's environment: it is an argument.

use crate::adapter::{LaunchContext, LaunchError};
use crate::catalog::entry::Entry;
use std::collections::BTreeMap;

/// Names the run in the agent's environment.
pub const ENV_RUN: &str = "OSTLER_RUN";
/// Names the socket on which `ostler ask` reaches the runner. Its value is unique to the attempt.
pub const ENV_SOCKET: &str = "OSTLER_SOCKET";

/// Without a PATH nothing would be found; this is what login gives (and FHS 3.0 names).
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// What a loader, a shell or a runtime obeys before the agent's first line (SECURITY.md, "Secrets"): never given, not
/// even when the task asks, since it is how one program runs code in another.
const FORBIDDEN: [&str; 16] = [
    "BASH_ENV",
    "ENV",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "IFS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "MAVEN_OPTS",
    "GRADLE_OPTS",
    "RUSTC_WRAPPER",
    "GLIBC_TUNABLES",
    "PERL5OPT",
];
/// The same, by the beginning of their name.
const FORBIDDEN_PREFIXES: [&str; 7] = ["LD_", "DYLD_", "GIT_", "PYTHON", "BASH_FUNC_", "RUBYOPT", "OSTLER_"];
/// Where programs keep things below a home (XDG Base Directory Specification 0.8): a run's own home has its own.
const XDG: [(&str, &str); 4] = [
    ("XDG_CACHE_HOME", ".cache"),
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
];

/// Name and value pairs for an agent, sorted by name: those of the runner that its owner allows, then the task's own, then ours.
/// `terminal` says whether the agent has one, and so what `TERM` is.
///
/// # Errors
/// [`LaunchError::Environment`] when the task sets a name it may not.
pub fn environment(
    context: &LaunchContext,
    task: &[(String, String)],
    terminal: bool,
) -> Result<Vec<(String, String)>, LaunchError> {
    let mut env: BTreeMap<String, String> =
        context.host.iter().filter(|(name, value)| refused(name, value).is_none()).cloned().collect();
    env.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    env.entry("LANG".to_owned()).or_insert_with(|| "C.UTF-8".to_owned());
    env.insert("TERM".to_owned(), if terminal { "xterm-256color" } else { "dumb" }.to_owned());
    env.insert("TMPDIR".to_owned(), context.temporary.display().to_string());
    if let Some(home) = &context.home {
        env.insert("HOME".to_owned(), home.display().to_string());
        env.extend(XDG.map(|(name, below)| (name.to_owned(), home.join(below).display().to_string())));
    }
    for (name, value) in task {
        if let Some(reason) = refused(name, value) {
            return Err(LaunchError::Environment(name.escape_default().to_string(), reason));
        }
        env.insert(name.clone(), value.clone());
    }
    env.insert("PWD".to_owned(), context.directory.display().to_string());
    env.insert(ENV_RUN.to_owned(), context.run.to_string());
    env.insert(ENV_SOCKET.to_owned(), context.socket.display().to_string());
    Ok(env.into_iter().collect())
}

/// `env` with `forced` in it, sorted by name; what the task itself set yields: no task turns off what makes its agent ask.
pub(crate) fn overlaid(env: Vec<(String, String)>, forced: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut all: BTreeMap<String, String> = env.into_iter().collect();
    all.extend(forced);
    all.into_iter().collect()
}

/// The program of `entry`: where detection found it, or its first name for PATH to find.
pub(crate) fn program(entry: &Entry, context: &LaunchContext) -> String {
    let found = context.program.as_ref().map(|path| path.display().to_string());
    found.unwrap_or_else(|| entry.programs.first().copied().unwrap_or(entry.name).to_owned())
}

fn refused(name: &str, value: &str) -> Option<&'static str> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Some("it is malformed");
    }
    if name.starts_with("OSTLER_") {
        return Some("names that begin with OSTLER_ are the runner's");
    }
    let upper = name.to_ascii_uppercase();
    if FORBIDDEN.contains(&upper.as_str()) || FORBIDDEN_PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) {
        return Some("loaders, shells or git obey it; set it inside the command, as in `env NAME=value program`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::ids::RunId;

    fn context(host: &[(&str, &str)]) -> LaunchContext {
        LaunchContext {
            run: RunId([1; 16]),
            directory: "/srv/tree".into(),
            socket: "/state/a/ask.sock".into(),
            home: None,
            temporary: "/state/a/tmp".into(),
            host: host.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            program: None,
            prompt: String::new(),
            resume: None,
        }
    }

    fn pairs(env: &[(&str, &str)]) -> Vec<(String, String)> {
        env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_the_owner_allows_passes_but_nothing_that_loaders_obey() {
        let host = [
            ("HOME", "/home/u"),
            ("PATH", "/opt/bin"),
            ("LC_ALL", "de_DE.UTF-8"),
            ("RUSTUP_HOME", "/opt/rustup"),
            ("LD_PRELOAD", "/x.so"),
            ("GIT_DIR", "/y"),
            ("BASH_ENV", "/z"),
            ("OSTLER_RUN", "forged"),
            ("TERM", "screen"),
            ("TMPDIR", "/tmp"),
        ];
        let env = environment(&context(&host), &[], false).expect("builds");
        let names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
        let expected = "HOME LANG LC_ALL OSTLER_RUN OSTLER_SOCKET PATH PWD RUSTUP_HOME TERM TMPDIR";
        assert_eq!(names, expected.split(' ').collect::<Vec<_>>());
        let get = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(get("OSTLER_RUN"), Some(RunId([1; 16]).to_string().as_str()));
        assert_eq!(get("TERM"), Some("dumb"));
        assert_eq!(get("TMPDIR"), Some("/state/a/tmp"));
        assert_eq!(get("PATH"), Some("/opt/bin"));
    }

    #[test]
    fn an_empty_host_still_finds_programs_and_a_private_home_wins() {
        let mut context = context(&[("HOME", "/home/u")]);
        context.home = Some("/state/a/home".into());
        let env = environment(&context, &pairs(&[("API_BASE", "x=y")]), true).expect("builds");
        assert!(env.contains(&("PATH".to_owned(), PATH_DEFAULT.to_owned())));
        assert!(env.contains(&("HOME".to_owned(), "/state/a/home".to_owned())));
        assert!(env.contains(&("XDG_STATE_HOME".to_owned(), "/state/a/home/.local/state".to_owned())));
        assert!(env.contains(&("TERM".to_owned(), "xterm-256color".to_owned())));
        assert!(env.contains(&("API_BASE".to_owned(), "x=y".to_owned())));
    }

    #[test]
    fn what_loaders_obey_is_refused_by_name() {
        for name in [
            "LD_PRELOAD",
            "ld_audit",
            "GIT_SSH_COMMAND",
            "BASH_ENV",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "OSTLER_SOCKET",
            "",
            "A=B",
            "A\0",
        ] {
            let error = environment(&context(&[]), &pairs(&[(name, "v")]), false).expect_err(name);
            assert!(matches!(error, LaunchError::Environment(..)), "{name}");
        }
        assert!(environment(&context(&[]), &pairs(&[("A", "v\0")]), false).is_err());
    }
}
