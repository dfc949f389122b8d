//! Waiting for people: one question of the agent, on the same road as `ostler ask`.
//!
//! ```text
//! Request::Ask ─▶ attempt: journalled, relay, verdict verified ─▶ Approved ─▶ Request::Act ─▶ gate passed ─▶ Go
//! ```
//!
//! Owns the road from one question to its decision. Must not know who waits for it.

use super::Decision;
use crate::ask::wire::{Answer, Request};
use crate::attempt::heart::right_to_act;
use crate::attempt::life::Life;
use crate::attempt::{Msg, life::Order};
use crate::runner::stable::Shared;
use ostler_core::deed::Action;
use ostler_core::ids::{ApprovalId, LeaseId};
use ostler_core::time::Timestamp;
use ostler_identity::action_digest;
use ractor::ActorRef;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// A name for a new question; none when the machine gives no chance.
pub(super) fn fresh_id(now: Timestamp) -> Option<ApprovalId> {
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).ok()?;
    Some(ApprovalId::from_parts(now.0, chance))
}

/// What one question needs on its way, which may take days.
pub(super) struct Road {
    stable: Shared,
    lease: LeaseId,
    orders: watch::Receiver<Order>,
    attempt: ActorRef<Msg>,
}

impl Life {
    pub(super) fn road(&self) -> Road {
        let (stable, orders, attempt) = (Arc::clone(&self.stable), self.orders.clone(), self.actor.clone());
        Road { stable, lease: self.lease, orders, attempt }
    }

    /// Nobody needs an answer to this question any more; to none of them, when none is named.
    pub(in crate::attempt) fn withdraw(&self, id: Option<ApprovalId>, why: &'static str) {
        drop(self.actor.send_message(Msg::Withdraw(id, why)));
    }

    pub(in crate::attempt) fn withdraw_all(&self, why: &'static str) {
        self.withdraw(None, why);
    }
}

impl Road {
    /// Asks, and waits for the decision.
    pub(super) async fn ask(self, id: ApprovalId, action: Action) -> (ApprovalId, Decision) {
        let digest = action_digest(&action);
        let decision = match self.request(Request::Ask { id, action, lapse: None }).await {
            Answer::Approved { remark } => {
                // A verdict may come before the lease is known to be ours again; it is used then.
                right_to_act(&self.stable, self.lease, self.orders.clone()).await;
                match self.request(Request::Act { id, digest }).await {
                    Answer::Go => Decision::Yes(remark),
                    Answer::Refused(why) | Answer::Rejected { message: why } => Decision::Void(why),
                    Answer::Approved { .. } => Decision::Void("the runner answered out of turn".to_owned()),
                }
            }
            Answer::Rejected { message } => Decision::No(message),
            Answer::Refused(why) => Decision::Void(why),
            Answer::Go => Decision::Void("the runner answered out of turn".to_owned()),
        };
        (id, decision)
    }

    async fn request(&self, request: Request) -> Answer {
        let (reply, answer) = oneshot::channel();
        drop(self.attempt.send_message(Msg::Request(Box::new(request), reply)));
        match answer.await {
            Ok(answer) => answer,
            // The attempt's actor fell, and this task falls with it.
            Err(_) => std::future::pending().await,
        }
    }
}
