//! Kimi Code, `kimi acp` (2.1).
//!
//! It asks before commands and before writes outside the working tree, never before writes inside. It does not say what
//! it consumed.

use crate::catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "kimi",
    programs: &["kimi"],
    version_args: &["--version"],
    marks: &[],
    oldest: "2.1",
    protocol: Protocol::Acp,
    standing: Standing::Verified("2.1.0"),
    sign_in: SignIn {
        env: &["KIMI_API_KEY"],
        files: &[".kimi-code/credentials", ".kimi-code/config.toml"],
        how: "run `kimi login`, or name a provider in ~/.kimi-code/config.toml",
    },
    env: &["KIMI_API_KEY", "KIMI_CODE_BASE_URL"],
    shared: &[
        Shared { path: ".kimi-code/credentials", how: Sharing::Link },
        Shared { path: ".kimi-code/config.toml", how: Sharing::Copy },
    ],
    enforces: Enforcement { command: Grip::Enforced, write: Grip::Advisory, fetch: Grip::None },
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile = Profile {
    args: &["acp"],
    env: &[("KIMI_CODE_NO_AUTO_UPDATE", "1")],
    model: Model::Session,
    mode: Some("default"),
    usage: Counted::Nowhere,
    ..Profile::PLAIN
};
