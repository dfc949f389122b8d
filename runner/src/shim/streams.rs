//! The threads that carry bytes between the agent and the keeper.
//!
//! Owns blocking: readers block on the agent, the feeder blocks on the agent, the keeper never does. Must not know what
//! the bytes mean or when to stop: a reader ends with its stream.

use super::keeper::Happening;
use super::spool::PAYLOAD_BYTES_MAX;
use ostler_core::event::Stream;
use ostler_pty::{Channel, Output, reap};
use std::io::{self, Read, Write};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

/// Inputs that wait for an agent that does not read; one more is refused.
const INPUTS_WAITING_MAX: usize = 16;

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

/// What feeds the agent's standard input. Dropping it gives the agent the end of file.
pub(crate) struct Feeder {
    queue: SyncSender<Vec<u8>>,
}

impl Feeder {
    pub(crate) fn start(mut input: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, waiting) = sync_channel::<Vec<u8>>(INPUTS_WAITING_MAX);
        spawn("input", move || {
            for bytes in waiting {
                // A closed input is the agent's business: what is sent after is refused below.
                if input.write_all(&bytes).and_then(|()| input.flush()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { queue })
    }

    /// Queues `bytes`, or says why not.
    pub(crate) fn feed(&self, bytes: Vec<u8>) -> Result<(), &'static str> {
        self.queue.try_send(bytes).map_err(|refused| match refused {
            TrySendError::Full(_) => "the agent is not reading its input: try again when it does",
            TrySendError::Disconnected(_) => "the agent has closed its input",
        })
    }
}

pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Named and detached: it ends with its stream, or with the process.
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}
