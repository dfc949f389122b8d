//! How things look: tables and pages for people, JSON for programs. Must not know where the things come from.

pub(crate) mod agent;
pub(crate) mod approval;
pub(crate) mod deed;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod rule;
pub(crate) mod run;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod usage;
pub(crate) mod worker;
