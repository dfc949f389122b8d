//! This machine: settings, policy, health, completions, version.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod policy;
pub(crate) mod version;
