//! What a relay can tell people: not another action, not another run's words, not another life, not another key.

#![expect(clippy::wildcard_enum_match_arm, reason = "a script answers some requests and says done to the others")]

use ostler_client::{Client, ClientError, Home};
use ostler_core::approval::{Action, Approval, ApprovalState, Choice, Deed, LapsePolicy, Program, Risk};
use ostler_core::device::{Device, KeyEpoch, Role};
use ostler_core::event::Event;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId, RunId};
use ostler_core::time::Timestamp;
use ostler_identity::{Chain, DeviceKey, EpochError, Keyring, Purpose, RelayKey, Trust, action_digest};
use ostler_mesh::DialError;
use ostler_proto::{Request, Response, Seen};
use ostler_tests::{Impostor, Operator, unix_ms};
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A founder whose relay is an impostor.
struct Person {
    directory: TempDir,
    key: RelayKey,
    impostor: Impostor,
}

impl Person {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = RelayKey::generate();
        let mut impostor = Impostor::listen(&key);
        let mut home = Home::found(directory.path(), "founder").expect("a new home");
        home.use_relays(vec![impostor.address().clone()]).expect("kept");
        impostor.epochs = vec![std::fs::read(home.dir().join("record")).expect("a first record")];
        Self { directory, key, impostor }
    }

    fn home(&self) -> Home {
        Home::open(self.directory.path()).expect("a home")
    }

    /// Connects, does `what` while the relay answers by `script`, and returns both.
    async fn meets<T>(&self, script: impl Fn(Request) -> Response, what: impl AsyncFnOnce(&Client) -> T) -> T {
        let person = async {
            let client = Client::connect(self.home()).await.expect("let in");
            let done = what(&client).await;
            client.farewell().await;
            done
        };
        let (done, ()) = tokio::join!(person, self.impostor.answer(script));
        done
    }

    fn keys(&self) -> Operator {
        let (home, dir) = (self.home(), self.directory.path().join("operator"));
        let read = |name: &str| std::fs::read(dir.join(name)).expect("a file of the home");
        let key = DeviceKey::load(&dir.join("device.key")).expect("a key");
        let chain = Chain::decode(&read("chain")).expect("a chain");
        let keyring = Keyring::from_cache(home.fleet(), &key, &read("keyring")).expect("a keyring");
        Operator { fleet: home.fleet(), key, chain, keyring, record: read("record") }
    }
}

fn nothing(_: Request) -> Response {
    Response::Done
}

