//! Whoever is not, not yet or no longer a member: no key, another protocol, unknown, revoked, a ticket that does not hold.

use crate::raw::{self, NOBODY, PROTOCOL, Raw, frame, knock, read};
use crate::serves;
use ostler_client::{Client, ClientError, Home, Offer};
use ostler_core::device::Role;
use ostler_identity::{Chain, DeviceKey, RelayAddress, Ticket};
use ostler_mesh::{Close, DialError};
use ostler_proto::{Farewell, Intent, Refused, encode};
use ostler_tests::{Fleet, Operator, Puppet, unix_ms};
use std::path::PathBuf;
use std::time::Duration;

fn offer(role: Role) -> Offer {
    Offer { role, pools: vec![], lasts_ms: 600_000 }
}

/// A directory for one more device.
fn place(fleet: &Fleet, name: &str) -> PathBuf {
    fleet.directory().join(name)
}

/// What the relay answers a hello by this key with this chain.
pub(crate) async fn greeted(fleet: &Fleet, key: &DeviceKey, chain: &[u8], intent: Intent) -> Farewell {
    let raw = knock(fleet.relay().local_addr(), Some(key), PROTOCOL).await.expect("a handshake");
    let (mut out, mut into) = raw.quic.open_bi().await.expect("a stream");
    out.write_all(&frame(&encode(&raw::hello(chain, intent)))).await.expect("sent");
    read(&mut into).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_shakes_hands_without_a_key_or_in_another_protocol() {
    let fleet = Fleet::start().await;
    let key = DeviceKey::generate();
    for (key, protocol) in [(None, PROTOCOL), (Some(&key), &b"h3"[..]), (Some(&key), b"ostler/2")] {
        let ended = match knock(fleet.relay().local_addr(), key, protocol).await {
            Err(error) => error,
            Ok(raw) => raw.quic.closed().await,
        };
        // The transport's own close: the relay's code never ran for it.
        assert!(matches!(ended, quinn::ConnectionError::ConnectionClosed(_)), "{ended:?}");
    }
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unknown_the_revoked_and_the_forged_are_told_the_same() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let foreign = Operator::found();
    let key = DeviceKey::generate();
    let runner = fleet.puppet("gone", 1).await;
    fleet.client.revoke(runner.id(), "gone").await.expect("revoked");
    let member = fleet.puppet("member", 1).await;
    let relay = fleet.client.home().relays()[0].clone();
    let unannounced = founder.ticket(&relay, Role::Runner).accept(&key, "minted", unix_ms()).expect("well signed");
    let cases: [(&str, &DeviceKey, Vec<u8>); 7] = [
        ("no chain", &key, vec![]),
        ("garbage", &key, vec![0xa5; 400]),
        ("the founder of another fleet", &foreign.key, foreign.chain.encode()),
        ("another device's chain", &key, member.chain.encode()),
        ("the founder's chain", &key, founder.chain.encode()),
        ("a ticket the relay was never told of", &key, unannounced.encode()),
        ("a revoked device", &runner.key, runner.chain.encode()),
    ];
    for (what, key, chain) in cases {
        assert_eq!(greeted(&fleet, key, &chain, Intent::Work).await, Err(Refused::Device), "{what}");
    }
    let devices = fleet.client.devices().await.expect("listed");
    assert_eq!(devices.len(), 3, "nobody was let in: {devices:?}");
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_person_is_cut_off_within_a_second_with_everybody_it_let_in() {
    let fleet = Fleet::start().await;
    let ticket = fleet.client.invite(&offer(Role::Operator)).await.expect("a ticket");
    let thief = Client::join(&place(&fleet, "thief"), &ticket, "thief").await.expect("paired");
    let ticket = thief.invite(&offer(Role::Runner)).await.expect("an operator invites");
    let accomplice = Puppet::join(&ticket, "accomplice", 1).await;
    let stolen = Operator::of(&thief);
    let relay = fleet.relay().local_addr();
    let (raw, _out, _into) = Raw::member(relay, &stolen.key, &stolen.chain, Intent::Client).await;
    let began = tokio::time::Instant::now();
    fleet.client.revoke(stolen.id(), "stolen").await.expect("revoked");
    assert_eq!(raw.closed().await, 2, "closed as revoked");
    assert_eq!(accomplice.connection().closed().await.code(), Some(Close::Revoked));
    assert!(began.elapsed() < Duration::from_secs(1), "within a second");
    for (key, chain, intent) in
        [(&stolen.key, &stolen.chain, Intent::Client), (&accomplice.key, &accomplice.chain, Intent::Work)]
    {
        assert_eq!(greeted(&fleet, key, &chain.encode(), intent).await, Err(Refused::Device), "and never again");
    }
    let refused = thief.status().await.expect_err("the thief's own client is told");
    assert!(refused.to_string().contains("revoked"), "{refused}");
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_good_once_in_time_and_for_this_relay() {
    let fleet = Fleet::start().await;
    let spent = fleet.client.invite(&offer(Role::Viewer)).await.expect("a ticket");
    Client::join(&place(&fleet, "first"), &spent, "first").await.expect("paired");
    let refused = Client::join(&place(&fleet, "second"), &spent, "second").await.expect_err("spent");
    assert!(matches!(refused, ClientError::Refused(Refused::Device)), "{refused}");
    assert!(refused.to_string().contains("ostler invite"), "says what to do: {refused}");
    let late = Offer { lasts_ms: 1, ..offer(Role::Runner) };
    let expired = fleet.client.invite(&late).await.expect("a ticket");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let key = DeviceKey::generate();
    let told = expired.accept(&key, "late", unix_ms()).expect_err("an honest joiner looks at its clock");
    assert!(told.to_string().contains("ostler invite"), "{told}");
    // A liar's clock stands still; the relay's does not.
    let chain = expired.accept(&key, "late", 0).expect("signed all the same");
    assert_eq!(greeted(&fleet, &key, &chain.encode(), Intent::Work).await, Err(Refused::Device));
    assert_eq!(fleet.client.devices().await.expect("listed").len(), 2, "the founder and the first");
    assert!(!Home::exists(&place(&fleet, "second")), "nothing half-made is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_for_another_relay_key_is_not_shown_to_whoever_answers() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let at = fleet.relay().local_addr().to_string();
    let other = RelayAddress::new(&at, NOBODY).expect("an address");
    let ticket: Ticket = founder.ticket(&other, Role::Viewer).to_string().parse().expect("reads back");
    let refused = Client::join(&place(&fleet, "misled"), &ticket, "misled").await.expect_err("not that relay");
    let ClientError::Dial(DialError::WrongRelay { pinned, seen, .. }) = &refused else { panic!("{refused}") };
    assert_eq!((*pinned, *seen), (NOBODY, fleet.relay().id()));
    assert!(refused.to_string().contains("nothing was sent"), "{refused}");
    assert_eq!(fleet.client.devices().await.expect("listed").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_may_not_widen_what_its_ticket_gives() {
    let fleet = Fleet::start().await;
    let ticket = fleet.client.invite(&offer(Role::Viewer)).await.expect("a ticket");
    let key = DeviceKey::generate();
    let bytes = ticket.accept(&key, "viewer", unix_ms()).expect("a chain").encode();
    let fair: Vec<u8> = bytes.clone();
    let mut let_in = 0;
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        assert!(Chain::decode(&forged).is_err() || forged != fair);
        // The cheap half of the bytes over the wire, all of them by the verifier the relay uses.
        let trust = ostler_identity::Trust::new(fleet.client.fleet(), unix_ms());
        let judged = Chain::decode(&forged).and_then(|chain| chain.verify(&trust));
        let_in += usize::from(judged.is_ok());
    }
    assert_eq!(let_in, 0, "every byte of a chain is signed");
    let mut forged = bytes;
    let last = forged.len() - 70;
    forged[last] ^= 1;
    assert_eq!(greeted(&fleet, &key, &forged, Intent::Client).await, Err(Refused::Device));
    assert!(greeted(&fleet, &key, &fair, Intent::Client).await.is_ok(), "the chain as it was signed is let in");
}
