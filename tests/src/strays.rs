//! Finding and signalling processes by a directory of their own: shims outlive their runner, and agents their shim.
//!
//! Owns reading /proc. A process is found by the directory in its arguments or its environment; this process never is.

use crate::processes::Hurt;
use std::process::{Command, Stdio};

/// Rounds of killing: what forks while it is being killed is met in the next.
const ROUNDS: usize = 100;

/// Ids of living processes, other than this one, whose arguments or environment name `mark`.
pub(crate) fn of(mark: &str) -> Vec<u32> {
    let names = |pid: u32, file: &str| {
        std::fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|text| contains(&text, mark.as_bytes()))
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = |pid: &u32| *pid != std::process::id() && (names(*pid, "cmdline") || names(*pid, "environ"));
    pids.filter(ours).collect()
}

/// Signals processes by their ids; false when one of them was not there any more.
pub(crate) fn signal(pids: &[u32], how: Hurt) -> bool {
    let ids = pids.iter().map(u32::to_string);
    let mut kill = Command::new("kill");
    let sent = kill.arg(how.word()).args(ids).stdout(Stdio::null()).stderr(Stdio::null());
    pids.is_empty() || sent.status().expect("kill is there").success()
}

/// Kills every process whose arguments or environment name `mark`, until there is none. This process never is.
pub fn kill_all(mark: &str) {
    for _ in 0..ROUNDS {
        let left = of(mark);
        if left.is_empty() {
            return;
        }
        signal(&left, Hurt::Kill);
        std::thread::yield_now();
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
