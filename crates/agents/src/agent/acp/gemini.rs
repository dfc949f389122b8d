//! Gemini CLI, `gemini --acp` (0.61).
//!
//! Its permission requests carry no input: the command is the title, the change is a diff. Commands it knows to be harmless
//! (`ls`) run unasked, whatever its rules say. The repository's own settings, hooks and servers are read only from trusted
//! folders, and no folder is trusted here. A session that is resumed within the minute it began in is lost: both are
//! written to one file.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "gemini",
    programs: &["gemini"],
    version_args: &["--version"],
    marks: &[],
    oldest: "0.61",
    protocol: Protocol::Acp,
    standing: Standing::Verified("0.61.0"),
    sign_in: SignIn {
        env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        files: &[".gemini/oauth_creds.json"],
        how: "run `gemini` once, or set GEMINI_API_KEY",
    },
    env: &[
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_LOCATION",
    ],
    shared: &[
        Shared { path: ".gemini/oauth_creds.json", how: Sharing::Link },
        Shared { path: ".gemini/google_accounts.json", how: Sharing::Link },
        Shared { path: ".gemini/settings.json", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::Enforced, fetch: Grip::Enforced },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["--acp", "--approval-mode", "default"],
    env: &[("GEMINI_CLI_NO_RELAUNCH", "true"), ("GEMINI_CLI_TRUST_WORKSPACE", "false")],
    model: Model::Argument("--model"),
    mode: Some("default"),
    sign_in: Some("gemini-api-key"),
    usage: Counted::Quota,
    late_history: true,
    ..Profile::PLAIN
};
