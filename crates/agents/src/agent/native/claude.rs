//! Claude Code, over its control protocol (measured with 2.1.329; docs/agents.md).
//!
//! Owns its launch. It asks before every command, edit and fetch, also those that it would take for harmless; the runner
//! answers. The owner's `settings.json` is not taken into a run's home: its hooks would answer in a person's place.
//! Settings, hooks, servers and `CLAUDE.md` that the repository brings are not read at all.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Reply, Step};
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::control::Control;
use crate::environment::{environment, overlaid, program};
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};

pub(crate) static ENTRY: Entry = Entry {
    name: "claude",
    programs: &["claude"],
    version_args: &["--version"],
    marks: &["Claude Code"],
    oldest: "2.1",
    protocol: Protocol::Control,
    standing: Standing::Verified("2.1.329"),
    sign_in: SignIn {
        env: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"],
        files: &[".claude/.credentials.json"],
        how: "run `claude` once on the runner and type /login, or set ANTHROPIC_API_KEY",
    },
    env: &[
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_MODEL",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ],
    shared: &[
        Shared { path: ".claude/.credentials.json", how: Sharing::Link },
        Shared { path: ".claude.json", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::Enforced },
    resumes: true,
    adapter: Some(|entry| Box::new(Claude { entry, control: Control::default() })),
};

/// What makes it converse, ask us alone, and read nobody's settings but the run's own. Tools that outlive the attempt, or
/// take its work to another tree, are not offered to its model.
const ARGS: [&str; 15] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--permission-prompt-tool",
    "stdio",
    "--permission-mode",
    "default",
    "--setting-sources=user",
    "--strict-mcp-config",
    "--settings",
    ASK_ALWAYS,
    "--disallowed-tools=CronCreate,CronDelete,CronList,EnterWorktree,ExitWorktree,ScheduleWakeup",
];
/// Without it, commands that it takes for harmless run unasked, and so does what the owner allowed himself.
const ASK_ALWAYS: &str =
    r#"{"permissions":{"ask":["Bash","Monitor","Write","Edit","NotebookEdit","WebFetch","WebSearch"]}}"#;
/// What keeps it from speaking to anybody but its provider (traced: nothing else goes out).
const QUIET: [(&str, &str); 4] = [
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_TELEMETRY", "1"),
];

/// One attempt.
struct Claude {
    entry: &'static Entry,
    control: Control,
}

impl Adapter for Claude {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let mut argv = vec![program(self.entry, context)];
        argv.extend(ARGS.map(str::to_owned));
        argv.extend(task.model.iter().map(|model| format!("--model={model}")));
        argv.extend(context.resume.iter().map(|resume| format!("--resume={}", resume.session)));
        let quiet = QUIET.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let env = overlaid(environment(context, &task.env, false)?, quiet);
        self.control = Control::new(context.directory.display().to_string(), context.resume.is_some());
        let input = Input::Open(Control::hello(&context.prompt));
        Ok(Launch::Process(Process { argv, env, terminal: None, input, files: Vec::new() }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        self.control.feed(stream, bytes)
    }

    fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        self.control.reply(key, reply)
    }

    fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        self.control.prompt(text)
    }

    fn interrupt(&mut self) -> Option<Vec<Step>> {
        Some(self.control.interrupt())
    }

    fn in_flight(&self) -> usize {
        self.control.in_flight()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        self.control.end(end)
    }
}
