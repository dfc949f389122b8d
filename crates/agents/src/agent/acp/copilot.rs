//! GitHub Copilot CLI, `copilot --acp` (1.0).
//!
//! A denial ends its turn. The repository's own servers are read only from trusted folders, and the flag that allows
//! everything, which also trusts the folder, is held at false. The repository's hooks (`.github/hooks`) run unasked over
//! ACP, and its own switch for them (`disableAllHooks`) was seen to change nothing: hence no more than advisory.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "copilot",
    programs: &["copilot"],
    version_args: &["--version"],
    marks: &["GitHub Copilot CLI"],
    oldest: "1.0.102",
    protocol: Protocol::Acp,
    standing: Standing::Verified("1.0.102"),
    sign_in: SignIn {
        env: &["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_PROVIDER_BASE_URL"],
        files: &[],
        how: "run `copilot login`, or set COPILOT_GITHUB_TOKEN",
    },
    env: &[
        "COPILOT_GITHUB_TOKEN",
        "GH_TOKEN",
        "GITHUB_TOKEN",
        "GH_HOST",
        "COPILOT_MODEL",
        "COPILOT_OFFLINE",
        "COPILOT_PROVIDER_BASE_URL",
        "COPILOT_PROVIDER_TYPE",
        "COPILOT_PROVIDER_API_KEY",
        "COPILOT_PROVIDER_WIRE_API",
        "COPILOT_PROVIDER_HEADERS",
    ],
    shared: &[Shared { path: ".copilot/config.json", how: Sharing::Copy }],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::Enforced, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["--acp", "--no-auto-update", "--disable-client-telemetry"],
    env: &[("COPILOT_ALLOW_ALL", "false"), ("COPILOT_AUTO_UPDATE", "false")],
    model: Model::Variable("COPILOT_MODEL"),
    mode: Some("https://agentclientprotocol.com/protocol/session-modes#agent"),
    usage: Counted::Process,
    denial_ends_turn: true,
    error_mark: Some("Error: "),
    ..Profile::PLAIN
};
