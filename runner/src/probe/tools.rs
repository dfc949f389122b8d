//! Programs of the machine: asked for their version, each with a deadline.

use ostler_agents::{Entry, parse_version};
use ostler_core::requirements::{Offers, Value};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

/// Agents start slowly: some take seconds to load their libraries.
const AGENT_WITHIN: Duration = Duration::from_secs(10);
/// A tool that takes longer than this for its version is broken.
const TOOL_WITHIN: Duration = Duration::from_secs(5);
/// A version stands at the top of what is printed, or nowhere.
const PRINTED_BYTES_MAX: u64 = 4 * 1024;

/// Offered name, program and the arguments that print its version.
const TOOLS: [(&str, &str, &[&str]); 14] = [
    ("git", "git", &["--version"]),
    ("rustc", "rustc", &["--version"]),
    ("cargo", "cargo", &["--version"]),
    ("node", "node", &["--version"]),
    ("npm", "npm", &["--version"]),
    ("python3", "python3", &["--version"]),
    ("go", "go", &["version"]),
    ("java", "java", &["-version"]),
    ("docker", "docker", &["--version"]),
    ("make", "make", &["--version"]),
    ("cmake", "cmake", &["--version"]),
    ("gcc", "gcc", &["--version"]),
    ("clang", "clang", &["--version"]),
    ("ruby", "ruby", &["--version"]),
];

/// The tools that are there, side by side.
pub(super) async fn offers() -> Offers {
    let mut asking: JoinSet<Option<(String, Value)>> = JoinSet::new();
    for (name, program, arguments) in TOOLS {
        asking.spawn(async move {
            let text = String::from_utf8_lossy(&printed(program, arguments, TOOL_WITHIN).await?).into_owned();
            Some((name.to_owned(), version(&text).map_or(Value::Flag, Value::Version)))
        });
    }
    let mut offers = Offers::new();
    while let Some(found) = asking.join_next().await {
        offers.extend(found.ok().flatten());
    }
    offers
}

/// The version of an agent's program, if it is there and is that agent.
pub(super) async fn agent(entry: &'static Entry) -> Option<String> {
    for program in entry.programs {
        if let Some(text) = printed(program, entry.version_args, AGENT_WITHIN).await
            && let Some(version) = parse_version(entry, &text)
        {
            return Some(version);
        }
    }
    None
}

async fn printed(program: &str, arguments: &[&str], within: Duration) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let (stdout, stderr) = (child.stdout.take()?, child.stderr.take()?);
    let reading = async {
        let mut text = Vec::new();
        // Java says its version on standard error.
        stdout.take(PRINTED_BYTES_MAX).read_to_end(&mut text).await.ok()?;
        stderr.take(PRINTED_BYTES_MAX).read_to_end(&mut text).await.ok()?;
        Some((text, child.wait().await.ok()?))
    };
    let (text, status) = tokio::time::timeout(within, reading).await.ok()??;
    status.success().then_some(text)
}

/// The first dotted number.
fn version(text: &str) -> Option<Vec<u64>> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let parse = |word: &str| {
        let parts: Option<Vec<u64>> = word.trim_matches('.').split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() > 1)
    };
    words.filter(|word| !word.is_empty()).find_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_tools_print_them() {
        assert_eq!(version("git version 2.39.5"), Some(vec![2, 39, 5]));
        assert_eq!(version("go version go1.24.1 linux/amd64"), Some(vec![1, 24, 1]));
        assert_eq!(version("openjdk version \"17.0.1\" 2021"), Some(vec![17, 0, 1]));
        assert_eq!(version("no number"), None);
    }

    #[tokio::test]
    async fn a_program_that_hangs_or_fails_is_not_there() {
        assert_eq!(printed("sleep", &["60"], Duration::from_millis(50)).await, None);
        assert_eq!(printed("false", &[], TOOL_WITHIN).await, None);
        assert_eq!(printed("no-such-program-7", &[], TOOL_WITHIN).await, None);
    }
}
