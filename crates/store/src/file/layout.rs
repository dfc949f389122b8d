//! Which tables each kind of file has. A table added to a kind is added here, and nowhere else.

use crate::error::StoreError;
use crate::tables::events::{EventV1, TailV1};
use crate::tables::fleet::{advert::AdvertV1, device::DeviceV1, epoch::EpochV1, invite::InviteV1, key::KeyV1};
use crate::tables::journal::{AskV1, CursorV1, HeldV1, OutboxV1, ReportV1};
use crate::tables::meta::{Kind, MetaV1};
use crate::tables::run::{approval::ApprovalV1, body::BodyV1, late::LateV1, lately::LatelyV1, life::LifeV1};
use crate::tables::run::{result::ResultV1, settled::SettledV1, spec::SpecV1};
use crate::tables::{self, Raw, Walk, raw};
use redb::{ReadTransaction, WriteTransaction};

/// One table, without its types.
pub(crate) struct Slot {
    /// How redb knows it.
    pub(crate) raw: Raw<'static>,
    found: fn(&WriteTransaction) -> Result<(), redb::TableError>,
    walk: fn(&ReadTransaction, &mut Walk) -> Result<(), StoreError>,
}

const fn slot<T: tables::Table>() -> Slot {
    Slot { raw: raw::<T>(), found: tables::found::<T>, walk: tables::walk::<T> }
}

static LEDGER: [Slot; 14] = [
    slot::<MetaV1>(),
    slot::<SpecV1>(),
    slot::<LifeV1>(),
    slot::<SettledV1>(),
    slot::<LatelyV1>(),
    slot::<BodyV1>(),
    slot::<ResultV1>(),
    slot::<LateV1>(),
    slot::<ApprovalV1>(),
    slot::<KeyV1>(),
    slot::<DeviceV1>(),
    slot::<InviteV1>(),
    slot::<EpochV1>(),
    slot::<AdvertV1>(),
];
static EVENTS: [Slot; 3] = [slot::<MetaV1>(), slot::<TailV1>(), slot::<EventV1>()];
static JOURNAL: [Slot; 6] =
    [slot::<MetaV1>(), slot::<HeldV1>(), slot::<CursorV1>(), slot::<OutboxV1>(), slot::<ReportV1>(), slot::<AskV1>()];

/// The tables of a kind, `meta_v1` first.
pub(crate) fn of(kind: Kind) -> &'static [Slot] {
    match kind {
        Kind::Ledger => &LEDGER,
        Kind::Events => &EVENTS,
        Kind::Journal => &JOURNAL,
    }
}

/// Makes every table of a new file.
pub(crate) fn found(kind: Kind, txn: &WriteTransaction) -> Result<(), StoreError> {
    of(kind).iter().try_for_each(|slot| Ok((slot.found)(txn)?))
}

/// Verifies every record of every table.
pub(crate) fn walk(kind: Kind, txn: &ReadTransaction, walk: &mut Walk) -> Result<(), StoreError> {
    of(kind).iter().try_for_each(|slot| (slot.walk)(txn, walk))
}
