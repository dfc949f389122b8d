//! codex.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};
use crate::codex::Codex;
use crate::headless::Headless;

pub(crate) static ENTRY: Entry = Entry {
    name: "codex",
    programs: &["codex"],
    version_args: &["--version"],
    marks: &["codex"],
    oldest: "",
    protocol: Protocol::Lines,
    standing: Standing::Unverified("not driven by this release yet"),
    sign_in: SignIn::UNTOLD,
    env: &[],
    shared: &[],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: Some(|_| Box::new(Headless::new(Codex::default()))),
};
