//! copilot.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};

pub(crate) static ENTRY: Entry = Entry {
    name: "copilot",
    programs: &["copilot"],
    version_args: &["--version"],
    marks: &["Copilot"],
    oldest: "",
    protocol: Protocol::Acp,
    standing: Standing::Unverified("not driven by this release yet"),
    sign_in: SignIn::UNTOLD,
    env: &[],
    shared: &[],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: None,
};
