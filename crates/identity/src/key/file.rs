//! Secret keys as files: three lines of text, mode 0600, written once.
//!
//! ```text
//! ostler device key 1
//! dev_…                   the public half, so that a person sees whose it is and damage is noticed
//! <seed, base32>
//! ```
//!
//! Owns the format and the file's manners. Must not know what the keys do.

use crate::canon::{self, base32};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key file is under 200 bytes; anything longer is something else.
const FILE_BYTES_MAX: u64 = 512;

/// Why a key file was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Nothing there.
    #[error("there is no key at {0}: make one with `ostler init`, or join a fleet with a ticket")]
    Missing(PathBuf),
    /// Something is already there; it was left alone.
    #[error("{0} exists already and was left alone: move it away first if it is really not needed")]
    Exists(PathBuf),
    /// A link, directory, pipe or device.
    #[error("{0} is not a regular file: a key is never read through a link; give the path of the file itself")]
    NotRegular(PathBuf),
    /// Group or others may read or write it.
    #[error(
        "{path} is open to others (mode {mode:04o}): run `chmod 600 {path}`, and make a new key if anyone else uses this machine"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another program's file, or another kind of key.
    #[error("{path} is not a {wanted} key of Ostler: it starts with `{found}`")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The kind of key looked for.
        wanted: &'static str,
        /// Its first line, cut and made printable; never a secret of ours.
        found: String,
    },
    /// Ours, but not whole.
    #[error("{0} is damaged: restore it from a copy")]
    Damaged(PathBuf),
    /// The disk refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |source| {
        let kind = source.kind();
        if kind == ErrorKind::NotFound {
            KeyFileError::Missing(path)
        } else if kind == ErrorKind::AlreadyExists {
            KeyFileError::Exists(path)
        } else {
            KeyFileError::Io { path, source }
        }
    }
}

fn header(kind: &str) -> String {
    format!("ostler {kind} key 1")
}

/// Writes a new key file: first whole under another name, then linked to `path`, which fails if something is there.
pub(crate) fn write(path: &Path, kind: &str, id: &str, seed: &[u8; 32]) -> Result<(), KeyFileError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error(folder))?;
    let draft = folder.join(format!(".key-{}", base32::encode(&canon::random::<10>())));
    let secret = Zeroizing::new(base32::encode(seed));
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    for line in [header(kind).as_str(), id, &secret] {
        text.push_str(line);
        text.push('\n');
    }
    let written = write_draft(&draft, text.as_bytes()).and_then(|()| std::fs::hard_link(&draft, path));
    let cleaned = std::fs::remove_file(&draft);
    written.map_err(io_error(path))?;
    cleaned.map_err(io_error(&draft))?;
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(io_error(folder))
}

fn write_draft(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Reads a key file and makes the key with `make`, which also says the id it has.
pub(crate) fn read<K>(
    path: &Path,
    kind: &'static str,
    make: impl FnOnce(&[u8; 32]) -> (K, String),
) -> Result<K, KeyFileError> {
    let text = read_guarded(path)?;
    let damaged = || KeyFileError::Damaged(path.to_owned());
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if first != header(kind) {
        let ours = first.starts_with("ostler ");
        let found = if ours {
            first.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(40).collect()
        } else {
            "something else".to_owned()
        };
        return Err(KeyFileError::Foreign { path: path.to_owned(), wanted: kind, found });
    }
    let id = lines.next().ok_or_else(damaged)?;
    let bytes = Zeroizing::new(lines.next().and_then(base32::decode).ok_or_else(damaged)?);
    let seed = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| damaged())?);
    let (key, made) = make(&seed);
    if made != id || lines.next().is_some() {
        return Err(damaged());
    }
    Ok(key)
}

/// Opens `path` only as the regular, private file that stands under that very name.
fn read_guarded(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    // Named first, opened second, compared third: a link at the end of the path is never followed, because what was
    // opened must be the inode that the name itself had.
    let named = std::fs::symlink_metadata(path).map_err(io_error(path))?;
    if !named.is_file() {
        return Err(KeyFileError::NotRegular(path.to_owned()));
    }
    let file = File::open(path).map_err(io_error(path))?;
    let opened = file.metadata().map_err(io_error(path))?;
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(KeyFileError::NotRegular(path.to_owned()));
    }
    let mode = opened.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
    match file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text) {
        Ok(read) if read as u64 <= FILE_BYTES_MAX => Ok(text),
        Ok(_) => Ok(Zeroizing::new(String::new())),
        Err(e) if e.kind() == ErrorKind::InvalidData => Ok(Zeroizing::new(String::new())),
        Err(e) => Err(io_error(path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceKey, FleetKey};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_comes_back_private_and_is_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("new/deep/device.key");
        let key = DeviceKey::generate();
        key.save(&path).expect("saved");
        assert_eq!(DeviceKey::load(&path).expect("loaded").id(), key.id());
        let mode = |p: &Path| fs::metadata(p).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("has one")), 0o700);
        assert!(matches!(DeviceKey::generate().save(&path), Err(KeyFileError::Exists(_))));
        assert_eq!(DeviceKey::load(&path).expect("still the first").id(), key.id());
        assert_eq!(fs::read_dir(path.parent().expect("has one")).expect("listed").count(), 1, "no draft stays");
    }

    #[test]
    fn a_file_others_may_read_is_refused_with_the_command_that_helps() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("device.key");
        DeviceKey::generate().save(&path).expect("saved");
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let text = DeviceKey::load(&path).expect_err("exposed").to_string();
            assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("changed");
        assert!(DeviceKey::load(&path).is_ok(), "stricter is fine");
    }

    #[test]
    fn links_folders_foreign_and_damaged_files_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("device.key");
        DeviceKey::generate().save(&path).expect("saved");
        let link = dir.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert!(matches!(DeviceKey::load(&link), Err(KeyFileError::NotRegular(_))));
        assert!(matches!(DeviceKey::load(dir.path()), Err(KeyFileError::NotRegular(_))));
        assert!(matches!(DeviceKey::load(&dir.path().join("none")), Err(KeyFileError::Missing(_))));
        assert!(matches!(FleetKey::load(&path), Err(KeyFileError::Foreign { wanted: "fleet", .. })));

        let text = fs::read_to_string(&path).expect("readable");
        let put = |text: &[u8]| fs::write(&path, text).expect("written");
        for cut in 20..text.len() - 1 {
            put(&text.as_bytes()[..cut]);
            assert!(DeviceKey::load(&path).is_err(), "cut at {cut}");
        }
        put(text.replace("dev_", "dev_0").as_bytes());
        assert!(matches!(DeviceKey::load(&path), Err(KeyFileError::Damaged(_))));
        for foreign in [&b"-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"[..], &[0xff; 40], &[b'a'; 4096], b""] {
            put(foreign);
            let error = DeviceKey::load(&path).expect_err("not ours");
            assert!(matches!(error, KeyFileError::Foreign { .. }) && !error.to_string().contains("BEGIN"), "{error}");
        }
    }
}
