//! From a value to bytes and back. Owns the rule that a frame is exactly its bytes: nothing over, nothing missing.

use serde::{Serialize, de::DeserializeOwned};

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than its reader allows.
    #[error("a frame of {bytes} bytes is over the limit of {max}")]
    TooLong {
        /// Its announced length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not a frame of this protocol version.
    #[error("not a frame this version knows ({0}): the peer is newer, older, or not an ostler")]
    Unknown(postcard::Error),
    /// A frame with something behind it.
    #[error("{0} bytes after the end of a frame")]
    Trailing(usize),
}

/// The bytes of one frame, without its length.
///
/// # Panics
/// Never: frames hold no map keys or lengths that postcard refuses.
#[must_use]
pub fn encode<T: Serialize>(frame: &T) -> Vec<u8> {
    postcard::to_allocvec(frame).expect("frames are made of types postcard can write")
}

/// Reads one frame from exactly its bytes.
///
/// # Errors
/// Bytes of another protocol, cut short, or with something behind them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    let (frame, rest) = postcard::take_from_bytes(bytes).map_err(FrameError::Unknown)?;
    if rest.is_empty() { Ok(frame) } else { Err(FrameError::Trailing(rest.len())) }
}
