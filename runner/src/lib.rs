//! The hands: executes runs under leases.

pub mod shim;
