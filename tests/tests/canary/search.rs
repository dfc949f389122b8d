//! The searcher: a word in each of its disguises, in whatever bytes there are. Must not know where they came from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A mapping larger than this is address space, not memory in use.
const MAPPING_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A word that must not be found, or must.
pub(crate) struct Canary {
    /// What it stands for.
    pub(crate) name: &'static str,
    /// The word.
    pub(crate) text: String,
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let digits = bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
    digits.collect::<String>().into_bytes()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0; 2]).take(3).fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        out.extend((0..=chunk.len()).map(|at| BASE64[word >> (18 - 6 * at) & 63]));
    }
    out
}

/// The word as it stands raw, in hex, in UTF-16, and inside base64 text wherever it began.
pub(crate) fn disguises(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let mut all = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex(bytes, false)),
        ("HEX", hex(bytes, true)),
        ("UTF-16LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for offset in 0..3 {
        // Characters at both ends also carry bits of the neighbours.
        let encoded = base64(&[&vec![0; offset], bytes].concat());
        let middle = encoded[(offset * 8).div_ceil(6)..(offset + bytes.len()) * 8 / 6].to_vec();
        let url = middle
            .iter()
            .map(|c| {
                if *c == b'+' {
                    b'-'
                } else if *c == b'/' {
                    b'_'
                } else {
                    *c
                }
            })
            .collect();
        all.extend([("base64", middle), ("base64url", url)]);
    }
    all
}

/// The first disguise in which the word stands in `bytes`.
pub(crate) fn found(canary: &Canary, bytes: &[u8]) -> Option<&'static str> {
    disguises(&canary.text).into_iter().find(|(_, form)| contains(bytes, form)).map(|(how, _)| how)
}

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    let (first, mut rest) = (form[0], bytes);
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(form) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// All bytes of all files below `dir`.
pub(crate) fn tree(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        all.extend(path.display().to_string().into_bytes());
        all.extend(if path.is_dir() { tree(&path) } else { std::fs::read(&path).unwrap_or_default() });
    }
    all
}

/// All writable memory of another process.
pub(crate) fn memory(pid: u32) -> io::Result<Vec<u8>> {
    let maps = BufReader::new(File::open(format!("/proc/{pid}/maps"))?);
    let mut mem = File::open(format!("/proc/{pid}/mem"))?;
    let mut all = Vec::new();
    for line in maps.lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        let (Some(range), Some(access)) = (words.next(), words.next()) else { continue };
        let bounds = range.split_once('-').map(|(a, b)| (u64::from_str_radix(a, 16), u64::from_str_radix(b, 16)));
        let Some((Ok(start), Ok(end))) = bounds else { continue };
        if !access.starts_with("rw") || end - start > MAPPING_BYTES_MAX {
            continue;
        }
        mem.seek(SeekFrom::Start(start))?;
        // A mapping may go while it is read; what was there of it is searched.
        let read = (&mut mem).take(end - start).read_to_end(&mut all);
        read.or_else(|error| if error.raw_os_error() == Some(5) { Ok(0) } else { Err(error) })?;
    }
    if all.is_empty() { Err(io::Error::other("no writable mapping")) } else { Ok(all) }
}

#[test]
fn every_disguise_is_found_and_nothing_else() {
    let canary = Canary { name: "planted", text: "canary-planted-0123456789".to_owned() };
    let noise: Vec<u8> = (0..10_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(found(&canary, &noise), None);
    for (how, form) in disguises(&canary.text) {
        let planted = [&noise[..777], &form, &noise[777..]].concat();
        assert!(found(&canary, &planted).is_some(), "{how}");
    }
    for before in ["", "a", "ab", "abc", "abcd"] {
        let whole = base64(format!("{before}{} and more", canary.text).as_bytes());
        assert_eq!(found(&canary, &whole), Some("base64"), "after {before:?}");
    }
    assert_eq!(base64(b"ostler"), b"b3N0bGVy");
}

#[test]
fn the_memory_of_a_process_is_really_read() {
    let canary = Canary { name: "environment", text: format!("canary-environment-{}", std::process::id()) };
    let mut sleeper = std::process::Command::new("sleep").arg("60").env("WORD", &canary.text).spawn().expect("sleep");
    let read = memory(sleeper.id());
    sleeper.kill().expect("ours");
    sleeper.wait().expect("reaped");
    match read {
        Ok(pages) => assert!(found(&canary, &pages).is_some(), "its environment stands on its stack"),
        Err(error) => eprintln!("NOT RUN: memory of other processes cannot be read here ({error})"),
    }
}
