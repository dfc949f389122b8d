//! RFC 4648 base32 without padding, printed in lower case, read in any: what survives a terminal, a mail and a QR code.
//!
//! Owns the alphabet. Must not know what is printed.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `bytes` as text, eight characters for five bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut group = [0u8; 8];
        group[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(group);
        for i in 0..(chunk.len() * 8).div_ceil(5) {
            out.push(char::from(ALPHABET[(bits >> (35 - 5 * i) & 31) as usize]));
        }
    }
    out
}

/// The bytes behind `text`; none for a foreign character, an impossible length or bits left over.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    for chunk in text.as_bytes().chunks(8) {
        let bytes = chunk.len() * 5 / 8;
        if (bytes * 8).div_ceil(5) != chunk.len() {
            return None;
        }
        let mut bits = 0u64;
        for (i, c) in chunk.iter().enumerate() {
            let value = ALPHABET.iter().position(|a| *a == c.to_ascii_lowercase())?;
            bits |= (value as u64) << (35 - 5 * i);
        }
        let group = bits.to_be_bytes();
        if group[3 + bytes..].iter().any(|b| *b != 0) {
            return None;
        }
        out.extend_from_slice(&group[3..3 + bytes]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_and_every_length() {
        for (plain, text) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(&text.to_uppercase()).as_deref(), Some(plain.as_bytes()));
        }
        for len in 0..40u8 {
            let bytes: Vec<u8> = (0..len).map(|i| i.wrapping_mul(97)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn foreign_characters_lengths_and_loose_bits_are_refused() {
        for text in ["m", "mzx", "mzxw6y", "mz1q", "m!", "mz", "mé"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
