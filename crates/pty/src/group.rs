//! The guard that ends a program and every process it ever started.
//!
//! Owns the ladder: SIGTERM to all, a grace, then SIGKILL until nobody is left. Must not know what they were doing.
//!
//! A process group is not enough: most agents put their tools in groups or sessions of their own, and a double fork
//! escapes its parent. So the guard walks `/proc`; where the owner is a subreaper, what was orphaned is still below it.
//! Each signal goes through a pidfd whose process is checked again after it is open: a reused pid is never hit.

use crate::kin::{self, Kin};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

/// How long `/proc` is left alone between two looks while processes die.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Looks after SIGKILL before giving up: what is left then sits in the kernel and no signal reaches it.
const LOOKS_AFTER_KILL_MAX: u32 = 500;
/// Walks that stop what they find before all is killed: a fork bomb that outruns this many is met again by the next look.
const FREEZE_WALKS_MAX: u32 = 16;

/// Makes orphaned descendants children of this process instead of init's. A no-op where the platform has no such thing.
///
/// # Errors
/// What `prctl(PR_SET_CHILD_SUBREAPER)` says.
pub fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Whom a [`Group`] covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The leader's process group, its session, and all that descend from it as long as the line is unbroken.
    Lineage,
    /// Besides, everything below this process: right for a subreaper that owns exactly one program.
    Everything,
}

/// Ends a program and its descendants when dropped: SIGTERM, `grace`, SIGKILL. Dropping blocks for at most the grace
/// and five seconds.
#[derive(Debug)]
pub struct Group {
    leader: u32,
    reach: Reach,
    grace: Duration,
    armed: bool,
}

impl Group {
    /// Guards the program led by process `leader`, which must lead its own process group.
    #[must_use]
    pub fn new(leader: u32, reach: Reach, grace: Duration) -> Self {
        Self { leader, reach, grace, armed: true }
    }

    /// Asks every member to end (SIGTERM), and wakes those that are stopped so that they can.
    pub fn terminate(&self) {
        self.group_signal(Signal::TERM);
        for member in self.members() {
            send(&member, Signal::TERM);
            send(&member, Signal::CONT);
        }
    }

    /// Ends every member found now (SIGKILL). Members are stopped first, walk after walk, until a walk finds nobody
    /// new, so that none can fork its way out between the look and the kill.
    pub fn kill(&self) {
        let mut frozen: BTreeMap<u32, Kin> = BTreeMap::new();
        for _ in 0..FREEZE_WALKS_MAX {
            let fresh: Vec<Kin> = self.members().into_iter().filter(|kin| frozen.get(&kin.pid) != Some(kin)).collect();
            if fresh.is_empty() {
                break;
            }
            for member in fresh {
                send(&member, Signal::STOP);
                frozen.insert(member.pid, member);
            }
        }
        self.group_signal(Signal::KILL);
        for member in frozen.values() {
            send(member, Signal::KILL);
        }
    }

    /// True when no member lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members().is_empty() && (cfg!(target_os = "linux") || !self.group_lives())
    }

    /// Lets go without ending anyone.
    pub fn release(mut self) {
        self.armed = false;
    }

    fn members(&self) -> Vec<Kin> {
        members(self.leader, self.reach)
    }

    /// The group by its number, for platforms without `/proc`; on Linux the members are signalled one by one.
    fn group_signal(&self, signal: Signal) {
        if !cfg!(target_os = "linux")
            && let Some(pid) = pid(self.leader)
        {
            // ESRCH: the group is gone, which is what was wanted.
            kill_process_group(pid, signal).unwrap_or_default();
        }
    }

    fn group_lives(&self) -> bool {
        pid(self.leader).is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }

    fn wait_empty(&self, looks: u32, mut each: impl FnMut(&Self)) -> bool {
        for _ in 0..looks {
            if self.is_empty() {
                return true;
            }
            each(self);
            std::thread::sleep(LOOK_EVERY);
        }
        self.is_empty()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.armed || self.is_empty() {
            return;
        }
        let looks = u32::try_from(self.grace.as_millis() / LOOK_EVERY.as_millis()).unwrap_or(u32::MAX);
        self.terminate();
        if !self.wait_empty(looks, |_| {}) {
            self.wait_empty(LOOKS_AFTER_KILL_MAX, Self::kill);
        }
    }
}

/// The leader's line, group and session; with [`Reach::Everything`] also all below this process. Never this process.
fn members(leader: u32, reach: Reach) -> Vec<Kin> {
    let me = std::process::id();
    let table = kin::all();
    let mut roots: BTreeSet<u32> = table
        .iter()
        .filter(|kin| kin.pid == leader || kin.group == leader || kin.session == leader)
        .map(|kin| kin.pid)
        .collect();
    if reach == Reach::Everything {
        roots.extend(table.iter().filter(|kin| kin.parent == me).map(|kin| kin.pid));
    }
    let chosen = kin::closure(&table, roots);
    table.into_iter().filter(|kin| kin.pid != me && chosen.contains(&kin.pid)).collect()
}

/// Signals exactly the life that was seen: a process that ended meanwhile is left alone, whoever has its pid now.
#[cfg(target_os = "linux")]
pub(crate) fn send(kin: &Kin, signal: Signal) {
    use rustix::io::Errno;
    use rustix::process::{PidfdFlags, kill_process, pidfd_open, pidfd_send_signal};
    let Some(pid) = pid(kin.pid) else { return };
    let sent = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) if Kin::of(kin.pid).is_some_and(|now| now.start == kin.start) => pidfd_send_signal(handle, signal),
        Ok(_) => Ok(()),
        // Kernels before 5.3, and sandboxes that hide it.
        Err(Errno::NOSYS | Errno::PERM) => kill_process(pid, signal),
        Err(other) => Err(other),
    };
    // It ended between the look and the signal, or is not ours to end: either way the next look tells.
    sent.unwrap_or_default();
}

/// Without `/proc` nobody is ever seen, so there is nobody to signal one by one.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send(_: &Kin, _: Signal) {}

fn pid(raw: u32) -> Option<Pid> {
    i32::try_from(raw).ok().and_then(Pid::from_raw)
}
