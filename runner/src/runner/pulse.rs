//! The pulse: what is done by the clock. Probes are repeated, gauges are set, old runs are swept. Must not know attempts.

use super::stable::Shared;
use crate::session::sweep;
use metrics::gauge;
use ostler_proto::ToRelay;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Gauges are read by people and by scrapers every few seconds.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// Time passed.
pub(crate) struct Tick;

pub(crate) struct PulseActor {
    pub(crate) stable: Shared,
}

impl Actor for PulseActor {
    type Msg = Tick;
    type State = JoinSet<()>;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Tick>, (): ()) -> Result<JoinSet<()>, ActorProcessingErr> {
        // The interval ends with the actor.
        drop(me.send_interval(GAUGES_EVERY, || Tick));
        let mut tasks = JoinSet::new();
        tasks.spawn(probe_for_ever(Arc::clone(&self.stable)));
        tasks.spawn(sweep::for_ever(Arc::clone(&self.stable)));
        Ok(tasks)
    }

    async fn handle(&self, _: ActorRef<Tick>, _: Tick, _: &mut JoinSet<()>) -> Result<(), ActorProcessingErr> {
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        gauge!("ostler_events_pending").set(count(self.stable.pending.count()));
        gauge!("ostler_runner_slots").set(self.stable.advert.borrow().slots);
        gauge!("ostler_relay_connected").set(u32::from(self.stable.relay.borrow().is_some()));
        Ok(())
    }
}

/// Probes again and again; what changed is advertised.
async fn probe_for_ever(stable: Shared) {
    loop {
        tokio::time::sleep(stable.config.probe_every.duration()).await;
        let offers = stable.probe.look(&stable.config, &stable.catalog, stable.owner.as_deref()).await;
        let changed = stable.advert.send_if_modified(|advert| {
            let changed = advert.offers != offers;
            advert.offers = offers;
            changed
        });
        if changed {
            tracing::info!("what this machine offers has changed");
            stable.say(ToRelay::Advertise(stable.advert.borrow().clone()));
        }
    }
}
