//! What is part of Ostler: `shell`, `pty` and `noop`. Always there, nothing to find.

use crate::adapter::Adapter;
use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};
use crate::command::Command;
use crate::noop::Noop;

pub(crate) static SHELL: Entry = builtin("shell", |_| Box::new(Command::shell()));
pub(crate) static PTY: Entry = builtin("pty", |_| Box::new(Command::pty()));
pub(crate) static NOOP: Entry = builtin("noop", |_| Box::new(Noop));

const fn builtin(name: &'static str, adapter: fn(&'static Entry) -> Box<dyn Adapter>) -> Entry {
    Entry {
        name,
        programs: &[],
        version_args: &[],
        marks: &[],
        oldest: "",
        protocol: Protocol::Builtin,
        standing: Standing::Verified(env!("CARGO_PKG_VERSION")),
        sign_in: SignIn::UNTOLD,
        env: &[],
        shared: &[],
        enforces: Enforcement::NONE,
        resumes: false,
        adapter: Some(adapter),
    }
}