#[tokio::test(flavor = "multi_thread")]
async fn another_life_of_the_database_is_noticed_once_and_the_same_one_never() {
    let mut person = Person::new();
    let seen = async |client: &Client| client.take_restored().map(|restored| (restored.from.0, restored.to.0));
    assert_eq!(person.meets(nothing, seen).await, None, "the first meeting");
    assert_eq!(person.meets(nothing, seen).await, None, "the same life");
    person.impostor.incarnation = Incarnation(99);
    assert_eq!(person.meets(nothing, seen).await, Some((7, 99)), "rolled back: said");
    assert_eq!(person.meets(nothing, seen).await, None, "and said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_another_key_gets_nothing_but_a_handshake() {
    let person = Person::new();
    let other = Impostor::listen(&RelayKey::generate());
    let mut home = person.home();
    let pinned = ostler_identity::RelayAddress::new(other.address().authority(), person.key.id()).expect("an address");
    home.use_relays(vec![pinned]).expect("kept");
    let mut told = JoinSet::new();
    told.spawn(async move { other.greet().await.3 });
    let refused = Client::connect(home).await.expect_err("not that relay");
    assert!(told.join_next().await.is_some_and(|said| said.is_err()), "no hello was said: the handshake failed");
    assert!(matches!(&refused, ClientError::Dial(DialError::WrongRelay { .. })), "{refused}");
}

fn action(program: &str) -> Action {
    Action {
        kind: "deploy".to_owned(),
        risk: Risk::High,
        deed: Deed::Program(Program {
            path: program.to_owned(),
            digest: Digest([2; 32]),
            argv: vec![program.to_owned()],
            files: vec![],
            env_names: vec![],
        }),
        directory: "/".to_owned(),
        title: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_an_action_that_was_not_shown() {
    let person = Person::new();
    let keys = person.keys();
    let lease = LeaseId { run: RunId([4; 16]), epoch: 1 };
    let approval = |n: u8, shown: &Action, asked: &Action, sealed_for: u8| {
        let id = ApprovalId([n; 16]);
        let purpose = Purpose::Ask { run: lease.run, epoch: 1, approval: ApprovalId([sealed_for; 16]) };
        let sealed = keys.keyring.seal(&purpose, &postcard::to_allocvec(shown).expect("encodes"));
        let (worker, digest, risk) = (DeviceId([1; 32]), action_digest(asked), Risk::High);
        let (lapse, asked_at, state) = (LapsePolicy::Hold, Timestamp(1), ApprovalState::Pending);
        Approval { id, lease, worker, digest, risk, sealed, lapse, asked_at, escalated: false, state }
    };
    let (harmless, harmful) = (action("/bin/true"), action("/bin/rm"));
    let inbox = vec![
        approval(1, &harmless, &harmful, 1),
        approval(2, &harmless, &harmless, 1),
        approval(3, &harmless, &harmless, 3),
    ];
    let signed = Mutex::new(Vec::new());
    let script = |request| match request {
        Request::Inbox => Response::Approvals(inbox.clone()),
        Request::Answer { id, .. } => {
            signed.lock().expect("one at a time").push(id);
            Response::Done
        }
        _ => Response::Done,
    };
    person
        .meets(script, async |client| {
            let questions = client.inbox().await.expect("an inbox");
            for swapped in &questions[..2] {
                assert!(swapped.action.is_err(), "{swapped:?}");
                let refused = client.decide(swapped, Choice::Approve, "").await.expect_err("nothing to approve");
                assert!(refused.to_string().contains("nothing was signed"), "{refused}");
            }
            client.decide(&questions[2], Choice::Approve, "").await.expect("the honest one is decided");
        })
        .await;
    assert_eq!(*signed.lock().expect("over"), [ApprovalId([3; 16])], "nothing else was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_run_out_of_order_or_left_out_are_not_believed() {
    let person = Person::new();
    let keys = person.keys();
    let (run, other) = (RunId([4; 16]), RunId([5; 16]));
    let event = |of: RunId, n: u64, seq: u64| {
        let plain = postcard::to_allocvec(&Event::Message(format!("word {n}"))).expect("encodes");
        let sealed = keys.keyring.seal(&Purpose::Event { run: of, epoch: 1, n }, &plain);
        ostler_proto::Event { run, seq, epoch: 1, n: seq, at: Timestamp(1), sealed, hash: [0; 32] }
    };
    let honest = vec![event(run, 1, 1), event(run, 2, 2), event(run, 3, 3)];
    let cases = [
        ("honest", honest.clone(), true),
        ("one left out", vec![event(run, 1, 1), event(run, 3, 3)], false),
        ("the first left out", vec![event(run, 2, 2), event(run, 3, 3)], false),
        ("two swapped", vec![event(run, 2, 1), event(run, 1, 2), event(run, 3, 3)], false),
        ("another run's", vec![event(run, 1, 1), event(other, 2, 2)], false),
        ("one told twice", vec![event(run, 1, 1), event(run, 1, 2)], false),
    ];
    for (what, events, believed) in cases {
        let script = move |_| Response::Events(Seen { events: events.clone(), truncated_before: None, more: false });
        let heard = person.meets(script, async |client| client.events(run, 1).await).await;
        let all = heard.is_ok_and(|recording| recording.events.iter().all(|heard| heard.event.is_ok()));
        assert_eq!(all, believed, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_wrapped_to_no_device_of_the_relays_own_making() {
    let person = Person::new();
    let keys = person.keys();
    let (honest, evil) = (keys.enrol(Role::Runner), Operator::found());
    let device = |by: &Operator, sealing_key| Device {
        id: by.id(),
        role: Role::Runner,
        pools: vec![],
        name: "x".to_owned(),
        sealing_key,
        chain: by.chain.encode(),
        enrolled_at: Timestamp(1),
        revoked: None,
    };
    let spy = DeviceKey::generate();
    let devices = vec![
        device(&keys, keys.key.sealing_key()),
        // An honest device with the relay's own sealing key, and a device that the relay made.
        device(&honest, spy.sealing_key()),
        device(&evil, evil.key.sealing_key()),
    ];
    let record = Mutex::new(Vec::new());
    let script = |request| match request {
        Request::Devices => Response::Devices(devices.clone()),
        Request::Invites => Response::Invites(vec![]),
        Request::Rotate(KeyEpoch { bytes, .. }) => {
            *record.lock().expect("one at a time") = bytes;
            Response::Done
        }
        _ => Response::Done,
    };
    person.meets(script, async |client| client.revoke(DeviceId([3; 32]), "gone").await.expect("rotated")).await;
    let record = record.into_inner().expect("over");
    let trust = Trust::new(keys.fleet, unix_ms());
    for (who, key) in [("the spy", &spy), ("the minted one", &evil.key)] {
        let opened = Keyring::from_record(&record, key, &trust);
        assert!(matches!(opened, Err(EpochError::NotForUs(_))), "{who} reads the new epoch");
    }
    for (who, key) in [("the founder", &keys.key), ("the honest runner", &honest.key)] {
        assert_eq!(Keyring::from_record(&record, key, &trust).map(|ring| ring.newest()), Ok(2), "{who} does");
    }
}
