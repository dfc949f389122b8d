//! Events of a run: fetched, opened, in order. Must not know how they are shown.

use crate::client::{Client, unexpected};
use crate::error::ClientError;
use ostler_core::event::Event;
use ostler_core::ids::RunId;
use ostler_core::time::Timestamp;
use ostler_identity::Purpose;
use ostler_proto::{Request, Response, Seen};

/// One opened event.
#[derive(Debug)]
pub struct Heard {
    /// Its place in the run, from 1, without gaps.
    pub seq: u64,
    /// The epoch of the attempt that said it.
    pub epoch: u64,
    /// Its number within the attempt, from 1.
    pub n: u64,
    /// When the relay kept it.
    pub at: Timestamp,
    /// What it says, or why it cannot be read.
    pub event: Result<Event, ClientError>,
}

/// All that was kept of a run's events.
#[derive(Debug, Default)]
pub struct Recording {
    /// In order.
    pub events: Vec<Heard>,
    /// The first number there is, when retention took earlier ones.
    pub truncated_before: Option<u64>,
}

impl Client {
    /// All events of `run` from number `from` on.
    ///
    /// # Errors
    /// See [`ClientError`]; an event that cannot be read is an item, not an error.
    pub async fn events(&self, run: RunId, from: u64) -> Result<Recording, ClientError> {
        let mut recording = Recording::default();
        let mut next = from.max(1);
        loop {
            let Response::Events(seen) = self.ask(&Request::Events { run, from: next }).await? else {
                return Err(unexpected("Events"));
            };
            recording.truncated_before = recording.truncated_before.or(seen.truncated_before);
            let more = seen.more;
            let heard = self.hear(run, next, seen).await?;
            let Some(last) = heard.last() else { return Ok(recording) };
            next = last.seq + 1;
            recording.events.extend(heard);
            if !more {
                return Ok(recording);
            }
        }
    }

    /// Opens what the relay sent, after checking that it is of this run, in order, and begins with number `from`.
    pub(crate) async fn hear(&self, run: RunId, from: u64, seen: Seen) -> Result<Vec<Heard>, ClientError> {
        in_order(run, from, &seen)?;
        let mut heard = Vec::with_capacity(seen.events.len());
        for event in seen.events {
            let purpose = Purpose::Event { run, epoch: event.epoch, n: event.n };
            let content = match self.open(&purpose, &event.sealed).await {
                Ok(plain) => postcard::from_bytes(&plain).map_err(|_| ClientError::Content("the event")),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => Err(error),
            };
            heard.push(Heard { seq: event.seq, epoch: event.epoch, n: event.n, at: event.at, event: content });
        }
        Ok(heard)
    }
}

/// Without gaps, repeats or strangers; nothing is left out in front that retention did not take.
fn in_order(run: RunId, from: u64, seen: &Seen) -> Result<(), ClientError> {
    let begin = seen.truncated_before.map_or(from, |first| first.max(from));
    let late = seen.events.first().is_some_and(|event| event.seq != begin);
    let gap = late || seen.events.windows(2).any(|pair| pair[0].seq + 1 != pair[1].seq);
    if gap || seen.events.iter().any(|event| event.run != run) {
        return Err(ClientError::Protocol("events with a gap, a repeat or of another run".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_repeats_and_strangers_are_refused() {
        let run = RunId([1; 16]);
        let event = |run, seq| ostler_proto::Event {
            run,
            seq,
            epoch: 1,
            n: seq,
            at: Timestamp(0),
            sealed: Vec::new(),
            hash: [0; 32],
        };
        let check = |events: Vec<ostler_proto::Event>| {
            in_order(run, 4, &Seen { events, truncated_before: None, more: false }).is_ok()
        };
        assert!(check(vec![]) && check(vec![event(run, 4), event(run, 5)]));
        assert!(!check(vec![event(run, 5), event(run, 6)]), "the first is left out");
        assert!(!check(vec![event(run, 3), event(run, 4)]), "told again");
        let cut = Seen { events: vec![event(run, 9)], truncated_before: Some(9), more: false };
        assert!(in_order(run, 4, &cut).is_ok(), "retention took the earlier ones, and it is said");
        assert!(!check(vec![event(run, 4), event(run, 6)]));
        assert!(!check(vec![event(run, 4), event(run, 4)]));
        assert!(!check(vec![event(RunId([2; 16]), 4)]));
    }
}
