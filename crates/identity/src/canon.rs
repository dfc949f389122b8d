//! One value, one encoding: bounded, whole, canonical postcard.
//!
//! Owns how signed things become bytes and back. Must not know what they mean.
//!
//! postcard would accept the same number in two lengths; what was decoded is therefore encoded again and compared,
//! so that no byte of a signed thing can change unseen.

pub(crate) mod base32;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The bytes of `value`.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    encode_within(value, 0)
}

/// The bytes of `value`, in a buffer that never moves while they are at most `capacity`: for secrets, which are wiped
/// where they end up, not where they were.
pub(crate) fn encode_within<T: Serialize>(value: &T, capacity: usize) -> Vec<u8> {
    postcard::to_extend(value, Vec::with_capacity(capacity)).expect("plain data of known shape always encodes")
}

/// The value whose only encoding is `bytes`; none when it is longer than `bytes_max`, damaged, or followed by more.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], bytes_max: usize) -> Option<T> {
    if bytes.len() > bytes_max {
        return None;
    }
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let again = Zeroizing::new(encode_within(&value, bytes.len()));
    (rest.is_empty() && *again == bytes).then_some(value)
}

/// `N` bytes of chance from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives randomness once it has booted");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_trailing_and_oversize_are_refused() {
        assert_eq!(decode::<u32>(&[5], 8), Some(5));
        assert_eq!(decode::<u32>(&[0x85, 0x00], 8), None, "the same number, written longer");
        assert_eq!(decode::<u32>(&[5, 0], 8), None, "trailing byte");
        assert_eq!(decode::<Vec<u8>>(&encode(&vec![1u8; 9]), 9), None, "over the bound");
        assert_eq!(decode::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff, 0x0f], 64), None, "claims 4 GiB");
    }
}
