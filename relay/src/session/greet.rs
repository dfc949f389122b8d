//! The first words on a connection: which version, and who.
//!
//! Everything before the welcome is bounded in bytes and time, and all refusals of a device read the same.

use crate::hub::{Hub, Shared, Unanswered};
use crate::session::member::{self, Ask};
use crate::session::views;
use crate::session::{client, runner};
use metrics::counter;
use ostler_core::command::Command;
use ostler_core::device::{Device, Role};
use ostler_core::ids::{DeviceId, InviteId, SessionId};
use ostler_identity::Member;
use ostler_mesh::{Close, Connection, FrameReceiver, FrameSender, Priority, StreamError};
use ostler_proto::{Farewell, GREETING_BYTES_MAX, Hello, Intent, Open, Refused, Welcome, negotiate};
use std::sync::Arc;
use std::time::Duration;

/// A peer that says nothing for this long is not one of ours (SECURITY: pre-auth phase).
const GREETING_WITHIN: Duration = Duration::from_secs(5);
/// The pool of a runner whose grant names none.
const POOL_DEFAULT: &str = "default";

/// Why a talk ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TalkError {
    /// The stream broke, or said something else than agreed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It was sent away.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It said nothing.
    #[error("no hello within {} s", GREETING_WITHIN.as_secs())]
    Silent,
    /// The relay itself could not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// It went on with something else than its role does.
    #[error("the peer said {0}, which is not its turn")]
    OutOfTurn(&'static str),
    /// What was read from disk cannot be trusted.
    #[error(transparent)]
    Store(#[from] ostler_store::StoreError),
}

impl TalkError {
    /// What the connection is closed with.
    pub(crate) const fn close(&self) -> Close {
        match self {
            Self::Stream(error) => match error.blame() {
                Some(close) => close,
                None => Close::Done,
            },
            Self::OutOfTurn(_) | Self::Silent => Close::Protocol,
            Self::Unanswered(_) => Close::Restarting,
            Self::Refused(_) | Self::Store(_) => Close::Done,
        }
    }
}

/// A new connection's id.
pub(crate) fn session_id(hub: &Hub) -> SessionId {
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).expect("the system has randomness");
    SessionId::from_parts(hub.now().0, chance)
}

/// A greeted peer.
pub(crate) struct Peer {
    pub(crate) device: DeviceId,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
}

/// Greets a peer, then talks with it until one of both is gone.
pub(crate) async fn talk(hub: Shared, connection: Connection, session: SessionId) -> Result<(), TalkError> {
    let greeting = tokio::time::timeout(GREETING_WITHIN, hello(&connection)).await;
    let (mut out, into, hello) = greeting.map_err(|_| TalkError::Silent)??;
    let version = match negotiate(hello.versions) {
        Ok(version) => version,
        Err(refused) => return send_away(&mut out, &connection, refused).await,
    };
    let role = match admit(&hub, &connection, &hello).await {
        Ok(role) => role,
        Err(TalkError::Refused(refused)) => return send_away(&mut out, &connection, refused).await,
        Err(other) => return Err(other),
    };
    match hello.intent {
        Intent::Work => connection.trusted_to_work(),
        Intent::Client => connection.trusted(),
    }
    out.priority(Priority::Control);
    let (epochs, tombstones) = hub.look(views::fleet).await?;
    let release = env!("CARGO_PKG_VERSION").to_owned();
    let welcome = Welcome { version, release, incarnation: hub.incarnation, session, epochs, tombstones };
    out.send::<Farewell>(&Ok(welcome)).await?;
    let peer = Peer { device: connection.peer(), role, session };
    match hello.intent {
        Intent::Work => runner::talk(hub, connection, peer, out, into).await,
        Intent::Client => client::talk(hub, connection, peer, out).await,
    }
}

async fn hello(connection: &Connection) -> Result<(FrameSender, FrameReceiver, Hello), TalkError> {
    let (out, mut into) = connection.accept_bi().await?;
    match into.recv::<Open>(GREETING_BYTES_MAX).await? {
        Some(Open::Control(hello)) => Ok((out, into, hello)),
        Some(Open::Beats | Open::Events | Open::Request) => Err(TalkError::OutOfTurn("something before hello")),
        None => Err(TalkError::OutOfTurn("nothing")),
    }
}

async fn send_away(out: &mut FrameSender, connection: &Connection, refused: Refused) -> Result<(), TalkError> {
    counter!("ostler_connections_refused_total", "why" => "hello").increment(1);
    out.send::<Farewell>(&Err(refused.clone())).await?;
    out.finish();
    // The peer closes when it has read why; a peer that does not is closed by the end of this session.
    drop(tokio::time::timeout(GREETING_WITHIN, connection.closed()).await);
    connection.close(Close::Done);
    Err(refused.into())
}

/// The device's role, if it is paired, or is paired now by the chain it brings.
async fn admit(hub: &Shared, connection: &Connection, hello: &Hello) -> Result<Role, TalkError> {
    let id = connection.peer();
    let known = hub.look(move |ledger| ledger.device(id).map(|d| (d.chain.clone(), d.revoked.is_some()))).await?;
    let role = match known {
        Some((_, true)) => return Err(Refused::Device.into()),
        // A member stays one only while nobody above it was revoked.
        Some((chain, false)) => member::judge(hub, chain, Ask::Stay).await?.map_err(|_| Refused::Device)?.role,
        None => enrol(hub, id, &hello.chain).await?,
    };
    match (hello.intent, role) {
        (Intent::Work, Role::Runner) | (Intent::Client, Role::Operator | Role::Viewer | Role::Gateway) => Ok(role),
        (Intent::Work, Role::Operator | Role::Viewer | Role::Gateway) | (Intent::Client, Role::Runner) => {
            Err(Refused::Role.into())
        }
    }
}

async fn enrol(hub: &Shared, id: DeviceId, chain: &[u8]) -> Result<Role, TalkError> {
    let judged = member::judge(hub, chain.to_vec(), Ask::Join).await?;
    let member = judged.ok().filter(|member| member.device == id).ok_or(Refused::Device)?;
    let role = member.role;
    let (device, invite) = device(hub, member, chain);
    match hub.decide(Command::Enrol(device, invite)).await? {
        Ok(_) => Ok(role),
        Err(_) => Err(Refused::Device.into()),
    }
}

fn device(hub: &Arc<Hub>, member: Member, chain: &[u8]) -> (Device, Option<InviteId>) {
    let pools = if member.pools.is_empty() { vec![POOL_DEFAULT.to_owned()] } else { member.pools };
    let device = Device {
        id: member.device,
        role: member.role,
        pools,
        name: member.name,
        sealing_key: member.sealing_key,
        chain: chain.to_vec(),
        enrolled_at: hub.now(),
        revoked: None,
    };
    (device, member.invite)
}
