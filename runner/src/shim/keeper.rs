//! The shim's one decision maker: a loop over what happens, and the only place that ends the agent.
//!
//! Owns the phases, the deadline and the order of ending: nobody left, outputs closed, exit written. Must not block on
//! anything but its inbox.
//!
//! ```text
//! Running ──ended│stop│deadline│alone──▶ Leaving{kill_at} ──kill_at──▶ Killing{give_up_at}
//!                                     └────── childless ──────┬──────┘
//!                                                      Draining{until} ──closed│until──▶ exit
//! ```

use super::directory::{self, Order, Record, SPOOL};
use super::spool::Spool;
use super::streams::{self, Feeder};
use super::wire::{self, Answer, INPUT_BYTES_MAX, Report, Request};
use super::{Cause, Exit, Input, clock, door, signals};
use ostler_core::event::Stream;
use ostler_pty::{
    Group, Program, Reach, Size, Spawned, Terminal, become_subreaper, birth, spawn_piped, spawn_terminal,
};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Happenings that wait for the keeper: a megabyte of output, then the agent is held by its pipe.
const INBOX_MAX: usize = 16;
/// The longest the keeper goes without looking at the clock. Timers do not count sleep and the deadline does, so that
/// a machine that wakes late fences within this.
const LOOK_MS: u64 = 250;
/// Between two rounds of SIGKILL.
const KILL_AGAIN_MS: u64 = 20;
/// What an agent left behind when it ended by itself gets to end by itself too.
const LEFTOVER_GRACE_MS: u64 = 500;
/// A process that survives SIGKILL for this long sits in the kernel; waiting longer helps nobody.
const KILL_MS_MAX: u64 = 30_000;
/// Output may stay open when somebody outside was handed the pipe; what is in it is read for this long.
const DRAIN_MS_MAX: u64 = 5_000;
/// Runners that watch at once: one, and one more while it is replaced.
const WATCHERS_MAX: usize = 8;
/// A bound agent goes on alone for this long: a runner that is still there is back at once.
const ALONE_MS_MAX: u64 = 1_000;
/// The runner that starts a shim watches within this; a loaded machine takes its time.
const FIRST_WATCH_MS_MAX: u64 = 10_000;
/// What an agent without a runner gets between SIGTERM and SIGKILL: time to write its session down, not to go on.
const ORPHAN_GRACE_MS: u64 = 1_000;

/// Everything that can happen to a shim.
pub(crate) enum Happening {
    /// The agent printed.
    Printed(Stream, Vec<u8>),
    /// One of its outputs came to its end.
    Closed,
    /// A child ended.
    Reaped(u32, ostler_pty::Exit),
    /// There is no child left.
    Childless,
    /// A peer asks; the stream does not block.
    Asked(Request, UnixStream),
    /// SIGTERM.
    Terminated,
}

enum Phase {
    Running,
    Leaving { kill_at: u64 },
    Killing { give_up_at: u64 },
    Draining { until: u64 },
}

struct Watcher {
    peer: UnixStream,
    told: Option<(u64, u64)>,
}

struct Keeper {
    phase: Phase,
    cause: Cause,
    agent: u32,
    ended: Option<ostler_pty::Exit>,
    deadline: u64,
    stop_grace_ms: u64,
    group: Group,
    spool: Spool,
    outputs_open: usize,
    feeder: Option<Feeder>,
    terminal: Option<Terminal>,
    watchers: Vec<Watcher>,
    /// When a bound agent ends unless somebody watches; none for one that is not bound.
    alone_until: Option<u64>,
}

/// Starts what DIR/launch says, keeps it to its end, writes DIR/exit.
pub(crate) fn run(dir: &Path) -> io::Result<()> {
    // EPERM: it leads a session already, which is what was wanted.
    rustix::process::setsid().map(drop).unwrap_or_default();
    std::env::set_current_dir(dir)?;
    let here = Path::new(".");
    let order = directory::read_order(here)?;
    let mut record = Record::of_this(&order.launch);
    directory::write_record(here, &record)?;
    directory::take_order(here, "taken")?;
    let (inbox, happenings) = sync_channel(INBOX_MAX);
    let mut keeper = match begin(&order, &inbox) {
        Ok(keeper) => keeper,
        Err(why) => return refuse(here, why),
    };
    record.agent = birth(keeper.agent);
    directory::write_record(here, &record)?;
    report(&Report::Started);
    let exit = keeper.keep(&happenings);
    // Written before anybody is let go: an end seen without an exit means that the shim was killed.
    directory::write_exit(here, &exit)
}

fn refuse(dir: &Path, why: String) -> io::Result<()> {
    let exit = Exit { code: None, signal: None, cause: Cause::Refused(why.clone()), dropped_bytes: 0 };
    directory::write_exit(dir, &exit)?;
    report(&Report::Refused(why.clone()));
    Err(io::Error::other(why))
}

