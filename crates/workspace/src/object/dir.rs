//! A folder held open, in which names are looked up one by one and no symlink is ever followed.
//!
//! The only way this crate reads a tree an agent may have written: a name swapped for a symlink, a pipe or a
//! device between two looks is an error, never a way out. Must not know git.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dir,
    File {
        bytes: u64,
        program: bool,
    },
    Link,
    /// A pipe, a socket or a device: nothing a tree can hold.
    Other,
}

const FENCE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl Dir {
    /// Opens `path`, whose last part may not be a symlink.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, FENCE | OFlags::DIRECTORY, Mode::empty())?))
    }

    /// The folder `name` in this one.
    pub(crate) fn dir(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, OsStr::from_bytes(name), FENCE | OFlags::DIRECTORY, Mode::empty())?))
    }

    /// The regular file `name`, open for reading, with its length.
    pub(crate) fn file(&self, name: &[u8]) -> io::Result<(File, u64)> {
        let file = File::from(rustix::fs::openat(&self.0, OsStr::from_bytes(name), FENCE, Mode::empty())?);
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((file, meta.len()))
    }

    /// The whole of a small file; longer than `bytes_max` is an error.
    pub(crate) fn read(&self, name: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
        let (file, _) = self.file(name)?;
        let mut bytes = Vec::new();
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than its limit"));
        }
        Ok(bytes)
    }

    /// Where a symlink points, as it says.
    pub(crate) fn link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, OsStr::from_bytes(name), Vec::new())?.into_bytes())
    }

    /// Everything in the folder except `.` and `..`, sorted by name.
    pub(crate) fn entries(&self) -> io::Result<Vec<(Vec<u8>, Kind)>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name == b"." || name == b".." {
                continue;
            }
            match rustix::fs::statat(&self.0, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => entries.push((name, kind(&stat))),
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(entries)
    }
}

fn kind(stat: &rustix::fs::Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Dir,
        FileType::RegularFile => {
            Kind::File { bytes: u64::try_from(stat.st_size).unwrap_or(u64::MAX), program: stat.st_mode & 0o100 != 0 }
        }
        FileType::Symlink => Kind::Link,
        FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
            Kind::Other
        }
    }
}
