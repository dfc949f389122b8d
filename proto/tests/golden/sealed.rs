//! Plaintext that only runners and people read: its bytes outlive the release that sealed them.

use crate::closed;
use crate::domain::requirements;
use crate::sample::{Table, approval, bytes, device, digest, run, text};
use ostler_core::approval::{Action, Choice, Remark, Risk};
use ostler_core::deed::{Deed, FileChange, Program};
use ostler_core::event::{Event, PlanEntry, PlanState, Stream};
use ostler_core::guard::{Effect, Rule};
use ostler_core::task::{Check, Source, Task, Work};
use ostler_core::usage::{Conclusion, LimitKind, Reset, Usage, UsageSource};

pub(crate) fn add(table: &mut Table) {
    deeds(table);
    events(table);
    tasks(table);
    numbers(table);
}

fn program() -> Program {
    Program {
        path: text("/usr/bin/make"),
        digest: digest(),
        argv: vec![text("make"), text("deploy")],
        files: vec![(1, digest())],
        env_names: vec![text("PATH")],
    }
}

fn action() -> Action {
    Action {
        kind: text("deploy"),
        risk: Risk::High,
        deed: Deed::Program(program()),
        directory: text("/work"),
        title: text("to production"),
    }
}

fn rule() -> Rule {
    Rule {
        effect: Effect::Ask,
        kind: vec![text("command")],
        program: vec![text("cargo")],
        args: vec![text("publish"), text("**")],
        path: vec![text("src/**")],
        host: vec![text("*.example.org")],
        tool: vec![text("tracker.close")],
        agent: vec![text("claude")],
        queue: vec![text("nightly")],
        risk: Some(Risk::High),
        unreadable: true,
        message: text("a person publishes"),
        origin: text("ostler.policy:7"),
    }
}

fn deeds(table: &mut Table) {
    closed!(table, Deed:
        Program = Deed::Program(program()),
        Command = Deed::Command { line: text("cargo test | tail") },
        Read = Deed::Read { path: text("src/lib.rs") },
        Edit = Deed::Edit { changes: vec![FileChange { path: text("src/lib.rs"), diff: text("-a\n+b\n") }] },
        Search = Deed::Search { pattern: text("fn main"), path: text("src") },
        Fetch = Deed::Fetch { url: text("https://example.org") },
        Subagent = Deed::Subagent { prompt: text("look around") },
        Mcp = Deed::Mcp { server: text("tracker"), tool: text("close"), input: text("{}") },
        Question = Deed::Question { text: text("which?"), options: vec![text("this"), text("that")] },
        Other = Deed::Other { tool: text("Dream"), input: text("{}") },
    );
    table.add("Action", 0, &action());
    closed!(table, Effect: Allow = Effect::Allow, Ask = Effect::Ask, Deny = Effect::Deny);
    table.add("Rule", 0, &rule());
    table.add("Remark", 0, &Remark { text: text("go"), option: Some(1), allow: Some(rule()) });
}

fn events(table: &mut Table) {
    closed!(table, Event:
        Started = Event::Started { agent: text("shell"), argv: vec![text("make")], directory: text("/work") },
        Output = Event::Output { stream: Stream::Err, bytes: bytes() },
        Truncated = Event::Truncated { dropped_bytes: 1 << 33 },
        Message = Event::Message(text("done")),
        Asked = Event::Asked { approval: approval(), action: action(), digest: digest() },
        Answered = Event::Answered {
            approval: approval(),
            choice: Choice::Approve,
            by: Some(device(1)),
            message: text("go"),
        },
        Saved = Event::Saved {
            branch: text("ostler/1"),
            repository: text("/srv/repo"),
            commit: text("c0ffee"),
            uncommitted: true,
        },
        Diff = Event::Diff { patch: bytes(), stat: (1, 2, 300), cut: true },
        Ended = Event::Ended { code: Some(-1), signal: Some(9), message: text("killed") },
        Notice = Event::Notice(text("disk is low")),
        Raw = Event::Raw(bytes()),
        Thought = Event::Thought(text("hm")),
        Plan = Event::Plan(vec![PlanEntry { text: text("build it"), state: PlanState::Active }]),
        ToolCalled = Event::ToolCalled {
            call: text("toolu_1"),
            deed: Deed::Read { path: text("src/lib.rs") },
            title: text("Read the library"),
        },
        ToolEnded = Event::ToolEnded { call: text("toolu_1"), ok: true, output: text("fn main") },
        Ruled = Event::Ruled { action: action(), effect: Effect::Deny, because: text("ostler.policy:7") },
        Withdrawn = Event::Withdrawn { approval: approval(), why: text("it was interrupted") },
        Usage = Event::Usage(usage()),
        Limit = Event::Limit { kind: LimitKind::Rate, reset: Some(Reset::In(60_000)), message: text("429") },
        Session = Event::Session { id: text("5e55"), resumed: true },
        TurnEnded = Event::TurnEnded { reason: text("end_turn") },
        Failed = Event::Failed(text("no such tool")),
        Prompted = Event::Prompted(text("and now the tests")),
        Checked = Event::Checked { command: text("make test"), round: 2, passed: false, output: text("1 failed") },
    );
    closed!(table, Stream: Out = Stream::Out, Err = Stream::Err, Terminal = Stream::Terminal);
    closed!(table, PlanState: Pending = PlanState::Pending, Active = PlanState::Active, Done = PlanState::Done);
}

fn tasks(table: &mut Table) {
    table.add("Task", 0, &task(Work::Command(vec![text("make"), text("test")])));
    closed!(table, Work: Prompt = Work::Prompt(text("fix it")), Command = Work::Command(vec![text("make")]));
}

fn task(work: Work) -> Task {
    Task {
        source: Some(Source { repository: text("/srv/repo"), reference: Some(text("main")) }),
        env: vec![(text("LANG"), text("C"))],
        timeout_ms: Some(3_600_000),
        requirements: requirements(),
        queue: text("nightly"),
        model: Some(text("sonnet")),
        rules: vec![rule()],
        check: Some(Check { command: text("make test"), rounds: 2 }),
        continues: Some(run(1)),
        ..Task::new("shell", work)
    }
}

fn usage() -> Usage {
    Usage {
        input_tokens: 12_000,
        output_tokens: 345,
        cached_tokens: 11_000,
        cost_micros: Some(70_000),
        source: UsageSource::Reported,
    }
}

fn numbers(table: &mut Table) {
    closed!(table, UsageSource:
        Reported = UsageSource::Reported,
        Estimated = UsageSource::Estimated,
        Unavailable = UsageSource::Unavailable,
    );
    closed!(table, LimitKind:
        Rate = LimitKind::Rate,
        Quota = LimitKind::Quota,
        Overloaded = LimitKind::Overloaded,
        SignIn = LimitKind::SignIn,
    );
    closed!(table, Reset: In = Reset::In(60_000), At = Reset::At(1_800_000_000_000));
    let session = Some(text("5e55"));
    table.add("Conclusion", 0, &Conclusion { words: text("done"), usage: Some(usage()), session, checked: Some(true) });
}
