//! Codex CLI, over its app-server (measured with 0.169.0; docs/agents.md).
//!
//! Owns its launch. It asks before every patch and every command, and works inside its own sandbox besides; the runner
//! answers. What its provider searches in the web for it is asked by nobody. Its sandbox refuses a home below `/tmp`.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Reply, Step};
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::appserver::{AppServer, Wish};
use crate::environment::{environment, overlaid, program};
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};
use std::path::Path;

pub(crate) static ENTRY: Entry = Entry {
    name: "codex",
    programs: &["codex"],
    version_args: &["--version"],
    marks: &["codex"],
    oldest: "0.169",
    protocol: Protocol::AppServer,
    standing: Standing::Verified("0.169.0"),
    sign_in: SignIn {
        env: &[KEY],
        files: &[".codex/auth.json"],
        how: "run `codex login` on the runner, or set CODEX_API_KEY",
    },
    env: &[KEY, "OPENAI_BASE_URL"],
    shared: &[
        Shared { path: ".codex/auth.json", how: Sharing::Link },
        Shared { path: ".codex/config.toml", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Codex { entry, server: AppServer::default() })),
};

/// The key that is meant for it: another program's `OPENAI_API_KEY` is not taken in the place of a sign-in.
const KEY: &str = "CODEX_API_KEY";
/// What keeps it from speaking to anybody but its provider (traced: nothing else goes out), and lets it ask questions.
const ARGS: [&str; 17] = [
    "app-server",
    "--disable",
    "plugins",
    "--disable",
    "remote_plugin",
    "--disable",
    "apps",
    "--disable",
    "skill_search",
    "--enable",
    "default_mode_request_user_input",
    "-c",
    "check_for_update_on_startup=false",
    "-c",
    "analytics.enabled=false",
    "-c",
    "suppress_unstable_features_warning=true",
];
/// Where it keeps its sign-in, settings and sessions, below a run's home.
const HOME: &str = ".codex";
/// A file in it: it does not start when the place is not there.
const MARK: &str = ".codex/.ostler";

/// Without it, beginning a thread marks its directory as trusted, and what the repository's `.codex/` says is done: servers
/// started, models chosen (seen with 0.169.0).
fn untrusted(directory: &Path) -> String {
    let path = serde_json::Value::from(directory.display().to_string());
    format!("projects={{{path}={{trust_level=\"untrusted\"}}}}")
}

/// An app-server reads no key from its environment but for a provider that names it: one is made that does.
fn keyed(env: &[(String, String)]) -> Vec<String> {
    let value = |wanted: &str| env.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if value(KEY).is_none_or(str::is_empty) {
        return Vec::new();
    }
    let url = serde_json::Value::from(value("OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1"));
    let provider = format!("{{name=\"OpenAI\",base_url={url},env_key=\"{KEY}\",wire_api=\"responses\"}}");
    vec!["model_provider=\"keyed\"".to_owned(), format!("model_providers.keyed={provider}")]
}

/// One attempt.
struct Codex {
    entry: &'static Entry,
    server: AppServer,
}

impl Adapter for Codex {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if matches!(task.work, Work::Command(_)) {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let mut argv = vec![program(self.entry, context)];
        argv.extend(ARGS.map(str::to_owned));
        argv.extend(["-c".to_owned(), untrusted(&context.directory)]);
        let mut own = vec![("NO_COLOR".to_owned(), "1".to_owned())];
        own.extend(context.home.iter().map(|home| ("CODEX_HOME".to_owned(), home.join(HOME).display().to_string())));
        let env = overlaid(environment(context, &task.env, false)?, own);
        argv.extend(keyed(&env).into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        let wish = Wish {
            prompt: context.prompt.clone(),
            resume: context.resume.clone(),
            model: task.model.clone(),
            directory: context.directory.display().to_string(),
        };
        let (server, hello) = AppServer::new(wish);
        self.server = server;
        let files = context.home.iter().map(|_| (MARK.to_owned(), Vec::new())).collect();
        Ok(Launch::Process(Process { argv, env, terminal: None, input: Input::Open(hello), files }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        self.server.feed(stream, bytes)
    }

    fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        self.server.reply(key, reply)
    }

    fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        self.server.prompt(text)
    }

    fn interrupt(&mut self) -> Option<Vec<Step>> {
        self.server.interrupt()
    }

    fn in_flight(&self) -> usize {
        self.server.in_flight()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        self.server.end(end)
    }
}
