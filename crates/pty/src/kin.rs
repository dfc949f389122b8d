//! Who descends from whom, as `/proc` tells it.
//!
//! Owns the process table: reading it, walking it, and naming one life of a pid so that a reused pid is never taken
//! for the process it once was. Must not know about signals. Where there is no `/proc` the table is empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// One process, as `/proc/PID/stat` shows it (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kin {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// CPU time used so far by it and by those of its children that it has buried, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Clock ticks after boot: together with the pid it names one life.
    pub(crate) start: u64,
    /// Dead, and waiting for its parent to ask.
    pub(crate) zombie: bool,
}

impl Kin {
    /// The process now behind `pid`, if there is one.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Self::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name is in parentheses and may hold anything, even parentheses: what follows the last one is numbers.
    fn parse(pid: u32, stat: &[u8]) -> Option<Self> {
        let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let text = std::str::from_utf8(stat.get(after..)?).ok()?;
        let mut fields = text.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        // Fields 14 to 17 and 22, counted from 1; four have been read after the name, which is field 2.
        let used: Vec<u64> = fields.by_ref().skip(7).take(4).map_while(|field| field.parse().ok()).collect();
        let start = fields.nth(4)?.parse().ok()?;
        Some(Self { pid, parent, group, session, cpu_ticks: used.iter().sum(), start, zombie })
    }
}

/// Every process that is alive now.
pub(crate) fn all() -> Vec<Kin> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Kin::of)
        .filter(|kin| !kin.zombie)
        .collect()
}

/// The `roots` and all that descend from them, out of one reading of the table.
pub(crate) fn closure(table: &[Kin], roots: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for kin in table {
        children.entry(kin.parent).or_default().push(kin.pid);
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<u32> = roots.into_iter().collect();
    while let Some(pid) = open.pop() {
        if found.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}

/// Names one life of `pid` on this boot of this machine: equal texts are the same process, a reused pid never is.
/// `None` when no such process lives (or the platform has no `/proc`).
#[must_use]
pub fn birth(pid: u32) -> Option<String> {
    let kin = Kin::of(pid).filter(|kin| !kin.zombie)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}:{}:{}", boot.trim(), pid, kin.start))
}

/// True while the life that [`birth`] named goes on.
#[must_use]
pub fn lives(named: &str) -> bool {
    pid_named(named).is_some()
}

/// The pid of the life that [`birth`] named, while it goes on.
pub(crate) fn pid_named(named: &str) -> Option<u32> {
    let pid = named.split(':').nth(1)?.parse().ok()?;
    (birth(pid)? == named).then_some(pid)
}

/// CPU time used so far by the life that [`birth`] named and all below it, in clock ticks; 0 when it is over, or where there
/// is no `/proc`. What a process used that is gone counts for whoever buried it.
#[must_use]
pub fn cpu_ticks(named: &str) -> u64 {
    let table = all();
    let below = closure(&table, pid_named(named));
    table.iter().filter(|kin| below.contains(&kin.pid)).map(|kin| kin.cpu_ticks).sum()
}

/// Generations followed upwards before giving up: deeper is a process tree built to confuse.
const GENERATIONS_MAX: usize = 4_096;

/// True when `pid` is `ancestor` or descends from it, or when its line cannot be followed to the end: who cannot say
/// where it comes from is treated as kin. Without `/proc` nobody can be followed and the answer is false.
#[must_use]
pub fn descends_from(pid: u32, ancestor: u32) -> bool {
    if Kin::of(std::process::id()).is_none() {
        return false;
    }
    let mut at = pid;
    for _ in 0..GENERATIONS_MAX {
        if at == ancestor {
            return true;
        }
        // 0 is the parent of a namespace's first process: the line ends outside the ancestor.
        if at == 0 {
            return false;
        }
        match Kin::of(at) {
            Some(kin) => at = kin.parent,
            None => return true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_process_name_cannot_move_the_fields() {
        let stat = b"7 (a) R 1 (b) 9 9) S 5 6 4 0 -1 4194304 98 0 0 0 10 2 300 4000 20 0 1 0 108893 3133440 388";
        let kin = Kin::parse(7, stat).expect("parses");
        assert_eq!(
            kin,
            Kin { pid: 7, parent: 5, group: 6, session: 4, cpu_ticks: 4_312, start: 108_893, zombie: false }
        );
        assert_eq!(Kin::parse(7, b""), None);
        assert_eq!(Kin::parse(7, b"7 (x"), None);
        assert_eq!(Kin::parse(7, b"7 (x) Z 1"), None);
    }

    #[test]
    fn descent_is_transitive_and_survives_a_cycle() {
        let kin = |pid, parent| Kin { pid, parent, group: 0, session: 0, cpu_ticks: 0, start: 0, zombie: false };
        let table = [kin(2, 1), kin(3, 2), kin(4, 3), kin(9, 8), kin(8, 9)];
        assert_eq!(closure(&table, [2]), BTreeSet::from([2, 3, 4]));
        assert_eq!(closure(&table, [9]), BTreeSet::from([8, 9]));
    }

    #[test]
    fn work_is_seen_in_the_ticks_of_whoever_does_it() {
        let Some(me) = birth(std::process::id()) else { return };
        let before = cpu_ticks(&me);
        let spin = || (0..1_000_000u64).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
        assert!((0..10_000).any(|_| spin() != 1 && cpu_ticks(&me) > before));
        assert_eq!(cpu_ticks("another boot:1:1"), 0);
    }

    #[test]
    fn this_process_has_a_birth_and_descends_from_its_parent() {
        let me = std::process::id();
        assert_eq!(birth(me), birth(me));
        assert!(birth(me).is_some() || !cfg!(target_os = "linux"));
        assert!(!descends_from(1, me));
        assert!(descends_from(me, me) || !cfg!(target_os = "linux"));
    }
}
