//! The uplink: one connection to the relay, for ever made again.

pub(crate) mod greet;
