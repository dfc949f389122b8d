//! What is to be done and what becomes of it: a run, its task, its lease, its questions, its failures.

pub mod approval;
pub mod deed;
pub mod event;
pub mod failure;
pub mod lease;
pub mod policy;
pub mod run;
pub mod task;
pub mod usage;
