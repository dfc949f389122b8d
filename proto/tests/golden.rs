//! The bytes of the wire: every variant of every travelling type, as hex in `golden.txt`, for ever.
//!
//! Old peers, journals and logs hold these bytes. A test that fails here means that they could no longer be read.
//! A new variant goes to the end of its enum, gets a sample in `golden/`, and its line is appended to `golden.txt`; an old
//! line never changes while [`ostler_proto::VERSIONS`] still names its version.

#[path = "golden/client.rs"]
mod client;
#[path = "golden/control.rs"]
mod control;
#[path = "golden/domain.rs"]
mod domain;
#[path = "golden/sample.rs"]
mod sample;
#[path = "golden/sealed.rs"]
mod sealed;

use ostler_proto::FrameError;
use sample::{Sample, Table};
use std::collections::BTreeMap;

const GOLDEN: &str = include_str!("golden.txt");

fn samples() -> Vec<Sample> {
    let mut table = Table::default();
    control::add(&mut table);
    client::add(&mut table);
    domain::add(&mut table);
    sealed::add(&mut table);
    table.into_samples()
}

fn golden() -> BTreeMap<&'static str, &'static str> {
    let lines = GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs: Vec<_> = lines.map(|line| line.split_once(" = ").expect("`Enum::Variant = hex`")).collect();
    let known: BTreeMap<_, _> = pairs.iter().copied().collect();
    assert_eq!(known.len(), pairs.len(), "a name stands twice in golden.txt");
    known
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_variant_has_its_golden_bytes() {
    let (samples, mut golden) = (samples(), golden());
    let (mut new, mut changed) = (String::new(), String::new());
    for sample in &samples {
        let now = hex(&sample.bytes);
        match golden.remove(sample.name.as_str()) {
            None => new += &format!("{} = {now}\n", sample.name),
            Some(then) if then != now => changed += &format!("{}\n  golden {then}\n  now    {now}\n", sample.name),
            Some(_) => {}
        }
    }
    let gone: Vec<_> = golden.into_keys().collect();
    assert!(
        changed.is_empty() && gone.is_empty(),
        "the wire changed under peers that are out there:\n{changed}gone: {gone:?}\n\
         Put variants and fields back where they were; append new variants at the end of their enum. A field cannot be \
         appended: make a variant with it. Only a new protocol version (proto/src/hello.rs) may do otherwise."
    );
    assert!(new.is_empty(), "new on the wire; look at each, then append to proto/tests/golden.txt:\n{new}");
}

#[test]
fn every_sample_is_read_back_as_it_was() {
    for sample in samples() {
        assert_eq!((sample.again)(&sample.bytes), Ok(sample.bytes.clone()), "{}", sample.name);
    }
}

#[test]
fn a_frame_cut_anywhere_is_no_frame() {
    for sample in samples() {
        for cut in 0..sample.bytes.len() {
            let got = (sample.again)(&sample.bytes[..cut]);
            assert!(matches!(got, Err(FrameError::Unknown(_))), "{} cut to {cut}: {got:?}", sample.name);
        }
    }
}

#[test]
fn a_byte_too_many_is_noticed() {
    for sample in samples() {
        for more in [0, 1, 0xff] {
            let longer = [&sample.bytes[..], &[more]].concat();
            assert_eq!((sample.again)(&longer), Err(FrameError::Trailing(1)), "{}", sample.name);
        }
    }
}

#[test]
fn a_variant_of_the_future_is_refused_by_name() {
    for sample in samples().iter().filter(|sample| sample.variants > 0) {
        for unknown in [sample.variants, 100, 0x7f] {
            let got = (sample.again)(&[&[unknown][..], &sample.bytes[1..], &[0; 64]].concat());
            assert!(matches!(got, Err(FrameError::Unknown(_))), "{} as variant {unknown}: {got:?}", sample.name);
            assert!(got.expect_err("refused").to_string().contains("newer"));
        }
    }
}

/// xorshift64*: the same bytes on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 33).expect("31 bits") % end
    }
}

/// Whatever is read can be written, and reads back as the same.
fn survives(sample: &Sample, bytes: &[u8]) {
    if let Ok(written) = (sample.again)(bytes) {
        assert!(written.len() <= bytes.len(), "{}: {} bytes became {}", sample.name, bytes.len(), written.len());
        assert_eq!((sample.again)(&written), Ok(written.clone()), "{}", sample.name);
    }
}

#[test]
fn no_bytes_panic() {
    let samples = samples();
    let mut dice = Dice(0x05_71_e6);
    for sample in &samples {
        for _ in 0..400 {
            let random: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll().to_be_bytes()[0]).collect();
            survives(sample, &random);
            let mut bent = sample.bytes.clone();
            for _ in 0..=dice.below(3) {
                let at = dice.below(bent.len());
                bent[at] = dice.roll().to_be_bytes()[0];
            }
            survives(sample, &bent);
        }
    }
}

#[test]
fn a_length_bomb_costs_nothing() {
    let before = peak_kib();
    for sample in samples() {
        for at in 0..sample.bytes.len() {
            // Counts of 2^32 - 1 and 2^63, wherever a count may stand.
            for bomb in
                [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]]
            {
                let bytes = [&sample.bytes[..at], bomb, &sample.bytes[at + 1..]].concat();
                survives(&sample, &bytes);
            }
        }
    }
    // Other tests of this process run beside it; a bomb that went off would take gigabytes.
    let grown = peak_kib() - before;
    assert!(grown < 64 * 1024, "{grown} KiB more at the peak");
}

/// The most memory this process ever held; zero where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// A recursive type would overflow the stack here and abort; a list of nothing would be counted to four billion.
#[test]
fn no_type_nests_for_ever() {
    const SMALL_STACK_BYTES: usize = 512 * 1024;
    let deep = || {
        for sample in samples() {
            for byte in 0..=u8::MAX {
                survives(&sample, &[&sample.bytes[..1], &[byte; 64 * 1024]].concat());
            }
        }
    };
    std::thread::Builder::new().stack_size(SMALL_STACK_BYTES).spawn(deep).expect("a thread").join().expect("no panic");
}
