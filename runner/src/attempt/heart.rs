//! The heart: moves the shim's deadline with every confirmed renewal, and ends the attempt when its lease is gone.
//!
//! Owns the fence. Must not renew: heartbeats do. The shim knows the same deadline on a clock that counts sleep, so that
//! the agent is gone in time whatever happens to this task.

use super::life::{Life, Order};
use crate::shim::Shim;
use std::sync::Arc;
use std::time::Duration;

/// Deadlines are looked at this often even when nothing moved: a sleep of the whole machine is noticed after waking.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
                return Order::Fenced;
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
        let mut renewed = self.stable.renewed.subscribe();
        let mut orders = self.orders.clone();
        loop {
            if matches!(*orders.borrow_and_update(), Order::Told(..)) || self.stable.must_stop(self.lease) {
                return false;
            }
            if self.stable.may_act(self.lease) {
                return true;
            }
            tokio::select! {
                _ = renewed.changed() => {}
                _ = orders.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
