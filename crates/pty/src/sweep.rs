//! What is left of a program whose owner was killed before it could clean up.
//!
//! Owns finding it again without lineage. Must not guess: a process is taken only for a life that was recorded or for
//! a mark in its first environment.

use crate::group::send;
use crate::kin::{self, Kin};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;

/// Walks before giving up: each kills all it finds, so that only a fork bomb needs more than two.
const WALKS_MAX: u32 = 64;

/// Kills (SIGKILL) what is left: the process whose [`crate::birth`] was recorded, with its group, session and
/// descendants, and every process started with the environment entry `mark` (`NAME=value`, exact), with theirs.
/// Returns how many were ended. A process that left the lineage *and* cleared its environment is not found.
pub fn sweep(birth: Option<&str>, mark: Option<&str>) -> usize {
    let mut ended = BTreeSet::new();
    for _ in 0..WALKS_MAX {
        let found = leftovers(birth, mark);
        if found.is_empty() {
            break;
        }
        for kin in &found {
            send(kin, Signal::STOP);
        }
        for kin in found {
            send(&kin, Signal::KILL);
            ended.insert((kin.pid, kin.start));
        }
    }
    ended.len()
}

fn leftovers(birth: Option<&str>, mark: Option<&str>) -> Vec<Kin> {
    let me = std::process::id();
    let table = kin::all();
    let leader = birth.and_then(kin::pid_named);
    let roots = table
        .iter()
        .filter(|kin| {
            leader.is_some_and(|pid| kin.pid == pid || kin.group == pid || kin.session == pid)
                || mark.is_some_and(|mark| marked(kin.pid, mark))
        })
        .map(|kin| kin.pid)
        .filter(|pid| *pid != me);
    let chosen = kin::closure(&table, roots);
    table.into_iter().filter(|kin| kin.pid != me && chosen.contains(&kin.pid)).collect()
}

fn marked(pid: u32, mark: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
}
