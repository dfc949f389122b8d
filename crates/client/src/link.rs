//! One connection to the relay: dialled, greeted, asked. Must not know keys of the fleet or what answers mean.
//!
//! ```text
//! dial ─▶ Open::Control(Hello) ─▶ Welcome ─▶ ask: a stream per request ─▶ closed
//!                              └▶ Refused
//! ```

use crate::error::ClientError;
use crate::home::Home;
use ostler_mesh::{Close, Connection, Dialer, FrameReceiver, FrameSender};
use ostler_proto::{ANSWER_BYTES_MAX, Farewell, Hello, Intent, Open, Request, Response, VERSIONS, Welcome};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::time::Duration;

/// To reach an address and be greeted: two round trips to the other side of the world, several lost packets.
const GREETING: Duration = Duration::from_secs(8);
/// To be answered: a commit of a busy relay takes milliseconds, a listing of thousands of runs a second.
const ANSWER: Duration = Duration::from_secs(30);
/// Release of this client, for people.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// A greeted connection.
pub(crate) struct Link {
    connection: Connection,
    // Dropping the control stream would close it under the relay.
    _control: (FrameSender, FrameReceiver),
}

impl Link {
    /// Connects as `home`'s device, whose key `dialer` has.
    pub(crate) async fn dial(dialer: &Dialer, home: &Home) -> Result<(Self, Welcome), ClientError> {
        let relays = home.relays();
        let pin = relays.first().ok_or(ClientError::NoRelay)?.relay();
        let authorities: Vec<String> = relays.iter().map(|relay| relay.authority().to_owned()).collect();
        let at = authorities.join(", ");
        let unreachable = |reason: String| ClientError::Unreachable { at: at.clone(), reason };
        let dialled = async {
            let connection = dialer.dial(&authorities, pin).await?;
            let greeted = greet(connection, home).await;
            greeted.map_err(|error| if let ClientError::Lost(reason) = error { unreachable(reason) } else { error })
        };
        let timeout = || unreachable(format!("no answer within {} s", GREETING.as_secs()));
        tokio::time::timeout(GREETING, dialled).await.map_err(|_| timeout())?
    }

    /// Ends the connection in order.
    pub(crate) fn close(&self) {
        self.connection.close(Close::Done);
    }

    /// One request and its one answer.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        let asked = async {
            let (_sender, mut receiver) = self.request(request).await?;
            next(&mut receiver).await?.ok_or_else(|| ClientError::Lost("the stream ended".to_owned()))
        };
        patient(asked).await
    }

    /// A request whose answer is a stream. The sender must be kept for as long as the receiver is read.
    pub(crate) async fn request(&self, request: &Request) -> Result<(FrameSender, FrameReceiver), ClientError> {
        let lost = |reason: String| ClientError::Lost(reason);
        let (mut sender, receiver) = self.connection.open_bi().await.map_err(|e| lost(e.to_string()))?;
        sender.send(&Open::Request).await.map_err(|e| lost(e.to_string()))?;
        sender.send(request).await.map_err(|e| lost(e.to_string()))?;
        Ok((sender, receiver))
    }
}

/// The next frame of a stream; none when it ended in order.
pub(crate) async fn next<T: DeserializeOwned>(receiver: &mut FrameReceiver) -> Result<Option<T>, ClientError> {
    receiver.recv(ANSWER_BYTES_MAX).await.map_err(|error| ClientError::Lost(error.to_string()))
}

async fn patient<T>(asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    tokio::time::timeout(ANSWER, asked).await.map_err(|_| ClientError::Silent(ANSWER.as_secs()))?
}

async fn greet(connection: Connection, home: &Home) -> Result<(Link, Welcome), ClientError> {
    let lost = |reason: String| ClientError::Lost(reason);
    let (mut sender, mut receiver) = connection.open_bi().await.map_err(|e| lost(e.to_string()))?;
    let hello = Hello {
        versions: (*VERSIONS.start(), *VERSIONS.end()),
        release: RELEASE.to_owned(),
        chain: home.chain().encode(),
        intent: Intent::Client,
    };
    sender.send(&Open::Control(hello)).await.map_err(|e| lost(e.to_string()))?;
    let farewell: Farewell = next(&mut receiver).await?.ok_or_else(|| lost("the relay said nothing".to_owned()))?;
    Ok((Link { connection, _control: (sender, receiver) }, farewell?))
}
