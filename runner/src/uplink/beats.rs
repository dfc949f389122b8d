//! Heartbeats: one frame for all leases, every third of the TTL, on a stream and in a task of their own.

use super::session::Ended;
use crate::runner::stable::Shared;
use crate::slots;
use ostler_mesh::{Connection, Priority};
use ostler_proto::{Beat, Beaten, FRAME_BYTES_MAX, Open};
use std::time::Duration;
use tokio::time::timeout;

/// Beats per TTL: two may be lost before a lease lapses.
const BEATS_PER_TTL: u64 = 3;
/// Wanted beats are gathered for this long: a burst of questions costs one.
const GATHER: Duration = Duration::from_millis(20);

/// Beats until the stream ends.
pub(super) async fn keep(stable: Shared, connection: Connection) -> Result<(), Ended> {
    let (mut out, mut into) = connection.open_bi().await?;
    out.priority(Priority::Beats);
    out.send(&Open::Beats).await?;
    // Numbers grow over connections, so that an answer is never taken for another's.
    let mut seq = stable.now().0;
    loop {
        seq += 1;
        let leases = stable.holding().beat_sent(seq, stable.now());
        out.send(&Beat { seq, leases }).await?;
        let beaten = into.recv::<Beaten>(FRAME_BYTES_MAX).await?;
        let beaten = beaten.ok_or_else(|| Ended::Broken("the relay ended the heartbeats".to_owned()))?;
        take(&stable, &beaten);
        let pause = Duration::from_millis(beaten.lease_ttl_ms / BEATS_PER_TTL);
        if timeout(pause, stable.beat_now.notified()).await.is_ok() {
            tokio::time::sleep(GATHER).await;
        }
    }
}

fn take(stable: &Shared, beaten: &Beaten) {
    let lost: Vec<_> = beaten.lost.iter().map(|(lease, _)| *lease).collect();
    stable.holding().beaten(beaten.seq, &beaten.renewed, &lost, beaten.lease_ttl_ms, stable.now());
    stable.stir();
    if !beaten.lost.is_empty() {
        stable.tell(slots::Msg::Lost(beaten.lost.clone()));
    }
}