/// A runner that was killed meanwhile does not hear it, and adopts instead.
fn report(report: &Report) {
    wire::send(&mut io::stdout().lock(), report).unwrap_or_default();
}

/// Everything that may fail, before anything is promised. The agent is started last.
fn begin(order: &Order, inbox: &SyncSender<Happening>) -> Result<Keeper, String> {
    let launch = &order.launch;
    let said = |error: io::Error| error.to_string();
    become_subreaper().map_err(said)?;
    signals::listen(inbox.clone()).map_err(said)?;
    let spool = Spool::create(Path::new(SPOOL), launch.spool_bytes_max).map_err(said)?;
    door::listen(inbox.clone()).map_err(said)?;
    let program = Program { argv: launch.argv.clone(), env: launch.env.clone(), directory: launch.directory.clone() };
    let spawned = match launch.terminal {
        Some((cols, rows)) => spawn_terminal(&program, Size { cols, rows }),
        None => spawn_piped(&program, launch.input != Input::Nothing),
    };
    let Spawned { pid, outputs, input, terminal } = spawned.map_err(|error| error.to_string())?;
    let group = Group::new(pid, Reach::Everything, Duration::ZERO);
    let outputs_open = outputs.len();
    for output in outputs {
        streams::read_output(output, inbox.clone()).map_err(said)?;
    }
    let feeder = input.map(Feeder::start).transpose().map_err(said)?;
    let feeder = feeder.filter(|feeder| stays_open(feeder, launch));
    streams::reap_children(inbox.clone()).map_err(said)?;
    Ok(Keeper {
        phase: Phase::Running,
        cause: Cause::Ended,
        agent: pid,
        ended: None,
        deadline: order.deadline_boot_ms,
        stop_grace_ms: launch.stop_grace_ms,
        group,
        spool,
        outputs_open,
        feeder,
        terminal,
        watchers: Vec::new(),
        alone_until: launch.bound.then(|| clock::boot_ms_in(FIRST_WATCH_MS_MAX)),
    })
}

/// Gives the agent what it was launched with. What is given at the start is all there is, except in a terminal.
fn stays_open(feeder: &Feeder, launch: &super::Launch) -> bool {
    match &launch.input {
        Input::Open => true,
        Input::Nothing => launch.terminal.is_some(),
        Input::Given(bytes) => {
            // The queue is empty: one entry always fits, and a closed input is the agent's business.
            feeder.feed(bytes.clone()).unwrap_or_default();
            launch.terminal.is_some()
        }
    }
}

impl Keeper {
    fn keep(&mut self, happenings: &Receiver<Happening>) -> Exit {
        while !self.over(clock::boot_ms()) {
            match happenings.recv_timeout(Duration::from_millis(self.patience_ms(clock::boot_ms()))) {
                Ok(happening) => self.take(happening),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tell();
        }
        let ended = self.ended.unwrap_or(ostler_pty::Exit { code: None, signal: None });
        let (_, dropped_bytes) = self.spool.progress();
        Exit { code: ended.code, signal: ended.signal, cause: self.cause.clone(), dropped_bytes }
    }

    /// Moves on where the clock says so. True when all is done.
    fn over(&mut self, now: u64) -> bool {
        let is_orphaned = self.is_orphaned(now);
        match self.phase {
            Phase::Running if now >= self.deadline => self.leave(Cause::Fenced, self.stop_grace_ms),
            Phase::Running if is_orphaned => self.leave(Cause::Orphaned, ORPHAN_GRACE_MS),
            Phase::Leaving { kill_at } if now >= kill_at => {
                self.phase = Phase::Killing { give_up_at: now.saturating_add(KILL_MS_MAX) };
                self.group.kill();
            }
            Phase::Killing { give_up_at } if now >= give_up_at => self.drain(now),
            Phase::Killing { .. } => self.group.kill(),
            Phase::Draining { until } => return self.outputs_open == 0 || now >= until,
            Phase::Running | Phase::Leaving { .. } => {}
        }
        false
    }

    /// True when the agent is bound and nobody has watched for too long.
    fn is_orphaned(&mut self, now: u64) -> bool {
        let Some(until) = self.alone_until else { return false };
        self.watchers.retain_mut(Watcher::listens);
        if !self.watchers.is_empty() {
            self.alone_until = Some(now.saturating_add(ALONE_MS_MAX));
        }
        self.watchers.is_empty() && now >= until
    }

    /// How long nothing needs doing if nothing happens.
    fn patience_ms(&self, now: u64) -> u64 {
        let due = match self.phase {
            Phase::Running => self.deadline,
            Phase::Leaving { kill_at } => kill_at,
            Phase::Killing { .. } => now.saturating_add(KILL_AGAIN_MS),
            Phase::Draining { until } => until,
        };
        due.saturating_sub(now).clamp(1, LOOK_MS)
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Printed(stream, bytes) => self.spool.keep(stream, &bytes),
            Happening::Closed => self.outputs_open = self.outputs_open.saturating_sub(1),
            Happening::Reaped(pid, exit) if pid == self.agent => self.agent_ended(exit),
            Happening::Reaped(..) => {}
            Happening::Childless => self.drain(clock::boot_ms()),
            Happening::Asked(Request::Watch, peer) => self.watch(peer),
            Happening::Asked(request, peer) => {
                let answer = self.answer(request);
                reply(peer, &answer);
            }
            Happening::Terminated => self.stop(self.stop_grace_ms),
        }
    }

