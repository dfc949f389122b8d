//! `meta_v1`: what this file is. One record, read before anything else; its name and shape never change.

use super::{Table, pack, unpack};
use ostler_core::ids::Incarnation;
use serde::{Deserialize, Serialize};

/// The key of the only record.
pub(crate) const FILE: () = ();

/// Which of Ostler's files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Ledger,
    Events,
    Journal,
}

impl Kind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Events => "event log",
            Self::Journal => "journal",
        }
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    /// Number of the last migration that it went through.
    pub(crate) schema: u32,
    /// Made with the file, and anew with each restore.
    pub(crate) incarnation: Incarnation,
}

pub(crate) struct MetaV1;

impl Table for MetaV1 {
    const NAME: &'static str = "meta_v1";
    type Key = ();
    type Row = Meta;

    fn key((): &()) -> Vec<u8> {
        b"file".to_vec()
    }

    fn unkey(bytes: &[u8]) -> Option<()> {
        (bytes == b"file").then_some(())
    }

    fn encode(row: &Meta) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Meta> {
        unpack(bytes)
    }
}
