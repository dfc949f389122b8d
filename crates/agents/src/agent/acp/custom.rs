//! Agents that a runner's owner adds: whatever speaks ACP as the protocol says.
//!
//! Owns the making of their entries. These live as long as the process: a runner reads its configuration once, and the
//! rest of the house holds entries as `&'static`.

use crate::catalog::entry::{Enforcement, Entry, Protocol, SignIn, Standing};
use crate::codec::acp::Acp;
use crate::codec::acp::profile::Profile;

/// Bytes of a name: it is an attribute of the runner (`agent.<name>`) and a word on a command line.
const NAME_BYTES_MAX: usize = 32;

/// An agent that a runner's owner adds. It must speak the Agent Client Protocol and print a version for `--version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Its name: lower-case letters, digits and `-`, at most 32, none of the catalog's own.
    pub name: String,
    /// Its program, and the arguments that make it speak the protocol.
    pub command: Vec<String>,
    /// Names of the runner's own environment that it may see.
    pub env: Vec<String>,
}

/// Why an agent cannot be added. For the runner's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    /// Its name is no name.
    #[error("`{0}` cannot be an agent's name: use at most 32 lower-case letters, digits and `-`, a letter first")]
    Name(String),
    /// Its name is taken.
    #[error("an agent is called `{0}` already: give yours another name")]
    Taken(String),
    /// It has no program.
    #[error("the agent `{0}` has no command: write it as `command = [\"program\", \"acp\"]`")]
    Command(String),
}

/// An agent of its own, and its ways.
pub(crate) type Added = (&'static Entry, &'static Profile);

/// Makes the entry and the profile of `custom`; what they hold is never given back.
///
/// # Errors
/// [`CustomError::Name`] or [`CustomError::Command`].
pub(crate) fn add(custom: Custom) -> Result<Added, CustomError> {
    let Custom { name, command, env } = custom;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(CustomError::Name(name));
    }
    let Some((program, args)) = command.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(CustomError::Command(name));
    };
    let profile = Profile { args: leaked(args.to_vec()), ..Profile::PLAIN };
    let entry = Entry {
        name: name.leak(),
        programs: leaked(vec![program.clone()]),
        version_args: &["--version"],
        marks: &[],
        oldest: "",
        protocol: Protocol::Acp,
        standing: Standing::Unverified("added by the owner of its runner"),
        sign_in: SignIn::UNTOLD,
        env: leaked(env),
        shared: &[],
        enforces: Enforcement::NONE,
        resumes: true,
        adapter: Some(|entry| Box::new(Acp::new(entry, &Profile::PLAIN))),
    };
    Ok((Box::leak(Box::new(entry)), Box::leak(Box::new(profile))))
}

fn leaked(texts: Vec<String>) -> &'static [&'static str] {
    texts.into_iter().map(|text| &*text.leak()).collect::<Vec<_>>().leak()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, command: &[&str]) -> Result<Added, CustomError> {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        add(Custom { name: name.to_owned(), command, env: vec!["MY_KEY".to_owned()] })
    }

    #[test]
    fn a_name_and_a_program_are_needed() {
        let (entry, profile) = check("my-agent2", &["/opt/mine", "acp", "--fast"]).expect("adds");
        assert_eq!((entry.name, entry.programs, entry.env), ("my-agent2", &["/opt/mine"][..], &["MY_KEY"][..]));
        assert_eq!(profile.args, ["acp", "--fast"]);
        for name in ["", "My", "-x", "7x", "a b", "a.b", &"x".repeat(33)] {
            assert!(matches!(check(name, &["x"]), Err(CustomError::Name(_))), "{name}");
        }
        assert!(matches!(check("x", &[]), Err(CustomError::Command(_))));
        assert!(matches!(check("x", &[""]), Err(CustomError::Command(_))));
    }
}
