//! Qwen Code, `qwen --acp` (0.24).
//!
//! Left alone it judges for itself what to ask about, so that its mode is forced, and a rule makes it ask about commands it
//! takes for harmless too. Folder trust is switched on, and no folder is trusted: the repository's own settings, hooks and
//! servers are not read.

use crate::adapter::LaunchContext;
use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Outfit, Profile};
use ostler_core::task::Task;
use serde_json::json;

pub(crate) static ENTRY: Entry = Entry {
    name: "qwen",
    programs: &["qwen"],
    version_args: &["--version"],
    marks: &[],
    oldest: "0.24",
    protocol: Protocol::Acp,
    standing: Standing::Verified("0.24.4"),
    sign_in: SignIn {
        env: &["OPENAI_API_KEY", "DASHSCOPE_API_KEY", "BAILIAN_CODING_PLAN_API_KEY"],
        files: &[".qwen/oauth_creds.json"],
        how: "run `qwen` once and type /auth, or set OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL",
    },
    env: &[
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "DASHSCOPE_API_KEY",
        "BAILIAN_CODING_PLAN_API_KEY",
        "QWEN_DEFAULT_AUTH_TYPE",
    ],
    shared: &[
        Shared { path: ".qwen/oauth_creds.json", how: Sharing::Link },
        Shared { path: ".qwen/settings.json", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::Enforced },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["--acp", "--approval-mode", "default"],
    env: &[("QWEN_CODE_NO_RELAUNCH", "true"), ("QWEN_USAGE_STATISTICS_ENABLED", "false")],
    outfit: wary,
    model: Model::Argument("--model"),
    mode: Some("default"),
    sign_in: Some("openai"),
    usage: Counted::Chunks,
    denial_ends_turn: true,
    ..Profile::PLAIN
};

/// Below its home: settings that go before everybody's, in the place of an administrator's.
const SETTINGS: &str = ".qwen/ostler.json";

fn wary(_task: &Task, context: &LaunchContext, outfit: &mut Outfit) {
    let Some(home) = &context.home else { return };
    let settings = json!({
        "general": { "enableAutoUpdate": false },
        "security": { "folderTrust": { "enabled": true } },
        "permissions": { "ask": ["Bash"] },
    });
    outfit.files.push((SETTINGS.to_owned(), settings.to_string().into_bytes()));
    let path = home.join(SETTINGS).display().to_string();
    outfit.env.push(("QWEN_CODE_SYSTEM_SETTINGS_PATH".to_owned(), path));
}
