//! The first words on a connection: which versions, who comes, and what the relay answers. Must not know what follows.

use ostler_identity::Chain;
use ostler_mesh::{Closed, Connection, FrameReceiver, FrameSender, StreamError};
use ostler_proto::{ANSWER_BYTES_MAX, Farewell, Hello, Intent, Open, Refused, VERSIONS, Welcome};
use std::time::Duration;

/// A relay commits an enrolment before it answers; seconds on a loaded disk.
const GREETED_WITHIN: Duration = Duration::from_secs(10);

/// Why the relay did not let this device in.
#[derive(Debug, thiserror::Error)]
pub enum GreetError {
    /// It said why.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The stream broke.
    #[error("the connection to the relay broke during the greeting: {0}")]
    Stream(#[from] StreamError),
    /// The relay closed instead of answering.
    #[error("the relay closed the connection instead of answering: {0}")]
    Closed(Closed),
    /// It said nothing.
    #[error("the relay did not answer the greeting: it is busy or out of order, try again")]
    Silent,
}

/// Says hello as the owner of `chain` who comes to work. The control stream must be kept for as long as the connection.
pub(crate) async fn greet(
    connection: &Connection,
    chain: &Chain,
) -> Result<(Welcome, (FrameSender, FrameReceiver)), GreetError> {
    let hello = Hello {
        versions: (*VERSIONS.start(), *VERSIONS.end()),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        chain: chain.encode(),
        intent: Intent::Work,
    };
    let greeted = async {
        let (mut out, mut into) = connection.open_bi().await?;
        out.send(&Open::Control(hello)).await?;
        match into.recv::<Farewell>(ANSWER_BYTES_MAX).await? {
            Some(farewell) => Ok((farewell?, (out, into))),
            None => Err(GreetError::Closed(connection.closed().await)),
        }
    };
    tokio::time::timeout(GREETED_WITHIN, greeted).await.map_err(|_| GreetError::Silent)?
}
