//! claude.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};
use crate::claude::Claude;
use crate::headless::Headless;

pub(crate) static ENTRY: Entry = Entry {
    name: "claude",
    programs: &["claude"],
    version_args: &["--version"],
    marks: &["Claude Code"],
    oldest: "",
    protocol: Protocol::Lines,
    standing: Standing::Unverified("not driven by this release yet"),
    sign_in: SignIn::UNTOLD,
    env: &[],
    shared: &[],
    enforces: Enforcement::NONE,
    resumes: false,
    adapter: Some(|_| Box::new(Headless::new(Claude::default()))),
};
