//! Hermes, `hermes acp` (0.19).
//!
//! It asks before every edit, and before commands only when it takes them for dangerous. It takes a minute's silence for
//! a no, and says neither that it did nor when an edit is done.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Asks, Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "hermes",
    programs: &["hermes"],
    version_args: &["--version"],
    marks: &["Hermes Agent"],
    oldest: "0.19",
    protocol: Protocol::Acp,
    standing: Standing::Verified("0.19.0"),
    sign_in: SignIn {
        env: &["OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "NOUS_API_KEY"],
        files: &[".hermes/auth.json", ".hermes/.env", ".hermes/config.yaml"],
        how: "run `hermes setup`",
    },
    env: &["OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "NOUS_API_KEY"],
    shared: &[
        Shared { path: ".hermes/auth.json", how: Sharing::Link },
        Shared { path: ".hermes/.env", how: Sharing::Link },
        Shared { path: ".hermes/config.yaml", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::Enforced, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp"],
    env: &[("HERMES_ACCEPT_HOOKS", "0"), ("HERMES_YOLO_MODE", "0"), ("HERMES_ENABLE_PROJECT_PLUGINS", "0")],
    model: Model::Session,
    mode: Some("default"),
    usage: Counted::Process,
    asks: Asks::Apart,
    // It denies by itself after 60 s; ten are the way of an answer.
    patience_ms: Some(50_000),
    only_loads: true,
    error_mark: Some("HTTP "),
    ..Profile::PLAIN
};
