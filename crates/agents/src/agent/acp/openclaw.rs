//! OpenClaw, `openclaw acp` (2026.9): a bridge to the gateway that its owner runs.
//!
//! The gateway works, not the bridge: what it asks is set in the gateway's own configuration (`tools.exec.ask`), and it
//! was seen to write files without asking.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "openclaw",
    programs: &["openclaw"],
    version_args: &["--version"],
    marks: &["OpenClaw"],
    oldest: "2026.9",
    protocol: Protocol::Acp,
    standing: Standing::Unverified("needs a gateway of its own beside it; only its recorded transcript was tried"),
    sign_in: SignIn {
        env: &["OPENCLAW_GATEWAY_TOKEN"],
        files: &[".openclaw/openclaw.json"],
        how: "run `openclaw onboard` and keep `openclaw gateway run` running",
    },
    env: &["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_URL", "OPENCLAW_GATEWAY_PORT"],
    shared: &[Shared { path: ".openclaw/openclaw.json", how: Sharing::Copy }],
    enforces: Enforcement { command: Grip::Advisory, write: Grip::None, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile { args: &["acp"], usage: Counted::Nowhere, ..Profile::PLAIN };
