//! The workspace on real repositories: work comes home, hostile trees run nothing, the network is fenced.

mod again;
mod hostile;
mod network;
mod work;
mod world;
