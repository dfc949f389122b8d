//! Scales: what processes weigh, theirs alone.
//!
//! Owns `/proc`. A page that several processes share counts for each with its share (PSS); `anon` is the part no file
//! backs: heap, stacks, and what relocation wrote. Must not know what is weighed.

use crate::Error;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// Bytes of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// In use, shared pages counted whole.
    pub(crate) rss: u64,
    /// In use, shared pages by their share.
    pub(crate) pss: u64,
    /// Of that, what no file backs.
    pub(crate) anon: u64,
}

impl Weight {
    /// Weighs one process.
    ///
    /// # Errors
    /// It is gone, or not ours.
    pub(crate) fn of(pid: u32) -> Result<Self, Error> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |name: &str| -> Result<u64, Error> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kib: u64 = line.ok_or_else(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?;
            Ok(kib * 1024)
        };
        Ok(Self { rss: field("Rss")?, pss: field("Pss")?, anon: field("Pss_Anon")? })
    }

    /// Weighs many; those that are gone weigh nothing.
    pub(crate) fn of_all(pids: &[u32]) -> Self {
        pids.iter().filter_map(|pid| Self::of(*pid).ok()).sum()
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { rss: self.rss + other.rss, pss: self.pss + other.pss, anon: self.anon + other.anon }
    }
}

/// What one has more than the other; nothing where it has less.
impl Sub for Weight {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let less = |ours: u64, theirs: u64| ours.saturating_sub(theirs);
        Self { rss: less(self.rss, other.rss), pss: less(self.pss, other.pss), anon: less(self.anon, other.anon) }
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// MiB of `bytes`.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The children of `parent` that carry `word` among their arguments.
pub(crate) fn children(parent: u32, word: &str) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that ended while we looked is nobody's child.
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let stat = read("stat");
        // Behind the name, which may hold anything but ends with the last parenthesis: state and parent.
        let theirs = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        let is_child = theirs.and_then(|pid| pid.parse().ok()) == Some(parent);
        if is_child && read("cmdline").split('\0').any(|argument| argument == word) {
            found.push(pid);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_weighed_and_found_by_its_parent_and_its_words() {
        let us = std::process::id();
        let weight = Weight::of(us).expect("we are there");
        assert!(weight.anon > 0 && weight.anon <= weight.pss && weight.pss <= weight.rss, "{weight:?}");
        let mut child = Command::new("sleep").arg("600.25").stdin(Stdio::null()).spawn().expect("sleep is there");
        let found = children(us, "600.25").expect("/proc can be read");
        assert_eq!((found, children(us, "600.26").expect("the same")), (vec![child.id()], vec![]));
        child.kill().expect("it lives");
        child.wait().expect("it is ours");
        assert_eq!(Weight::of_all(&[child.id()]), Weight::default());
        assert_eq!(weight - (weight + weight), Weight::default());
    }
}
