//! Aider, in text over pipes (measured with 0.86.2; docs/agents.md).
//!
//! Owns its launch. It asks before it creates a file, edits one that is not in its chat, or executes a command; edits of
//! files in its chat are not asked about. It reads `.env` and `.aider.conf.yml` of the repository, and cannot be kept from
//! it: what can be said on the command line against them is said. It has no sessions, but a history of its chat.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Reply, Step};
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::text::Text;
use crate::environment::{environment, overlaid, program};
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};
use std::path::PathBuf;

pub(crate) static ENTRY: Entry = Entry {
    name: "aider",
    programs: &["aider"],
    version_args: &["--version"],
    marks: &["aider"],
    oldest: "0.86",
    protocol: Protocol::Text,
    standing: Standing::Verified("0.86.2"),
    sign_in: SignIn {
        env: &["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY"],
        files: &[".aider.conf.yml", ".aider/oauth-keys.env"],
        how: "set the key of a provider, as OPENAI_API_KEY or ANTHROPIC_API_KEY",
    },
    env: &[
        "OPENAI_API_KEY",
        "OPENAI_API_BASE",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "DEEPSEEK_API_KEY",
        "OPENROUTER_API_KEY",
        "AIDER_MODEL",
    ],
    shared: &[
        Shared { path: ".aider.conf.yml", how: Sharing::Copy },
        Shared { path: ".aider/oauth-keys.env", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::Advisory, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Aider { entry, text: Text::default(), resumed: None })),
};

/// Plain text, whole answers, no commits of its own (the runner brings the work home), nothing fetched or reported, and
/// nothing executed that a settings file of the repository could name.
const ARGS: [&str; 18] = [
    "--no-pretty",
    "--no-fancy-input",
    "--no-stream",
    "--no-auto-commits",
    "--no-dirty-commits",
    "--no-gitignore",
    "--no-auto-lint",
    "--no-auto-test",
    "--no-detect-urls",
    "--no-notifications",
    "--no-check-update",
    "--no-show-release-notes",
    "--no-show-model-warnings",
    "--analytics-disable",
    "--load=/dev/null",
    "--map-tokens=0",
    "--encoding=utf-8",
    "--no-copy-paste",
];
/// Below its home: the prompt, its histories, and a price list without prices, for which it would else ask the network.
const PROMPT: &str = ".aider/prompt.md";
const CHAT: &str = ".aider/chat.md";
const INPUT: &str = ".aider/input";
const PRICES: &str = ".aider/caches/model_prices_and_context_window.json";
/// Columns after which it breaks a line: a command must not be broken before it is shown to who decides.
const COLUMNS: &str = "100000";
/// The name of its only session.
const SESSION: &str = "chat";

/// One attempt.
struct Aider {
    entry: &'static Entry,
    text: Text,
    /// Until its session is told: whether it goes on with an earlier one.
    resumed: Option<bool>,
}

impl Adapter for Aider {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let own = [("COLUMNS", COLUMNS), ("LITELLM_LOCAL_MODEL_COST_MAP", "True"), ("NO_COLOR", "1")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let env = overlaid(environment(context, &task.env, false)?, own);
        let home = env.iter().find(|(name, _)| name == "HOME").map(|(_, home)| PathBuf::from(home)).unwrap_or_default();
        let below = |option: &str, path: &str| format!("{option}={}", home.join(path).display());
        let mut argv = vec![program(self.entry, context)];
        argv.extend(ARGS.map(str::to_owned));
        argv.extend([
            below("--message-file", PROMPT),
            below("--chat-history-file", CHAT),
            below("--input-history-file", INPUT),
        ]);
        argv.extend(task.model.iter().map(|model| format!("--model={model}")));
        argv.extend(context.resume.iter().map(|_| "--restore-chat-history".to_owned()));
        self.text = Text::new(context.directory.display().to_string());
        self.resumed = Some(context.resume.is_some());
        let files =
            vec![(PROMPT.to_owned(), words(&context.prompt)), (PRICES.to_owned(), b"{\"sample_spec\":{}}".to_vec())];
        Ok(Launch::Process(Process { argv, env, terminal: None, input: Input::Open(Vec::new()), files }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(resumed) = self.resumed.take() {
            steps.push(Step::Event(Event::Session { id: SESSION.to_owned(), resumed }));
            steps.push(Step::Session(SESSION.to_owned()));
        }
        steps.extend(self.text.feed(stream, bytes));
        steps
    }

    fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        self.text.reply(key, reply)
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        self.text.end(end)
    }
}

/// A prompt that begins with `/` or `!` would be one of its own commands.
fn words(prompt: &str) -> Vec<u8> {
    let before = if prompt.starts_with(['/', '!']) { "\n" } else { "" };
    format!("{before}{prompt}\n").into_bytes()
}
