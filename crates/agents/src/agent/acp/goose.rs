//! Goose, `goose acp` (1.52).
//!
//! It says what its tools are given and shows no diff; left alone it asks nothing, so that its mode is forced. What it
//! tells of its consumption is its last model call only.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "goose",
    programs: &["goose"],
    version_args: &["--version"],
    marks: &[],
    oldest: "1.52",
    protocol: Protocol::Acp,
    standing: Standing::Verified("1.52.0"),
    sign_in: SignIn {
        env: &["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OPENROUTER_API_KEY"],
        files: &[".config/goose/secrets.yaml"],
        how: "run `goose configure` with GOOSE_DISABLE_KEYRING=1, or set GOOSE_PROVIDER and its key",
    },
    env: &[
        "GOOSE_PROVIDER",
        "GOOSE_MODEL",
        "OPENAI_API_KEY",
        "OPENAI_HOST",
        "OPENAI_BASE_PATH",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_HOST",
        "GOOGLE_API_KEY",
        "GOOGLE_HOST",
        "OPENROUTER_API_KEY",
        "OLLAMA_HOST",
    ],
    shared: &[
        Shared { path: ".config/goose/secrets.yaml", how: Sharing::Link },
        Shared { path: ".config/goose/config.yaml", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Enforced, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp", "--with-builtin", "developer"],
    env: &[("GOOSE_MODE", "approve"), ("GOOSE_DISABLE_KEYRING", "1"), ("GOOSE_TELEMETRY_ENABLED", "false")],
    model: Model::Variable("GOOSE_MODEL"),
    mode: Some("approve"),
    usage: Counted::LastCall,
    error_mark: Some("Ran into this error:"),
    ..Profile::PLAIN
};
