//! Tables of the fleet itself: who is paired or invited, its keys, and what its runners offer.

pub(crate) mod advert;
pub(crate) mod device;
pub(crate) mod epoch;
pub(crate) mod invite;
pub(crate) mod key;
