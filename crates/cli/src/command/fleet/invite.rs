//! `ostler invite`: a ticket, shown once.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use crate::render::time;
use ostler_boot::Period;
use ostler_client::Offer;
use ostler_core::device::Role;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;
use std::io::IsTerminal;

/// What the ticket offers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the joining device may do: runner, operator, viewer or gateway.
    #[arg(long, default_value = "runner")]
    role: Role,
    /// A pool the runner may serve; several times for several. Without any: the default pool.
    #[arg(long)]
    pool: Vec<String>,
    /// How long the ticket may be used.
    #[arg(long, default_value = "10m")]
    expires: Period,
    /// No QR code.
    #[arg(long)]
    no_qr: bool,
}

/// Makes it.
pub(crate) async fn perform(context: &Context, args: &Args) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let offer = Offer { role: args.role, pools: args.pool.clone(), lasts_ms: args.expires.ms() };
    let ticket = client.invite(&offer).await?;
    let text = ticket.to_string();
    if context.json() {
        context.print_json(json!({ "ticket": text, "role": args.role.to_string(), "expires_in_ms": offer.lasts_ms }));
        return Ok(Exit::Success);
    }
    out::line(&text);
    if !args.no_qr && std::io::stdout().is_terminal() {
        tell_qr(&text);
    }
    let join = match args.role {
        Role::Runner => "`ostler runner join -` and then `ostler runner start`",
        Role::Operator | Role::Viewer | Role::Gateway => "`ostler join -`",
    };
    out::note(&format!(
        "a {} ticket, good once and for {}; it is not shown again. On the joining machine: {join}, then paste it.",
        args.role,
        time::length(offer.lasts_ms)
    ));
    Ok(Exit::Success)
}

/// A code that a phone or another screen can read, where it fits.
fn tell_qr(text: &str) {
    // Upper case is QR's alphanumeric mode: a third smaller, and a ticket is read in any case.
    let Ok(code) = QrCode::with_error_correction_level(text.to_uppercase(), qrcode::EcLevel::L) else { return };
    if code.width() + 4 > out::width() {
        out::note("(the terminal is too narrow for the QR code)");
        return;
    }
    out::note(&code.render::<Dense1x2>().quiet_zone(true).build());
}
