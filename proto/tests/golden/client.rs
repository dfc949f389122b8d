//! What clients ask, and what they are told.

use crate::closed;
use crate::control::event;
use crate::domain::{approval_row, device_row, header, invite_row, key_epoch, life, offers, spec};
use crate::sample::{Table, approval, at, bytes, device, digest, lease, run, text};
use ostler_core::approval::Choice;
use ostler_core::decision::Refusal;
use ostler_core::ids::Incarnation;
use ostler_core::run::State;
use ostler_proto::{Item, Listing, Notice, Request, Response, RunDetail, RunView, Seen, Status, WorkerView};

pub(crate) fn add(table: &mut Table) {
    requests(table);
    responses(table);
    closed!(table, Item:
        Events = Item::Events(seen()),
        Life = Item::Life(Box::new(view())),
        Notice = Item::Notice(Notice::Fleet),
        End = Item::End,
    );
    closed!(table, Notice:
        Run = Notice::Run(run(1)),
        Inbox = Notice::Inbox(approval()),
        Fleet = Notice::Fleet,
        Skipped = Notice::Skipped,
    );
    table.add("Listing", 0, &listing());
    table.add("Seen", 0, &seen());
    table.add("RunView", 0, &view());
    table.add("RunDetail", 0, &detail());
    table.add("WorkerView", 0, &worker());
    table.add("Status", 0, &status());
}

fn requests(table: &mut Table) {
    closed!(table, Request:
        Submit = Request::Submit { id: run(1), header: header(), digest: digest(), body: bytes() },
        Runs = Request::Runs(listing()),
        Run = Request::Run(run(1)),
        FindRun = Request::FindRun(text("run_01")),
        Cancel = Request::Cancel(run(1)),
        Revive = Request::Revive(run(1)),
        Discard = Request::Discard(run(1)),
        Body = Request::Body(run(1)),
        Inbox = Request::Inbox,
        Approval = Request::Approval(approval()),
        Answer = Request::Answer { id: approval(), digest: digest(), choice: Choice::Approve, verdict: bytes() },
        Events = Request::Events { run: run(1), from: 1 },
        Follow = Request::Follow { run: run(1), from: 1_000 },
        Watch = Request::Watch,
        Devices = Request::Devices,
        Invites = Request::Invites,
        Invite = Request::Invite(invite_row()),
        Revoke = Request::Revoke { device: device(2), tombstone: bytes() },
        KeyEpochs = Request::KeyEpochs,
        Rotate = Request::Rotate(key_epoch()),
        Workers = Request::Workers,
        Drain = Request::Drain(device(2), true),
        Status = Request::Status,
        Backup = Request::Backup,
    );
}

fn responses(table: &mut Table) {
    closed!(table, Response:
        Done = Response::Done,
        Refused = Response::Refused(Refusal::NotPaired),
        Failed = Response::Failed(text("the disk is full")),
        Submitted = Response::Submitted { run: run(1), fresh: true, unmet: unmet() },
        Runs = Response::Runs(vec![view()]),
        Run = Response::Run(Box::new(detail())),
        Found = Response::Found(vec![run(1), run(2)]),
        Body = Response::Body(Some(bytes())),
        Approvals = Response::Approvals(vec![approval_row()]),
        Events = Response::Events(seen()),
        Devices = Response::Devices(vec![device_row()]),
        Invites = Response::Invites(vec![invite_row()]),
        KeyEpochs = Response::KeyEpochs(vec![key_epoch()]),
        Workers = Response::Workers(vec![worker()]),
        Status = Response::Status(Box::new(status())),
        BackedUp = Response::BackedUp(text("/var/lib/ostler/backup.redb"), 1 << 40),
    );
}

fn listing() -> Listing {
    Listing { states: vec![text("running")], before: Some(run(9)), limit: 1_000 }
}

fn unmet() -> Vec<(String, Vec<String>)> {
    vec![(text("laptop"), vec![text("needs gpu, has nothing")])]
}

fn seen() -> Seen {
    Seen { events: vec![event()], truncated_before: Some(5), more: true }
}

fn view() -> RunView {
    RunView { spec: spec(), life: life(State::Ready), asking: vec![approval()] }
}

fn detail() -> RunDetail {
    RunDetail {
        view: view(),
        approvals: vec![approval_row()],
        results: vec![(300, bytes())],
        late: vec![(lease(), device(3), bytes())],
        unmet: unmet(),
        last_seq: 12,
    }
}

fn worker() -> WorkerView {
    WorkerView {
        id: device(2),
        name: text("laptop"),
        pools: vec![text("default")],
        offers: offers(),
        slots: 4,
        free: 3,
        connected: true,
        draining: false,
        seen_at: at(),
        runs: vec![run(1)],
    }
}

fn status() -> Status {
    Status {
        release: text("0.1.0"),
        incarnation: Incarnation(7),
        uptime_ms: 86_400_000,
        now: at(),
        runs: vec![(text("ready"), 3)],
        queues: vec![(text("default"), 3, 1_200)],
        workers: (2, 5),
        inbox: 1,
    }
}
