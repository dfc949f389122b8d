//! Pi, `pi --mode rpc` (0.87).
//!
//! It does not speak ACP by itself; its own mode says more than the adapter that others made for it. It asks nobody before
//! it acts: only a sandbox holds it. Extensions and the repository's own files are left out.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step};
use crate::catalog::entry::{Enforcement, Entry, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::pi::Rpc;
use crate::environment::{environment, overlaid, program};
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};

pub(crate) static ENTRY: Entry = Entry {
    name: "pi",
    programs: &["pi"],
    version_args: &["--version"],
    marks: &[],
    oldest: "0.87",
    protocol: Protocol::Lines,
    standing: Standing::Unverified("replayed and run by hand, never through relay and runner"),
    sign_in: SignIn {
        env: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"],
        files: &[".pi/agent/auth.json", ".pi/agent/models.json"],
        how: "run `pi` once and type /login, or set a provider's key",
    },
    env: &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"],
    shared: &[
        Shared { path: ".pi/agent/auth.json", how: Sharing::Link },
        Shared { path: ".pi/agent/models.json", how: Sharing::Copy },
        Shared { path: ".pi/agent/settings.json", how: Sharing::Copy },
    ],
    enforces: Enforcement::NONE,
    resumes: true,
    adapter: Some(|entry| Box::new(Pi { entry, rpc: Rpc::default() })),
};

/// What makes it converse, load nothing of the repository's but its notes, and look nothing up at its start.
const ARGS: [&str; 5] = ["--mode", "rpc", "--no-extensions", "--no-approve", "--offline"];

struct Pi {
    entry: &'static Entry,
    rpc: Rpc,
}

impl Adapter for Pi {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let mut argv = vec![program(self.entry, context)];
        argv.extend(ARGS.map(str::to_owned));
        if let Some(model) = &task.model {
            argv.extend(["--model".to_owned(), model.clone()]);
        }
        if let Some(resume) = &context.resume {
            // Made anew where there is none of this name.
            argv.extend(["--session-id".to_owned(), resume.session.clone()]);
        }
        let quiet = vec![("PI_OFFLINE".to_owned(), "1".to_owned()), ("PI_TELEMETRY".to_owned(), "0".to_owned())];
        let env = overlaid(environment(context, &task.env, false)?, quiet);
        self.rpc = Rpc::new(context);
        let input = Input::Open(Rpc::hello());
        Ok(Launch::Process(Process { argv, env, terminal: None, input, files: Vec::new() }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        self.rpc.feed(stream, bytes)
    }

    fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        self.rpc.prompt(text)
    }

    fn interrupt(&mut self) -> Option<Vec<Step>> {
        self.rpc.interrupt()
    }

    fn in_flight(&self) -> usize {
        self.rpc.in_flight()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        self.rpc.end(end)
    }
}
