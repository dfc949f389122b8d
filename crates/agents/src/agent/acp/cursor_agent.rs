//! Cursor's agent, `cursor-agent acp`: written after its documentation, never run here.

use crate::catalog::entry::{Enforcement, Entry, Protocol, Shared, Sharing, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::{Counted, Model, Profile};

pub(crate) static ENTRY: Entry = Entry {
    name: "cursor-agent",
    programs: &["cursor-agent"],
    version_args: &["--version"],
    marks: &[],
    oldest: "",
    protocol: Protocol::Acp,
    standing: Standing::Unverified("on no package registry, and it needs a Cursor account"),
    sign_in: SignIn {
        env: &["CURSOR_API_KEY"],
        files: &[".config/cursor/auth.json"],
        how: "run `cursor-agent login`, or set CURSOR_API_KEY",
    },
    env: &["CURSOR_API_KEY"],
    shared: &[
        Shared { path: ".config/cursor/auth.json", how: Sharing::Link },
        Shared { path: ".cursor/cli-config.json", how: Sharing::Copy },
    ],
    enforces: Enforcement::NONE,
    resumes: true,
    adapter: Some(|entry| Box::new(Acp::new(entry, &PROFILE))),
};

static PROFILE: Profile =
    Profile { args: &["acp"], model: Model::Argument("--model"), usage: Counted::Turn, ..Profile::PLAIN };
