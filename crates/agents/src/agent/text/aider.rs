//! aider.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};

pub(crate) static ENTRY: Entry = Entry {
    name: "aider",
    programs: &["aider"],
    version_args: &["--version"],
    marks: &["aider"],
    oldest: "",
    protocol: Protocol::Text,
    standing: Standing::Unverified("not driven by this release yet"),
    sign_in: SignIn::UNTOLD,
    env: &[],
    shared: &[],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: None,
};
