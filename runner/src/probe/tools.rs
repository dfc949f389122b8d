//! Tools of the machine, each asked for its version.

use super::program::{Started, printed};
use ostler_core::requirements::{Offers, Value};
use std::time::Duration;
use tokio::task::JoinSet;

/// A tool that takes longer than this for its version is broken.
const TOOL_WITHIN: Duration = Duration::from_secs(5);

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
            let started = Started { program: program.as_ref(), arguments, within: TOOL_WITHIN };
            let text = String::from_utf8_lossy(&printed(&started).await?).into_owned();
            Some((name.to_owned(), version(&text).map_or(Value::Flag, Value::Version)))
        });
    }
    let mut offers = Offers::new();
    while let Some(found) = asking.join_next().await {
        offers.extend(found.ok().flatten());
    }
    offers
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
}
