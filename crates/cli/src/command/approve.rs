//! `ostler inbox`, `approve` and `reject`: what waits for people, and their word on it.

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::approval;
use ostler_core::approval::Choice;
use serde_json::json;

/// Which question, and what to say about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The approval: its id, or any unique start or end of it.
    id: String,
    /// A word to whoever reads the run later; sealed to the fleet.
    #[arg(short, long, default_value = "")]
    message: String,
}

/// Lists what waits.
pub(crate) async fn inbox(context: &Context) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let questions = client.inbox().await?;
    if context.json() {
        context.print_json(json!({ "approvals": questions.iter().map(approval::question_json).collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    let names = super::names(&client).await;
    for question in &questions {
        out::line(&approval::page(question, &names, context.now(), Paint::stdout()));
    }
    out::note(match questions.len() {
        0 => "nothing waits for you",
        _ => "decide with `ostler approve ID` or `ostler reject ID`; -m says why",
    });
    Ok(Exit::Success)
}

/// Signs a yes.
pub(crate) async fn approve(context: &Context, args: &Args) -> Result<Exit, Fault> {
    decide(context, args, Choice::Approve).await
}

/// Signs a no.
pub(crate) async fn reject(context: &Context, args: &Args) -> Result<Exit, Fault> {
    decide(context, args, Choice::Reject).await
}

async fn decide(context: &Context, args: &Args, choice: Choice) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let question = client.find_question(&args.id).await?;
    client.decide(&question, choice, &args.message).await?;
    let word = match choice {
        Choice::Approve => "approved",
        Choice::Reject => "rejected",
    };
    if context.json() {
        context.print_json(json!({ "approval": question.approval.id.to_string(), "decision": word }));
        return Ok(Exit::Success);
    }
    let names = super::names(&client).await;
    out::line(&format!("{word}, signed by this device:"));
    out::line(&approval::page(&question, &names, context.now(), Paint::stdout()));
    Ok(Exit::Success)
}
