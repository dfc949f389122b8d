//! `ostler relay backup`: a consistent copy while the relay serves.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::{out, progress};
use serde_json::json;

/// Has it written.
pub(crate) async fn perform(context: &Context) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let (path, bytes) = progress::with("copying", client.backup()).await?;
    if context.json() {
        context.print_json(json!({ "path": path, "bytes": bytes }));
    } else {
        out::line(&format!("{path} ({bytes} bytes, on the relay's machine)"));
        out::note(
            "keep a copy elsewhere; to restore it see docs/OPERATIONS.md: devices will warn that the relay is another",
        );
    }
    Ok(Exit::Success)
}
