//! The `noop` agent: no process, no output, always a success. It exists to measure the relay.

use crate::adapter::{Adapter, End, Launch, LaunchContext, LaunchError, Outcome, Step};
use crate::command::ended;
use ostler_core::event::{Event, Stream};
use ostler_core::task::Task;

pub(crate) struct Noop;

impl Adapter for Noop {
    fn launch(&mut self, _: &Task, _: &LaunchContext) -> Result<Launch, LaunchError> {
        Ok(Launch::Nothing)
    }

    fn feed(&mut self, _: Stream, _: &[u8]) -> Vec<Step> {
        Vec::new()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        (vec![ended(end)], Outcome::Succeeded { message: "nothing was to be done".to_owned() })
    }
}
