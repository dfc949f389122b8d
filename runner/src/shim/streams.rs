//! The threads that carry bytes between the agent and the keeper.
//!
//! Owns blocking: readers block on the agent, the feeder blocks on the agent, the keeper never does. Must not know what
//! the bytes mean or when to stop: a reader ends with its stream.

use super::keeper::Happening;
use super::spool::PAYLOAD_BYTES_MAX;
use ostler_core::event::Stream;
use ostler_pty::{Channel, Output, reap};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::thread;

/// Bytes that wait for an agent that does not read: a few of the largest prompts. More are refused.
const INPUT_WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads one output to its end.
pub(crate) fn read_output(output: Output, inbox: SyncSender<Happening>) -> io::Result<()> {
    let Output { channel, mut reader } = output;
    let stream = match channel {
        Channel::Out => Stream::Out,
        Channel::Err => Stream::Err,
        Channel::Terminal => Stream::Terminal,
    };
    spawn("output", move || {
        let mut buffer = vec![0; PAYLOAD_BYTES_MAX];
        loop {
            let told = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => inbox.send(Happening::Printed(stream, buffer[..n].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                // The stream is broken; there is nothing more to be had from it.
                Err(_) => break,
            };
            if told.is_err() {
                return;
            }
        }
        // The keeper is gone only when the process is ending.
        inbox.send(Happening::Closed).unwrap_or_default();
    })
}

/// Reaps every child there will ever be. Start it when the agent runs: no other part of this process may wait.
pub(crate) fn reap_children(inbox: SyncSender<Happening>) -> io::Result<()> {
    spawn("reaper", move || {
        while let Ok(Some((pid, exit))) = reap() {
            if inbox.send(Happening::Reaped(pid, exit)).is_err() {
                return;
            }
        }
        inbox.send(Happening::Childless).unwrap_or_default();
    })
}

/// What feeds the agent's standard input, in order. Dropping it gives the agent the end of file, after what waits.
pub(crate) struct Feeder {
    queue: Sender<Vec<u8>>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Feeder {
    pub(crate) fn start(mut input: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, waiting) = channel::<Vec<u8>>();
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting_bytes);
        spawn("input", move || {
            for bytes in waiting {
                // A closed input is the agent's business: what is sent after is refused below.
                if input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
                    return;
                }
                counted.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
        })?;
        Ok(Self { queue, waiting_bytes })
    }

    /// Queues `bytes`, or says why not.
    pub(crate) fn feed(&self, bytes: Vec<u8>) -> Result<(), &'static str> {
        // Only the keeper adds, so that what is seen here can only have become less.
        if self.waiting_bytes.load(Ordering::Relaxed).saturating_add(bytes.len()) > INPUT_WAITING_BYTES_MAX {
            return Err("the agent is not reading its input: try again when it does");
        }
        self.waiting_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        self.queue.send(bytes).map_err(|_| "the agent has closed its input")
    }
}

pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Named and detached: it ends with its stream, or with the process.
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}
