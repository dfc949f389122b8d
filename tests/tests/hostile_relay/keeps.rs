//! What a relay keeps opens nothing: whoever has its disk and its keys has ciphertext.

use ostler_client::Draft;
use ostler_core::device::Role;
use ostler_identity::{DeviceKey, EpochError, Keyring, Purpose, Trust, verify_body};
use ostler_tests::{Fleet, Operator, chance, command, unix_ms};
use std::collections::BTreeSet;
use std::path::Path;

/// Every 32 bytes in a row that stand in small files of `directory`, and in `more`.
fn windows(directory: &Path, more: &[[u8; 32]]) -> BTreeSet<[u8; 32]> {
    let small = |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.len() < 64 * 1024);
    let files = std::fs::read_dir(directory).expect("the relay's directory").map(|entry| entry.expect("a file").path());
    let mut found: BTreeSet<[u8; 32]> = more.iter().copied().collect();
    for path in files.filter(|path| small(path)) {
        let bytes = std::fs::read(path).expect("readable");
        found.extend(bytes.windows(32).map(|window| <[u8; 32]>::try_from(window).expect("32 bytes")));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_relay_keeps_is_a_key_to_what_it_keeps() {
    let mut fleet = Fleet::start().await;
    let prompt = format!("a prompt nobody else may read {:?}", chance());
    let run = fleet.client.submit(&Draft::new("public", command(&["echo", &prompt]))).await.expect("kept").run;
    let mut runner = fleet.puppet("alpha", 1).await;
    let offered = runner.offered().await;
    assert_eq!(offered.lease.run, run);
    let founder = Operator::of(&fleet.client);
    let trust = Trust::new(fleet.client.fleet(), unix_ms());
    let signed = runner.keyring.open(&Purpose::Body { run }, &offered.body).expect("a member opens it");
    let (by, task) = verify_body(&signed, run, &trust).expect("signed for this run");
    assert_eq!(by.device, founder.id(), "by who submitted it");
    assert!(String::from_utf8_lossy(&task).contains(&prompt), "and it is what was asked");
    let devices = fleet.client.devices().await.expect("listed");
    let public: Vec<[u8; 32]> = devices.iter().flat_map(|device| [device.id.0, device.sealing_key]).collect();
    fleet.stop_relay().await;
    let tried = windows(&fleet.directory().join("relay"), &public);
    assert!(tried.len() > 100, "there was something to try: {}", tried.len());
    for seed in tried {
        let guess = DeviceKey::from_seed(&seed);
        let opened = Keyring::from_record(&founder.record, &guess, &trust);
        assert!(matches!(opened, Err(EpochError::NotForUs(_))), "a key of the relay's opens the fleet's record");
    }
    assert!(Keyring::from_record(&founder.record, &founder.key, &trust).is_ok(), "a member's key does");
    let stranger = Operator::found();
    assert!(stranger.keyring.open(&Purpose::Body { run }, &offered.body).is_err());
    for other in [Purpose::Result { run, epoch: 1 }, Purpose::Event { run, epoch: 1, n: 1 }] {
        assert!(runner.keyring.open(&other, &offered.body).is_err(), "nor does it open as something else");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_mints_no_member() {
    let fleet = Fleet::start().await;
    let trust = Trust::new(fleet.client.fleet(), unix_ms());
    let evil = Operator::found();
    assert!(evil.chain.verify(&trust).is_err(), "a founder of its own making");
    let address = fleet.client.home().relays()[0].clone();
    let invite = evil.ticket(&address, Role::Operator);
    let joined = invite.accept(&DeviceKey::generate(), "mole", unix_ms()).expect("in the fleet of its making");
    assert!(joined.verify(&trust).is_err(), "an invite of its own making");
    let founder = Operator::of(&fleet.client);
    let runner = founder.enrol(Role::Runner);
    let terms = ostler_identity::Terms {
        relays: vec![address],
        role: Role::Runner,
        pools: vec![],
        invite: ostler_core::ids::InviteId([1; 16]),
        now_unix_ms: unix_ms(),
        expires_at_unix_ms: unix_ms() + 60_000,
    };
    let minted = ostler_identity::Ticket::issue(&runner.signer(), &runner.keyring, &terms);
    assert!(minted.is_err(), "with a stolen runner's key neither: only operators invite");
}
