//! OpenCode, `opencode acp` (1.18).
//!
//! Left alone it allows everything, so that asking is forced. It serves its whole HTTP interface on a local port
//! besides, without asking who calls: it gets a password that nobody is told.

use crate::adapter::LaunchContext;
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Outfit, Profile};
use ostler_core::task::Task;
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher, RandomState};

pub(crate) static ENTRY: Entry = Entry {
    name: "opencode",
    programs: &["opencode"],
    version_args: &["--version"],
    marks: &[],
    oldest: "1.18",
    protocol: Protocol::Acp,
    standing: Standing::Verified("1.18.33"),
    sign_in: SignIn {
        env: &["OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"],
        // A provider with its key may stand in the settings: what is in them cannot be told from outside.
        files: &[".local/share/opencode/auth.json", ".config/opencode/opencode.json"],
        how: "run `opencode auth login`",
    },
    env: &["OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"],
    shared: &[
        Shared { path: ".local/share/opencode/auth.json", how: Sharing::Link },
        Shared { path: ".config/opencode/opencode.json", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::Enforced },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp"],
    env: &[
        ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
        ("OPENCODE_DISABLE_SHARE", "1"),
    ],
    outfit: guarded,
    model: Model::Session,
    usage: Counted::LastCall,
    denial_ends_turn: true,
    ..Profile::PLAIN
};

/// Its own agents: the one that begins, and those it gives parts of the work to. Each may have rules of its own.
const AGENTS: [&str; 4] = ["build", "plan", "general", "explore"];

/// What makes it ask, over whatever its owner's settings say, and a password for its local server: the system's dice, as
/// this process drew them for its hash tables.
fn guarded(_task: &Task, context: &LaunchContext, outfit: &mut Outfit) {
    let ask =
        ["edit", "bash", "webfetch", "websearch", "external_directory"].map(|kind| (kind.to_owned(), json!("ask")));
    let ask = Value::Object(ask.into_iter().collect());
    let agents: Map<String, Value> =
        AGENTS.iter().map(|agent| ((*agent).to_owned(), json!({ "permission": ask }))).collect();
    let config = json!({ "default_agent": AGENTS[0], "agent": agents, "permission": ask });
    outfit.env.push(("OPENCODE_CONFIG_CONTENT".to_owned(), config.to_string()));
    outfit.env.push(("OPENCODE_PERMISSION".to_owned(), ask.to_string()));
    let dice = RandomState::new();
    let secret = [0_u8, 1].map(|n| format!("{:016x}", dice.hash_one((n, &context.socket)))).concat();
    outfit.env.push(("OPENCODE_SERVER_PASSWORD".to_owned(), secret));
}
