//! Agents that speak the Agent Client Protocol.

pub(crate) mod copilot;
pub(crate) mod cursor_agent;
pub(crate) mod custom;
pub(crate) mod gemini;
pub(crate) mod goose;
pub(crate) mod hermes;
pub(crate) mod kimi;
pub(crate) mod openclaw;
pub(crate) mod opencode;
pub(crate) mod openhands;
pub(crate) mod qwen;
