//! Agents that print lines or text, and give no more than that.

pub(crate) mod aider;
pub(crate) mod amp;
pub(crate) mod crush;
