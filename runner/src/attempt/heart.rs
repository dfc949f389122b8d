//! The heart: moves the shim's deadline with every confirmed renewal, and ends the attempt when its lease is gone.
//!
//! Owns the fence. Must not renew: heartbeats do. The shim knows the same deadline on a clock that counts sleep, so that
//! the agent is gone in time whatever happens to this task.

use super::life::{Life, Order};
use crate::runner::stable::Shared;
use crate::shim::Shim;
use ostler_core::ids::LeaseId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Deadlines are looked at this often even when nothing moved: a sleep of the whole machine is noticed after waking.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A lease that is lost by the relay's word ends for the reason it gives, which is on its way by then.
const WHY_WITHIN: Duration = Duration::from_millis(500);

impl Life {
    /// Beats until the attempt is to end; then returns what for.
    pub(super) async fn fence(&self, shim: Option<Arc<Shim>>) -> Order {
        let mut renewed = self.stable.renewed.subscribe();
        let mut orders = self.orders.clone();
        let mut known = None;
        loop {
            let order = *orders.borrow_and_update();
            if !matches!(order, Order::Work) {
                return order;
            }
            if self.stable.must_stop(self.lease) {
                // The relay's word takes the lease away first, and says why a moment later.
                let told = orders.wait_for(|order| *order != Order::Work);
                return tokio::time::timeout(WHY_WITHIN, told)
                    .await
                    .map_or(Order::Fenced, |told| told.map_or(Order::Fenced, |order| *order));
            }
            // Only a relay's word moves a deadline: an adopted lease may be another's by now.
            let confirmed = self.stable.may_act(self.lease);
            let stop_at = self.stable.holding().stop_at(self.lease).filter(|_| confirmed);
            if let (Some(shim), Some(at)) = (&shim, stop_at.filter(|at| known != Some(*at))) {
                // A shim that is ending refuses; that is seen by whoever watches it.
                match shim.extend(at.since(self.stable.now())).await {
                    Ok(()) => known = Some(at),
                    Err(error) => tracing::debug!(lease = %self.lease, %error, "the deadline was not moved"),
                }
            }
            tokio::select! {
                _ = renewed.changed() => {}
                _ = orders.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Waits until the lease may be acted on. False when it never will be.
    pub(super) async fn right_to_act(&self) -> bool {
        right_to_act(&self.stable, self.lease, self.orders.clone()).await
    }
}

/// Waits until `lease` may be acted on. False when it never will be.
pub(super) async fn right_to_act(stable: &Shared, lease: LeaseId, mut orders: watch::Receiver<Order>) -> bool {
    let mut renewed = stable.renewed.subscribe();
    loop {
        if matches!(*orders.borrow_and_update(), Order::Told(..)) || stable.must_stop(lease) {
            return false;
        }
        if stable.may_act(lease) {
            return true;
        }
        tokio::select! {
            _ = renewed.changed() => {}
            _ = orders.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
