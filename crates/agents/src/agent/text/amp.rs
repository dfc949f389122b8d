//! Amp, headless: one JSON object per line, in Claude Code's form. Read from its documentation, never run to its end.
//!
//! Owns its launch. It asks nobody in this mode: what its own rules do not allow, it denies itself.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step};
use crate::catalog::entry::{Enforcement, Entry, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::control::Control;
use crate::environment::{environment, overlaid, program};
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};

pub(crate) static ENTRY: Entry = Entry {
    name: "amp",
    programs: &["amp"],
    version_args: &["--version"],
    marks: &[],
    oldest: "",
    protocol: Protocol::Lines,
    standing: Standing::Unverified("it works only with an account of its maker's service"),
    sign_in: SignIn {
        env: &["AMP_API_KEY"],
        files: &[".local/share/amp/secrets.json"],
        how: "run `amp login` on the runner, or set AMP_API_KEY",
    },
    env: &["AMP_API_KEY", "AMP_URL"],
    shared: &[
        Shared { path: ".local/share/amp/secrets.json", how: Sharing::Link },
        Shared { path: ".config/amp/settings.json", how: Sharing::Copy },
    ],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: Some(|entry| Box::new(Amp { entry, control: Control::default() })),
};

/// One attempt.
struct Amp {
    entry: &'static Entry,
    control: Control,
}

impl Adapter for Amp {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let argv = vec![program(self.entry, context), "--execute".to_owned(), "--stream-json".to_owned()];
        let quiet = vec![("AMP_SKIP_UPDATE_CHECK".to_owned(), "1".to_owned())];
        let env = overlaid(environment(context, &task.env, false)?, quiet);
        self.control = Control::new(context.directory.display().to_string(), false);
        // The end of file keeps it from waiting for a login code when it is not signed in.
        let input = Input::Given(context.prompt.clone().into_bytes());
        Ok(Launch::Process(Process { argv, env, terminal: None, input, files: Vec::new() }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let steps = self.control.feed(stream, bytes);
        // Its input is over: it can be told nothing, ends by itself, and is not gone on with.
        let kept = |step: &Step| matches!(step, Step::Event(event) if !matches!(event, Event::Session { .. }));
        steps.into_iter().filter(kept).collect()
    }

    fn in_flight(&self) -> usize {
        self.control.in_flight()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        self.control.end(end)
    }
}
