//! crush.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};

pub(crate) static ENTRY: Entry = Entry {
    name: "crush",
    programs: &["crush"],
    version_args: &["--version"],
    marks: &["crush"],
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
