//! Where a daemon keeps its files. Must not know which files.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Names the data directory outright, whatever the platform says.
const HOME_OVERRIDE: &str = "OSTLER_HOME";
/// Owner only: keys, journals and sockets live here.
const PRIVATE: u32 = 0o700;
/// The bits that let somebody else change what is inside.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why there is no usable data directory.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The environment names none.
    #[error("no home directory is known: set OSTLER_HOME to a directory for Ostler's data")]
    Homeless,
    /// A relative path would mean another place after a change of directory.
    #[error("{variable} is the relative path {path}: make it absolute", path = .path.display())]
    Relative {
        /// The variable that holds it.
        variable: &'static str,
        /// What it holds.
        path: PathBuf,
    },
    /// The directory cannot be made or looked at.
    #[error("cannot use the data directory {path}: {source}", path = .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else has that name.
    #[error("{path} is not a directory: move it away or set OSTLER_HOME", path = .path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// Others could replace what is inside.
    #[error("others may write to {path}: run `chmod 700 {path}`", path = .path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
    },
}

/// Ostler's data directory: `OSTLER_HOME`, else `$XDG_DATA_HOME/ostler`, else `$HOME/.local/share/ostler`.
/// Nothing is created: see [`private_dir`].
///
/// # Errors
/// [`PlaceError::Homeless`] or [`PlaceError::Relative`].
pub fn home() -> Result<PathBuf, PlaceError> {
    resolve(|name| std::env::var_os(name))
}

/// Creates `path` and its parents for the owner alone (0700), or accepts it as it is if nobody else may write to it.
///
/// # Errors
/// [`PlaceError`] when it cannot be made, is not a directory, or others may write to it.
pub fn private_dir(path: &Path) -> Result<(), PlaceError> {
    let unusable = |source| PlaceError::Unusable { path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(path).map_err(unusable)
        }
        Err(error) => Err(unusable(error)),
        Ok(found) if !found.is_dir() => Err(PlaceError::NotADirectory { path: path.to_owned() }),
        Ok(found) if found.permissions().mode() & WRITABLE_BY_OTHERS != 0 => {
            Err(PlaceError::Exposed { path: path.to_owned() })
        }
        Ok(_) => Ok(()),
    }
}

fn resolve(env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, PlaceError> {
    let candidates: [(&'static str, &str); 3] =
        [(HOME_OVERRIDE, ""), ("XDG_DATA_HOME", "ostler"), ("HOME", ".local/share/ostler")];
    for (variable, below) in candidates {
        let Some(base) = env(variable).filter(|value| !value.is_empty()).map(PathBuf::from) else { continue };
        if base.is_absolute() {
            return Ok(if below.is_empty() { base } else { base.join(below) });
        }
        // The XDG specification has relative paths ignored; our own variable is somebody's mistake.
        if variable == HOME_OVERRIDE {
            return Err(PlaceError::Relative { variable, path: base });
        }
    }
    Err(PlaceError::Homeless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(env: &[(&str, &str)], expected: Option<&str>) {
        let look = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        assert_eq!(resolve(look).ok().as_deref(), expected.map(Path::new), "{env:?}");
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let all = [("OSTLER_HOME", "/o"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        check(&all, Some("/o"));
        check(&all[1..], Some("/x/ostler"));
        check(&all[2..], Some("/h/.local/share/ostler"));
        check(&[], None);
    }

    #[test]
    fn empty_and_relative_values_do_not_name_a_place() {
        check(&[("OSTLER_HOME", ""), ("HOME", "/h")], Some("/h/.local/share/ostler"));
        check(&[("XDG_DATA_HOME", "data"), ("HOME", "/h")], Some("/h/.local/share/ostler"));
        check(&[("OSTLER_HOME", "here"), ("HOME", "/h")], None);
    }

    #[test]
    fn a_new_directory_is_the_owners_alone() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("a/b");
        private_dir(&path).expect("created");
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&scratch.path().join("a"))), (0o700, 0o700));
        private_dir(&path).expect("accepted as it is");
    }

    #[test]
    fn a_directory_others_may_write_to_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o770)).expect("our own directory");
        let refused = private_dir(scratch.path()).expect_err("it is exposed");
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a scratch file");
        assert!(matches!(private_dir(file.path()), Err(PlaceError::NotADirectory { .. })));
    }
}
