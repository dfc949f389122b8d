//! Crush, headless: `crush run` prints its answer as text. Read from its documentation, never run.
//!
//! Owns its launch. It asks nobody in this mode and allows itself everything; its exit code is all there is to judge by.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step, told};
use crate::catalog::entry::{Enforcement, Entry, Protocol, Shared, Sharing, SignIn, Standing};
use crate::command::{ended, judge};
use crate::environment::{environment, overlaid, program};
use crate::shape::Shaper;
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};

pub(crate) static ENTRY: Entry = Entry {
    name: "crush",
    programs: &["crush"],
    version_args: &["--version"],
    marks: &["crush"],
    oldest: "",
    protocol: Protocol::Text,
    standing: Standing::Unverified("its package fetches the program from a place that cannot be pinned"),
    sign_in: SignIn {
        env: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"],
        files: &[".local/share/crush/crush.json"],
        how: "run `crush login` on the runner, or set the key of a provider",
    },
    env: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"],
    shared: &[
        Shared { path: ".local/share/crush/crush.json", how: Sharing::Link },
        Shared { path: ".config/crush/crush.json", how: Sharing::Copy },
    ],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: Some(|entry| Box::new(Crush { entry, shaper: Shaper::default() })),
};

/// What keeps it from speaking to anybody but its provider.
const QUIET: [(&str, &str); 3] =
    [("CRUSH_DISABLE_METRICS", "1"), ("CRUSH_DISABLE_PROVIDER_AUTO_UPDATE", "1"), ("DO_NOT_TRACK", "1")];

/// One attempt.
struct Crush {
    entry: &'static Entry,
    shaper: Shaper,
}

impl Adapter for Crush {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let mut argv = vec![program(self.entry, context), "run".to_owned(), "--quiet".to_owned()];
        argv.extend(task.model.iter().map(|model| format!("--model={model}")));
        let quiet = QUIET.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let env = overlaid(environment(context, &task.env, false)?, quiet);
        let input = Input::Given(context.prompt.clone().into_bytes());
        Ok(Launch::Process(Process { argv, env, terminal: None, input, files: Vec::new() }))
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
