//! `ostler version`: this release, the protocol it speaks, and the relay's release when it answers.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use crate::render::text::plain;
use ostler_client::Client;
use ostler_proto::VERSIONS;
use serde_json::json;
use std::time::Duration;

/// A version is answered at once, with or without a relay.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints it.
pub(crate) async fn perform(context: &Context) -> Result<Exit, Fault> {
    let (release, (oldest, newest)) = (env!("CARGO_PKG_VERSION"), (VERSIONS.start(), VERSIONS.end()));
    let relay = match context.home() {
        Ok(home) => tokio::time::timeout(PATIENCE, Client::connect(home)).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    let relay = relay.map(|client| client.release());
    if context.json() {
        context.print_json(json!({ "release": release, "protocol": [oldest, newest], "relay": relay }));
        return Ok(Exit::Success);
    }
    out::line(&format!("ostler {release} (protocol {oldest} to {newest})"));
    if let Some(relay) = relay {
        out::line(&format!("relay  {}", plain(&relay)));
    }
    Ok(Exit::Success)
}
