//! The protocols agents speak, one module each, and what they share.

pub(crate) mod acp;
pub(crate) mod appserver;
pub(crate) mod control;
pub(crate) mod diff;
pub(crate) mod ear;
pub(crate) mod jsonrpc;
pub(crate) mod pi;
pub(crate) mod refusal;
pub(crate) mod text;
pub(crate) mod verdict;
pub(crate) mod words;
