//! The actor that keeps children alive. Its messages and supervision events; what it does with them is in `nursery`.
//! Must not await anything slow while a child could need it: a start awaits `pre_start`, a stop awaits a deadline.

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::branch::Order;
use crate::child::Cause;
use crate::nursery::Nursery;
use crate::plan::Plan;

/// ractor's reason for an actor that was killed, and for one whose task was aborted (both pinned by tests).
const KILLED: [&str; 2] = ["killed", "actor_task_cancelled"];

/// A supervisor has no data of its own: its state is the nursery.
pub(crate) struct Supervisor;

impl Actor for Supervisor {
    type Msg = Order;
    type State = Nursery;
    type Arguments = Plan;

    async fn pre_start(&self, me: ActorRef<Order>, plan: Plan) -> Result<Nursery, ActorProcessingErr> {
        Ok(Nursery::open(me, plan).await?)
    }

    /// Runs while the children are still linked: ractor would kill them right after it, without their `post_stop`.
    async fn post_stop(&self, _: ActorRef<Order>, nursery: &mut Nursery) -> Result<(), ActorProcessingErr> {
        nursery.close().await;
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Order>, order: Order, nursery: &mut Nursery) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Start(child, reply) => nursery.admit(*child, reply).await,
            Order::Revive => nursery.revive().await?,
            Order::Kill(drill) => nursery.drill(&drill),
            Order::Census(counts) => nursery.count(&counts),
        }
        Ok(())
    }

    /// Overrides ractor's default, which stops the supervisor when any child ends.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Order>,
        event: SupervisionEvent,
        nursery: &mut Nursery,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, cause) = match event {
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
            SupervisionEvent::ActorTerminated(cell, last, reason) => {
                // A stopped child's state comes along: let its sockets and files go before another one wants them.
                drop(last);
                (cell, stopped(reason))
            }
            SupervisionEvent::ActorFailed(cell, error) => (cell, Cause::Failed(error.to_string())),
        };
        Ok(nursery.ended(cell.get_id(), cause).await?)
    }
}

fn stopped(reason: Option<String>) -> Cause {
    match reason {
        Some(reason) if KILLED.contains(&reason.as_str()) => Cause::Killed,
        reason => Cause::Stopped(reason),
    }
}
