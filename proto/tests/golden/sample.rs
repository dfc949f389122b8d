//! One value of each kind, its bytes, and how to read them.

use ostler_core::ids::{ApprovalId, DeviceId, Digest, InviteId, LeaseId, RunId, SessionId};
use ostler_core::time::Timestamp;
use ostler_proto::{FrameError, decode, encode};
use serde::{Serialize, de::DeserializeOwned};

/// A named value of some type, as bytes.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Reads bytes as this sample's type and writes them again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, FrameError>,
    /// How many variants its enum has; zero for a struct.
    pub(crate) variants: u8,
}

/// All samples.
#[derive(Default)]
pub(crate) struct Table(Vec<Sample>);

impl Table {
    pub(crate) fn add<T: Serialize + DeserializeOwned>(&mut self, name: &str, variants: u8, value: &T) {
        assert!(self.0.iter().all(|sample| sample.name != name), "{name} stands twice");
        let again = |bytes: &[u8]| decode::<T>(bytes).map(|value| encode(&value));
        self.0.push(Sample { name: name.to_owned(), bytes: encode(value), again, variants });
    }

    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.0
    }
}

/// Adds a sample of each variant of an enum, in their order on the wire. The list is exhaustive or does not compile:
/// where it fails, append the new variant with a value, here and at the end of its enum.
#[macro_export]
macro_rules! closed {
    ($table:expr, $enum:ident: $($variant:ident = $value:expr),+ $(,)?) => {{
        let name = |value: &$enum| match value {
            $($enum::$variant { .. } => concat!(stringify!($enum), "::", stringify!($variant)),)+
        };
        let values: Vec<$enum> = vec![$($value),+];
        let listed = [$(concat!(stringify!($enum), "::", stringify!($variant))),+];
        let variants = u8::try_from(values.len()).expect("few variants");
        for (place, (value, listed)) in values.iter().zip(listed).enumerate() {
            assert_eq!(name(value), listed, "the sample is of another variant");
            assert_eq!(usize::from(ostler_proto::encode(value)[0]), place, "{listed} moved in its enum");
            $table.add(listed, variants, value);
        }
    }};
}

pub(crate) fn run(n: u8) -> RunId {
    RunId::from_parts(1_800_000_000_000, [n; 10])
}

pub(crate) fn approval() -> ApprovalId {
    ApprovalId::from_parts(1_800_000_000_001, [0xa1; 10])
}

pub(crate) fn invite() -> InviteId {
    InviteId::from_parts(1_800_000_000_002, [0xb2; 10])
}

pub(crate) fn session() -> SessionId {
    SessionId::from_parts(1_800_000_000_003, [0xc3; 10])
}

pub(crate) fn lease() -> LeaseId {
    LeaseId { run: run(1), epoch: 300 }
}

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

pub(crate) fn digest() -> Digest {
    Digest([0xd1; 32])
}

pub(crate) fn at() -> Timestamp {
    Timestamp(1_800_000_000_004)
}

pub(crate) fn bytes() -> Vec<u8> {
    b"sealed".to_vec()
}

pub(crate) fn text(text: &str) -> String {
    text.to_owned()
}
