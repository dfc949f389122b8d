//! Supervision: the ground ractor gives us (`ground`), pinned so that an upgrade that moves it fails here, and the trees
//! we build on it (`trees`, `order`, `drills`). Nothing sleeps: time is tokio's paused clock, and whatever must happen
//! is awaited as a condition.

#[path = "supervision/drills.rs"]
mod drills;
#[path = "supervision/ground.rs"]
mod ground;
#[path = "supervision/order.rs"]
mod order;
#[path = "supervision/probe.rs"]
mod probe;
#[path = "supervision/trees.rs"]
mod trees;
