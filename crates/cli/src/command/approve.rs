//! `ostler inbox`, `approve` and `reject`: what waits for people, and their word on it.

use super::answer::{Signed, Word, sign};
use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out::{self, Paint};
use crate::render::approval::{self, Look};
use crate::render::rule;
use ostler_client::{Client, Question};
use ostler_core::ids::RunId;
use serde_json::json;
use std::collections::BTreeMap;

/// Lines of one action in a listing, and at the keyboard: what fits a few screens. `ostler inbox ID` has no such bound.
pub(crate) const LINES_MAX: usize = 120;

/// Which to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct Inbox {
    /// One approval, shown whole: its id, or any unique start or end of it. All that wait when absent.
    id: Option<String>,
}

/// Which question, and what to say about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The approval: its id, or any unique start or end of it.
    id: String,
    /// Words for the agent and whoever reads the run later; sealed to the fleet.
    #[arg(short, long, default_value = "", conflicts_with = "answer")]
    message: String,
    /// Approve whatever is like it for the rest of this run too; `ostler inbox` shows what that would be.
    #[arg(long, conflicts_with_all = ["choose", "answer"])]
    for_run: bool,
    /// The option of a question, counted from 1.
    #[arg(long, value_name = "N", conflicts_with_all = ["answer", "message"])]
    choose: Option<u32>,
    /// The answer to a question, in words.
    #[arg(long, value_name = "TEXT")]
    answer: Option<String>,
}

/// Which question, and why not.
#[derive(Debug, clap::Args)]
pub(crate) struct Reject {
    /// The approval: its id, or any unique start or end of it.
    id: String,
    /// Words for the agent, and whoever reads the run later; sealed to the fleet.
    #[arg(short, long, default_value = "")]
    message: String,
}

/// Lists what waits, or shows one whole.
pub(crate) async fn inbox(context: &Context, args: &Inbox) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let questions = match &args.id {
        Some(id) => vec![client.find_question(id).await?],
        None => client.inbox().await?,
    };
    let agents = agents(&client, &questions).await;
    let agent = |question: &Question| agents.get(&question.approval.lease.run).map(String::as_str);
    if context.json() {
        let shown = questions.iter().map(|question| approval::question_json(question, agent(question)));
        context.print_json(json!({ "approvals": shown.collect::<Vec<_>>() }));
        return Ok(Exit::Success);
    }
    let names = super::names(&client).await;
    let lines_max = if args.id.is_some() { usize::MAX } else { LINES_MAX };
    let look = Look { names: &names, now: context.now(), paint: Paint::stdout(), lines_max };
    for question in &questions {
        out::line(&approval::page(question, agent(question), look));
    }
    if args.id.is_none() {
        out::note(match questions.len() {
            0 => "nothing waits for you",
            _ => "decide with `ostler approve ID` or `ostler reject ID`; -m says why",
        });
    }
    Ok(Exit::Success)
}

/// Who asks, by run. A run that cannot be looked up has no name here.
pub(crate) async fn agents(client: &Client, questions: &[Question]) -> BTreeMap<RunId, String> {
    let mut agents = BTreeMap::new();
    for run in questions.iter().map(|question| question.approval.lease.run) {
        if !agents.contains_key(&run)
            && let Ok(detail) = client.run(run).await
        {
            agents.insert(run, detail.view.spec.header.agent);
        }
    }
    agents
}

/// Signs a yes.
pub(crate) async fn approve(context: &Context, args: &Approve) -> Result<Exit, Fault> {
    let word = match (args.choose, &args.answer) {
        (Some(n), _) => Word::Choose(n),
        (None, Some(text)) => Word::Answer(text.clone()),
        (None, None) if args.for_run => Word::ForRun(args.message.clone()),
        (None, None) => Word::Yes(args.message.clone()),
    };
    decide(context, &args.id, &word).await
}

/// Signs a no.
pub(crate) async fn reject(context: &Context, args: &Reject) -> Result<Exit, Fault> {
    decide(context, &args.id, &Word::No(args.message.clone())).await
}

async fn decide(context: &Context, id: &str, word: &Word) -> Result<Exit, Fault> {
    let client = context.client().await?;
    let question = client.find_question(id).await?;
    let signed = sign(&client, &question, word).await?;
    if context.json() {
        context.print_json(signed_json(&question, &signed));
        return Ok(Exit::Success);
    }
    let names = super::names(&client).await;
    let agents = agents(&client, std::slice::from_ref(&question)).await;
    let look = Look { names: &names, now: context.now(), paint: Paint::stdout(), lines_max: LINES_MAX };
    out::line(&format!("{}, signed by this device:", signed.words()));
    out::line(&approval::page(&question, agents.values().next().map(String::as_str), look));
    Ok(Exit::Success)
}

fn signed_json(question: &Question, signed: &Signed) -> serde_json::Value {
    json!({
        "approval": question.approval.id.to_string(),
        "decision": signed.word(),
        "option": signed.remark.option.map(|option| option + 1),
        "for_run": signed.remark.allow.as_ref().map(rule::json),
    })
}
