//! The exact action: what would be executed, as it is at this moment.
//!
//! Owns the reading of program and files. Must not know who decides. What is read twice and differs is two actions.

use ostler_core::approval::{Action, Deed, Program, Risk};
use ostler_core::ids::Digest;
use ostler_core::limits::ACTION_BYTES_MAX;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files an action may name: a person must be able to look at them.
const FILES_MAX: usize = 64;
/// Room for sealing below the bound of an action.
const SEALING_BYTES: usize = 4 * 1024;

/// Why there is nothing to ask about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActionError {
    #[error("give the command after `--`, as in `ostler ask --kind deploy -- make deploy`")]
    Empty,
    #[error("{0}: no such program; give its path, or one that is in PATH")]
    NotFound(String),
    #[error("the command is too long to be shown to whoever decides: put it into a script and ask for that")]
    TooLong,
    #[error("the command names more than {FILES_MAX} files: put it into a script and ask for that")]
    TooManyFiles,
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// The action of executing `argv` here and now.
pub(crate) fn capture(kind: &str, risk: Risk, argv: &[String]) -> Result<Action, ActionError> {
    let name = argv.first().filter(|name| !name.is_empty()).ok_or(ActionError::Empty)?;
    let program = find(name)?;
    let program_digest = digest(&program)?;
    let mut files = Vec::new();
    for (position, argument) in argv.iter().enumerate().skip(1) {
        if std::fs::metadata(argument).is_ok_and(|found| found.is_file()) {
            let position = u32::try_from(position).map_err(|_| ActionError::TooLong)?;
            files.push((position, digest(Path::new(argument))?));
        }
    }
    if files.len() > FILES_MAX {
        return Err(ActionError::TooManyFiles);
    }
    let directory = std::env::current_dir().map_err(|error| ActionError::Io(PathBuf::from("."), error))?;
    let mut env_names: Vec<String> = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    env_names.sort();
    let action = Action {
        kind: kind.to_owned(),
        risk,
        deed: Deed::Program(Program {
            path: program.display().to_string(),
            digest: program_digest,
            argv: argv.to_vec(),
            files,
            env_names,
        }),
        directory: directory.display().to_string(),
        title: String::new(),
    };
    let bytes = postcard::to_allocvec(&action).expect("an action is made of types postcard can write").len();
    if bytes + SEALING_BYTES > ACTION_BYTES_MAX { Err(ActionError::TooLong) } else { Ok(action) }
}

/// The program that a captured action executes.
pub(crate) fn path(action: &Action) -> String {
    let Deed::Program(program) = &action.deed else { unreachable!("what was captured is a program") };
    program.path.clone()
}

/// The program's own file, links resolved.
fn find(name: &str) -> Result<PathBuf, ActionError> {
    let missing = || ActionError::NotFound(name.to_owned());
    let executable = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|path| executable(path))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| executable(path))
    };
    found.and_then(|path| path.canonicalize().ok()).ok_or_else(missing)
}

fn digest(path: &Path) -> Result<Digest, ActionError> {
    let failed = |error| ActionError::Io(path.to_owned(), error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(Digest(*hasher.finalize().as_bytes())),
            read => drop(hasher.update(&buffer[..read])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_identity::action_digest;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_changed_program_or_file_is_another_action() {
        let dir = tempfile::tempdir().expect("dir");
        let (script, data) = (dir.path().join("deploy"), dir.path().join("data"));
        std::fs::write(&script, "#!/bin/sh\n").expect("writes");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("ours");
        std::fs::write(&data, "one").expect("writes");
        let argv = [script.display().to_string(), data.display().to_string(), "x".to_owned()];
        let now = || action_digest(&capture("deploy", Risk::High, &argv).expect("an action"));
        let first = now();
        assert_eq!(first, now());
        std::fs::write(&data, "two").expect("writes");
        let second = now();
        assert_ne!(first, second);
        std::fs::write(&script, "#!/bin/sh\nrm -rf /\n").expect("writes");
        assert_ne!(second, now());
    }

    #[test]
    fn what_cannot_be_executed_is_not_asked_about() {
        assert!(matches!(capture("x", Risk::Low, &[]), Err(ActionError::Empty)));
        assert!(matches!(capture("x", Risk::Low, &["no-such-program-7".to_owned()]), Err(ActionError::NotFound(_))));
        let long = ["true".to_owned(), "x".repeat(ACTION_BYTES_MAX)];
        assert!(matches!(capture("x", Risk::Low, &long), Err(ActionError::TooLong)));
        let shell = capture("x", Risk::Low, &["sh".to_owned()]).expect("there is a shell");
        let Deed::Program(program) = shell.deed else { panic!("{shell:?}") };
        assert!(program.path.starts_with('/') && program.argv == ["sh"]);
    }
}
