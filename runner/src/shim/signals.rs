//! Signals to the shim: SIGTERM is a request to stop, and what was meant for a terminal or the runner's group is
//! swallowed.

use super::keeper::Happening;
use super::streams::spawn;
use std::io;
use std::sync::mpsc::SyncSender;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from now on. The handlers are not inherited by the agent: exec resets them.
pub(crate) fn listen(inbox: SyncSender<Happening>) -> io::Result<()> {
    // The one safe door to signals in this tree is tokio's; the runtime lives on this thread alone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (stop, swallowed) = {
        let _inside = runtime.enter();
        let swallowed =
            [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::user_defined1()]
                .into_iter()
                .map(signal)
                .collect::<io::Result<Vec<Signal>>>()?;
        (signal(SignalKind::terminate())?, swallowed)
    };
    spawn("signals", move || {
        runtime.block_on(forward(stop, inbox));
        drop(swallowed);
    })
}

async fn forward(mut stop: Signal, inbox: SyncSender<Happening>) {
    while stop.recv().await.is_some() {
        if inbox.send(Happening::Terminated).is_err() {
            return;
        }
    }
}
