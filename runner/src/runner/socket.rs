//! Sockets of this user's own: where they are, and who may reach them.
//!
//! Owns names and modes. Must not know what is said on them. The same name in every life of the runner: agents remember it.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Bytes a socket's path may have: `sun_path` in unix(7) is 108, on other systems 104.
const SOCKET_PATH_BYTES_MAX: usize = 100;
/// Characters of the name that stands for a deep directory.
const STAND_IN_CHARS: usize = 16;

/// Where the socket `name` below `home` is. A deep home has no room for sockets: a short directory stands in.
pub(crate) fn path(home: &Path, name: &str) -> PathBuf {
    let near = home.join("sockets").join(name);
    if near.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return near;
    }
    let uid = rustix::process::getuid().as_raw();
    let digest = blake3::hash(near.as_os_str().as_encoded_bytes()).to_hex();
    PathBuf::from(format!("/tmp/ostler-{uid}")).join(&digest.as_str()[..STAND_IN_CHARS])
}

/// Listens at `path`, in a directory nobody else may enter; what an earlier life left there is replaced.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    let ours = found.is_dir() && found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o077 == 0;
    if !ours {
        let words = format!("{} is open to others: run `chmod 700` on it, or remove it", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
    }
    remove(path)?;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket's name, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_home_has_room_for_a_socket_that_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("dir");
        for home in [dir.path().to_owned(), dir.path().join("deep".repeat(20)).join("x".repeat(60))] {
            let path = path(&home, "control");
            assert!(path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX);
            let _first = bind(&path).expect("binds");
            let _again = bind(&path).expect("replaces what an earlier life left");
            assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
            remove(&path).expect("removes");
        }
        let open = dir.path().join("open");
        std::fs::create_dir(&open).expect("makes");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).expect("ours");
        assert!(bind(&open.join("s")).is_err());
    }
}
