//! The relay against peers that do what they may not: strangers (`strangers`), broken bytes (`bytes`) and members beyond
//! their role or lease (`members`). Each is refused in the way the protocol says, nothing changes, and others are served.

#[path = "hostile_peer/bytes.rs"]
mod bytes;
#[path = "hostile_peer/members.rs"]
mod members;
#[path = "hostile_peer/raw.rs"]
mod raw;
#[path = "hostile_peer/strangers.rs"]
mod strangers;

use ostler_tests::{Fleet, draft};

/// Somebody honest still gets an answer.
async fn serves(fleet: &Fleet) {
    let submitted = fleet.client.submit(&draft("honest")).await.expect("the relay serves honest people");
    fleet.client.cancel(submitted.run).await.expect("and acts for them");
}