    fn agent_ended(&mut self, exit: ostler_pty::Exit) {
        self.ended = Some(exit);
        if matches!(self.phase, Phase::Running) {
            self.leave(Cause::Ended, LEFTOVER_GRACE_MS);
        }
    }

    fn leave(&mut self, cause: Cause, grace_ms: u64) {
        self.cause = cause;
        self.phase = Phase::Leaving { kill_at: clock::boot_ms_in(grace_ms) };
        self.group.terminate();
    }

    /// A second stop may shorten the grace; it never lengthens it, and never changes why the agent is leaving.
    fn stop(&mut self, grace_ms: u64) {
        match self.phase {
            Phase::Running => self.leave(Cause::Stopped, grace_ms),
            Phase::Leaving { kill_at } => {
                self.phase = Phase::Leaving { kill_at: kill_at.min(clock::boot_ms_in(grace_ms)) };
            }
            Phase::Killing { .. } | Phase::Draining { .. } => {}
        }
    }

    fn drain(&mut self, now: u64) {
        // The terminal's own handles keep it open.
        (self.feeder, self.terminal) = (None, None);
        self.phase = Phase::Draining { until: now.saturating_add(DRAIN_MS_MAX) };
    }

    fn answer(&mut self, request: Request) -> Answer {
        let refused = |why: &str| Answer::Refused(why.to_owned());
        match (request, &self.phase) {
            (Request::Stop { grace_ms }, _) => self.stop(grace_ms),
            (Request::Extend { deadline_boot_ms }, Phase::Running) => self.deadline = deadline_boot_ms,
            (Request::Input(bytes), Phase::Running) if bytes.len() <= INPUT_BYTES_MAX => match &self.feeder {
                Some(feeder) => {
                    if let Err(why) = feeder.feed(bytes) {
                        return refused(why);
                    }
                }
                None => return refused("the agent was started without an input"),
            },
            (Request::Input(_), Phase::Running) => return refused("more input than one request carries"),
            (Request::Resize { cols, rows }, Phase::Running) => match &self.terminal {
                Some(terminal) => {
                    if let Err(error) = terminal.resize(Size { cols, rows }) {
                        return Answer::Refused(error.to_string());
                    }
                }
                None => return refused("the agent has no terminal"),
            },
            (Request::CloseInput, _) => self.feeder = None,
            (Request::Release { through }, _) if self.alone_until.is_some() => self.spool.release(through),
            (Request::Release { .. }, _) => {}
            (Request::Watch, _) => return refused("already watching"),
            (Request::Extend { .. } | Request::Input(_) | Request::Resize { .. }, _) => {
                return refused("the agent has ended or is being ended");
            }
        }
        Answer::Done
    }

    fn watch(&mut self, peer: UnixStream) {
        if self.watchers.len() >= WATCHERS_MAX {
            // The oldest is the likeliest to belong to a runner that is gone.
            self.watchers.remove(0);
        }
        if let Some(peer) = reply(peer, &Answer::Done) {
            self.watchers.push(Watcher { peer, told: None });
        }
    }

    /// Tells every watcher what it has not been told. One whose socket is full is told at the next look.
    fn tell(&mut self) {
        let progress = self.spool.progress();
        self.watchers.retain_mut(|watcher| watcher.told == Some(progress) || watcher.tell(progress));
    }
}

impl Watcher {
    /// False when the peer has hung up: it says nothing after its request.
    fn listens(&mut self) -> bool {
        match self.peer.read(&mut [0; 1]) {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// False when the watcher is gone.
    fn tell(&mut self, progress: (u64, u64)) -> bool {
        let mut note = [0; wire::PROGRESS_BYTES];
        note[..8].copy_from_slice(&progress.0.to_le_bytes());
        note[8..].copy_from_slice(&progress.1.to_le_bytes());
        match self.peer.write(&note) {
            Ok(wire::PROGRESS_BYTES) => {
                self.told = Some(progress);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            // Half a note cannot be taken back: the peer connects again.
            Ok(_) => false,
        }
    }
}

/// An answer always fits an empty socket buffer. The peer back, if it heard.
fn reply(mut peer: UnixStream, answer: &Answer) -> Option<UnixStream> {
    wire::send(&mut peer, answer).ok().map(|()| peer)
}
