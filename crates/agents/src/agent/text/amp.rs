//! amp.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};

pub(crate) static ENTRY: Entry = Entry {
    name: "amp",
    programs: &["amp"],
    version_args: &["--version"],
    marks: &[],
    oldest: "",
    protocol: Protocol::Lines,
    standing: Standing::Unverified("not driven by this release yet"),
    sign_in: SignIn::UNTOLD,
    env: &[],
    shared: &[],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: None,
};
