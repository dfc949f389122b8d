//! A runner against a relay whose every word is scripted: what it promises, on real connections, journals, shims and trees.
mod asks;
mod checks;
mod relay;
mod restart;
mod runs;
mod sessions;
mod talks;
mod world;
