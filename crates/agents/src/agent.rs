//! The agents, one file each, by how they are spoken to. Each owns what is particular to its agent and nothing else.

pub(crate) mod acp;
pub(crate) mod builtin;
pub(crate) mod native;
pub(crate) mod text;
