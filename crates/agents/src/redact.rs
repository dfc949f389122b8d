//! Known secrets taken out of a stream of bytes before anything is sealed, shown or stored.
//!
//! Owns the encodings a secret is known by, and finding them across chunk borders. Must not know where secrets come
//! from. A seat belt, not a boundary: an agent that means to leak encodes twice.
//!
//! ```text
//!  feed ─▶ held tail + new bytes ─▶ leftmost longest match ─▶ [secret] ─▶ out
//!               ▲                                                        │
//!               └──── what could still begin a secret (< longest form) ◀─┘
//! ```

use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeSet;

/// What stands where a secret stood.
const MARK: &[u8] = b"[redacted]";
/// Shorter secrets are not looked for: they would be found in ordinary words, and say little.
const SECRET_BYTES_MIN: usize = 6;
/// Longer ones are looked for by their beginning, so that the tail held back stays small.
const SECRET_BYTES_MAX: usize = 4_096;
/// Secrets of one run; each is known by about ten forms.
const SECRETS_MAX: usize = 256;

/// Replaces known secrets in one stream. Use one per stream: two streams do not continue each other.
#[derive(Debug)]
pub struct Redactor {
    find: Option<AhoCorasick>,
    longest: usize,
    held: Vec<u8>,
}

impl Redactor {
    /// Looks for `secrets` as they are and as base64 (both alphabets, any offset), hex, URL-escaped and JSON-escaped.
    #[must_use]
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let forms: BTreeSet<Vec<u8>> = secrets
            .into_iter()
            .filter(|secret| secret.as_ref().len() >= SECRET_BYTES_MIN)
            .take(SECRETS_MAX)
            .flat_map(|secret| forms(&secret.as_ref()[..secret.as_ref().len().min(SECRET_BYTES_MAX)]))
            .collect();
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        let find = (!forms.is_empty())
            .then(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms).ok())
            .flatten();
        Self { find, longest, held: Vec::new() }
    }

    /// A redactor for another stream with the same secrets.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { find: self.find.clone(), longest: self.longest, held: Vec::new() }
    }

    /// What of the stream is certain after `bytes`: all but a tail that could still begin a secret.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(find) = &self.find else { return bytes.to_vec() };
        self.held.extend_from_slice(bytes);
        // A match that begins before `certain` lies wholly inside what is here, whatever comes next.
        let certain = (self.held.len() + 1).saturating_sub(self.longest);
        let (out, used) = replace(find, &self.held, certain);
        self.held.drain(..used);
        out
    }

    /// The rest of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        match &self.find {
            Some(find) => replace(find, &held, held.len()).0,
            None => held,
        }
    }
}

/// Copies `bytes` with matches that begin before `certain` replaced; also says how much was used up.
fn replace(find: &AhoCorasick, bytes: &[u8], certain: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(certain);
    let mut at = 0;
    for found in find.find_iter(bytes).take_while(|found| found.start() < certain) {
        out.extend_from_slice(&bytes[at..found.start()]);
        out.extend_from_slice(MARK);
        at = found.end();
    }
    let used = at.max(certain);
    out.extend_from_slice(&bytes[at..used]);
    (out, used)
}

/// Every text the secret is known by.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec(), hex(secret, b"0123456789abcdef"), hex(secret, b"0123456789ABCDEF")];
    forms.push(secret.iter().rev().copied().collect());
    for offset in 0..3 {
        forms.push(base64_core(secret, offset, b"+/"));
        forms.push(base64_core(secret, offset, b"-_"));
    }
    forms.push(url(secret, b"0123456789ABCDEF"));
    forms.push(url(secret, b"0123456789abcdef"));
    if let Ok(text) = std::str::from_utf8(secret)
        && let Ok(quoted) = serde_json::to_string(text)
    {
        forms.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
    }
    forms.retain(|form| form.len() >= SECRET_BYTES_MIN);
    forms
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect()
}

/// RFC 3986: all but the unreserved characters are escaped.
fn url(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            out.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
    }
    out
}

