//! The spool: every byte the agent printed, in order, in one file that a reader may follow while it grows.
//!
//! Owns the framing, the cap and the tolerance for a torn tail. Must not know what the bytes mean.
//!
//! ```text
//! offset ─▶ stream u8 (0 out, 1 err, 2 terminal) │ length u32 LE │ bytes │ next frame …
//! ```

use ostler_core::event::Stream;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes before a frame's payload.
const HEAD_BYTES: usize = 5;
/// Payload of one frame: what a pipe holds.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Room given back to the disk at once: a system call per piece, not per message.
const RELEASE_BYTES: u64 = 1024 * 1024;
/// Bytes one read returns at most (and at least one frame): bounds what a runner holds per attempt.
const READ_BYTES_MAX: u64 = 1024 * 1024;

/// One piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where it was printed.
    pub stream: Stream,
    /// At most 64 KiB, cut anywhere.
    pub bytes: Vec<u8>,
}

/// Why a spool cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file cannot be read.
    #[error("cannot read the attempt's output: {0}")]
    Io(#[from] io::Error),
    /// There is no frame at this offset.
    #[error("the attempt's output is damaged at byte {0}, or that is not an offset a read returned")]
    Damaged(u64),
}

/// The writing end. Past its cap, or when the disk refuses, it counts what it drops.
pub(crate) struct Spool {
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// What lies before is read by nobody any more, and takes no room.
    released: u64,
    dropped: u64,
}

impl Spool {
    pub(crate) fn create(path: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file, bytes: 0, bytes_max, released: 0, dropped: 0 })
    }

    /// Keeps `bytes`, or as many as fit. Once a byte was dropped all that follow are: a hole would pass for silence.
    pub(crate) fn keep(&mut self, stream: Stream, bytes: &[u8]) {
        for payload in bytes.chunks(PAYLOAD_BYTES_MAX) {
            let held = self.bytes - self.released;
            let room = self.bytes_max.saturating_sub(held).saturating_sub(HEAD_BYTES as u64);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let fits = if self.dropped > 0 { 0 } else { payload.len().min(room) };
            let kept = if fits > 0 && self.append(stream, &payload[..fits]) { fits } else { 0 };
            self.dropped = self.dropped.saturating_add((payload.len() - kept) as u64);
        }
    }

    /// Length of what readers may read, and bytes dropped so far.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.bytes, self.dropped)
    }

    /// Gives the room before `through` back: offsets stay what they are. Where the file system cannot, the file only grows.
    pub(crate) fn release(&mut self, through: u64) {
        let through = through.min(self.bytes);
        if through.saturating_sub(self.released) >= RELEASE_BYTES {
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::{FallocateFlags, fallocate};
                let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                fallocate(&self.file, how, self.released, through - self.released).unwrap_or_default();
            }
            self.released = through;
        }
    }

    fn append(&mut self, stream: Stream, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("a payload is at most 64 KiB");
        let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
        frame.push(number(stream));
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(payload);
        if self.file.write_all(&frame).is_ok() {
            self.bytes += frame.len() as u64;
            return true;
        }
        // A full disk tears the frame. If even cutting it off fails, it stays a torn tail: nothing follows it.
        self.file.set_len(self.bytes).unwrap_or_default();
        false
    }
}

/// Whole frames from `offset` on, and where the next read begins. A torn tail is left for the next read.
pub(crate) fn read_from(path: &Path, offset: u64) -> Result<(Vec<Chunk>, u64), SpoolError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // The shim has not begun, or refused to.
        Err(error) if error.kind() == io::ErrorKind::NotFound && offset == 0 => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.len() < offset {
        return Err(SpoolError::Damaged(offset));
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    let (mut chunks, mut at) = (Vec::new(), 0);
    while let Some((chunk, used)) = parse(&bytes[at..]).map_err(|()| SpoolError::Damaged(offset + at as u64))? {
        chunks.push(chunk);
        at += used;
    }
    Ok((chunks, offset + at as u64))
}

/// The frame at the start of `bytes` and its length; none when it is not whole yet.
fn parse(bytes: &[u8]) -> Result<Option<(Chunk, usize)>, ()> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let stream = stream(head[0]).ok_or(())?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return Err(());
    }
    Ok(rest.get(..length).map(|payload| (Chunk { stream, bytes: payload.to_vec() }, HEAD_BYTES + length)))
}

fn number(stream: Stream) -> u8 {
    match stream {
        Stream::Out => 0,
        Stream::Err => 1,
        Stream::Terminal => 2,
    }
}

fn stream(number: u8) -> Option<Stream> {
    [Stream::Out, Stream::Err, Stream::Terminal].into_iter().find(|stream| self::number(*stream) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> (Vec<Chunk>, u64) {
        let (mut chunks, mut at) = (Vec::new(), 0);
        loop {
            let (more, next) = read_from(path, at).expect("reads");
            if more.is_empty() {
                return (chunks, next);
            }
            chunks.extend(more);
            at = next;
        }
    }

    #[test]
    fn a_torn_tail_waits_at_every_cut_and_is_read_once_whole() {
        let dir = tempfile::tempdir().expect("dir");
        let (path, torn) = (dir.path().join("spool"), dir.path().join("torn"));
        let mut spool = Spool::create(&path, 1_000).expect("creates");
        spool.keep(Stream::Out, b"one");
        spool.keep(Stream::Err, b"two");
        let whole = std::fs::read(&path).expect("reads");
        assert_eq!(spool.progress(), (whole.len() as u64, 0));
        for cut in 0..=whole.len() {
            std::fs::write(&torn, &whole[..cut]).expect("writes");
            let (chunks, next) = all(&torn);
            assert_eq!(chunks.len(), cut / 8, "cut at {cut}");
            assert_eq!(next, (cut / 8 * 8) as u64);
        }
        assert_eq!(all(&path).0[1], Chunk { stream: Stream::Err, bytes: b"two".to_vec() });
    }

    #[test]
    fn the_cap_is_never_passed_and_every_dropped_byte_is_counted() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("spool");
        let mut spool = Spool::create(&path, 100).expect("creates");
        spool.keep(Stream::Out, &[b'a'; 60]);
        spool.keep(Stream::Out, &[b'b'; 60]);
        spool.keep(Stream::Out, b"c");
        let kept: usize = all(&path).0.iter().map(|chunk| chunk.bytes.len()).sum();
        assert_eq!(kept as u64 + spool.progress().1, 121);
        assert_eq!((kept, std::fs::metadata(&path).expect("is there").len()), (90, 100));
    }

    #[test]
    fn damage_and_foreign_offsets_are_told() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("spool");
        for bad in [&[9u8, 1, 0, 0, 0, 0][..], &[0, 0, 0, 0, 0], &[0, 255, 255, 255, 255, 1]] {
            std::fs::write(&path, bad).expect("writes");
            assert!(matches!(read_from(&path, 0), Err(SpoolError::Damaged(0))), "{bad:?}");
        }
        assert!(matches!(read_from(&path, 99), Err(SpoolError::Damaged(99))));
        assert_eq!(read_from(&dir.path().join("none"), 0).expect("empty"), (Vec::new(), 0));
    }
}
