//! The `shell` and `pty` agents: a command executed exactly as given, on pipes or in a terminal.
//!
//! Owns their launch and their judgement, which is the exit code. Must not interpret what they print.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step, told};
use crate::environment::environment;
use crate::shape::Shaper;
use ostler_core::event::{Event, Stream};
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::task::{Task, Work};

/// The size a recorded terminal opens with; whoever watches may resize it.
const TERMINAL: (u16, u16) = (120, 40);
/// What `sh` and `env` say when the program is missing; no retry will find it.
const CODE_NOT_FOUND: i32 = 127;

/// Executes argv; a shell takes part only if argv names one.
pub(crate) struct Command {
    name: &'static str,
    terminal: Option<(u16, u16)>,
    shaper: Shaper,
}

impl Command {
    pub(crate) fn shell() -> Self {
        Self { name: "shell", terminal: None, shaper: Shaper::default() }
    }

    pub(crate) fn pty() -> Self {
        Self { name: "pty", terminal: Some(TERMINAL), shaper: Shaper::default() }
    }
}

impl Adapter for Command {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        let argv = match &task.work {
            Work::Command(argv) => argv.clone(),
            Work::Prompt(_) => return Err(LaunchError::WantsCommand(self.name)),
        };
        if argv.first().is_none_or(String::is_empty) {
            return Err(LaunchError::Empty);
        }
        let env = environment(context, &task.env, self.terminal.is_some())?;
        let input = Input::Nothing;
        Ok(Launch::Process(Process { argv, env, terminal: self.terminal, input, files: Vec::new() }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        told(self.shaper.feed(stream, bytes))
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut events = self.shaper.finish();
        events.push(ended(end));
        (events, judge(end))
    }
}

/// [`Event::Ended`] with the sentence people read.
pub(crate) fn ended(end: End) -> Event {
    Event::Ended { code: end.code, signal: end.signal, message: sentence(end) }
}

fn sentence(end: End) -> String {
    match (end.code, end.signal) {
        (Some(CODE_NOT_FOUND), _) => "exited with 127: the program was not found".to_owned(),
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended, and nobody saw how".to_owned(),
    }
}

/// Success is exit code 0. Another code is the task's failure; a signal is the agent's; an unseen end is the runner's.
pub(crate) fn judge(end: End) -> Outcome {
    let class = match (end.code, end.signal) {
        (Some(0), _) => return Outcome::Succeeded { message: sentence(end) },
        (Some(_), _) => FailureClass::Task,
        (None, Some(_)) => FailureClass::Agent,
        (None, None) => FailureClass::Infra,
    };
    let code = match (end.code, end.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "end unseen".to_owned(),
    };
    Outcome::Failed { failure: Failure::new(class, &code), message: sentence(end) }
}