/// The characters of base64 that depend on the secret alone when `offset` bytes stand before it (RFC 4648 §4, §5): the
/// first and last ones, which its neighbours share, are left out.
fn base64_core(secret: &[u8], offset: usize, last_two: &[u8; 2]) -> Vec<u8> {
    let first = (offset * 8).div_ceil(6);
    let end = (offset + secret.len()) * 8 / 6;
    (first..end)
        .map(|index| {
            let value = (0..6).fold(0u8, |value, bit| {
                let at = index * 6 + bit - offset * 8;
                value << 1 | secret[at / 8] >> (7 - at % 8) & 1
            });
            match value {
                0..=25 => b'A' + value,
                26..=51 => b'a' + value - 26,
                52..=61 => b'0' + value - 52,
                62 => last_two[0],
                _ => last_two[1],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"s3cr3t/\"K+y\"&x";

    fn whole(input: &[u8]) -> Vec<u8> {
        let mut redactor = Redactor::new([SECRET]);
        let mut out = redactor.feed(input);
        out.extend(redactor.finish());
        out
    }

    fn contains(text: &[u8], part: &[u8]) -> bool {
        text.windows(part.len()).any(|window| window == part)
    }

    /// A second, plain encoder: whole text at once, with padding.
    fn base64(bytes: &[u8]) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = Vec::new();
        for group in bytes.chunks(3) {
            let n = (u32::from(group[0]) << 16)
                | (u32::from(*group.get(1).unwrap_or(&0)) << 8)
                | u32::from(*group.get(2).unwrap_or(&0));
            for i in 0..4 {
                out.push(if i <= group.len() { alphabet[(n >> (18 - 6 * i)) as usize & 63] } else { b'=' });
            }
        }
        out
    }

    #[test]
    fn every_form_is_found_at_every_split() {
        let mut inputs: Vec<Vec<u8>> =
            forms(SECRET).into_iter().map(|f| [b"before ", &f[..], b" after"].concat()).collect();
        inputs.push([SECRET, SECRET, b"s3cr3t/", SECRET].concat());
        for input in &inputs {
            let expected = whole(input);
            assert!(contains(&expected, MARK));
            for form in forms(SECRET) {
                assert!(!contains(&expected, &form), "{}", String::from_utf8_lossy(&expected));
            }
            for at in 0..=input.len() {
                let mut redactor = Redactor::new([SECRET]);
                let mut out = redactor.feed(&input[..at]);
                out.extend(redactor.feed(&input[at..]));
                out.extend(redactor.finish());
                assert_eq!(out, expected, "split at {at} of {}", String::from_utf8_lossy(input));
            }
            let mut redactor = Redactor::new([SECRET]);
            let mut out: Vec<u8> = input.iter().flat_map(|byte| redactor.feed(&[*byte])).collect();
            out.extend(redactor.finish());
            assert_eq!(out, expected, "byte by byte");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_stands_in_the_encoded_text() {
        for before in 0..7 {
            for after in 0..4 {
                let plain = [&vec![b'x'; before][..], SECRET, &vec![b'y'; after][..]].concat();
                let out = whole(&base64(&plain));
                assert!(contains(&out, MARK), "{before} before, {after} after");
            }
        }
    }

    #[test]
    fn what_is_no_secret_passes_untouched_and_promptly() {
        let mut redactor = Redactor::new([SECRET]);
        let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut out = redactor.feed(&noise);
        assert!(out.len() + 64 > noise.len(), "only a tail shorter than the longest form waits");
        out.extend(redactor.finish());
        assert_eq!(out, noise);
        let mut none = Redactor::new(["abc"]);
        assert_eq!(none.feed(b"abc abc"), b"abc abc", "too short to look for");
        assert!(none.finish().is_empty());
    }

    #[test]
    fn several_secrets_where_one_holds_the_other() {
        let mut redactor = Redactor::new(["password", "password-and-more"]);
        let mut out = redactor.feed(b"a password-and-m");
        out.extend(redactor.feed(b"ore b password c"));
        out.extend(redactor.finish());
        assert_eq!(out, b"a [redacted] b [redacted] c");
    }
}
