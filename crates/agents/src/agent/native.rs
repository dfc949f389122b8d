//! Agents that are spoken to in a protocol of their own.

pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod pi;
