//! Bytes that are no frames, frames out of turn, and peers that are slow on purpose.

use crate::raw::{self, PROTOCOL, Raw, bad_frames, frame, knock, read};
use crate::serves;
use ostler_core::ids::{Incarnation, RunId};
use ostler_core::requirements::Offers;
use ostler_core::worker::Advert;
use ostler_identity::DeviceKey;
use ostler_proto::{
    Beat, FRAME_BYTES_MAX, FromRelay, GREETING_BYTES_MAX, Intent, Open, Request, Response, ToRelay, encode,
};
use ostler_tests::{Fleet, Operator, WAIT, unix_ms};
use std::time::Duration;

/// Protocol broken (crates/mesh, close codes).
const PROTOCOL_BROKEN: u64 = 4;

fn attach() -> Vec<u8> {
    let advert = Advert { offers: Offers::new(), slots: 1 };
    let (held, asking) = (vec![], vec![]);
    frame(&encode(&ToRelay::Attach { incarnation: Incarnation(1), advert, draining: false, held, asking }))
}

/// A runner's identity, enrolled through a puppet that has left again.
async fn runner(fleet: &Fleet) -> (DeviceKey, ostler_identity::Chain) {
    let puppet = fleet.puppet("raw", 1).await;
    (DeviceKey::from_seed(&puppet.key.seed()), puppet.chain.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_speaks_no_frames_is_closed_as_such() {
    let fleet = Fleet::start().await;
    let key = DeviceKey::generate();
    let early = [Open::Beats, Open::Events, Open::Request].map(|open| ("before hello", frame(&encode(&open))));
    for (what, bytes) in bad_frames(GREETING_BYTES_MAX).into_iter().chain(early) {
        let raw = knock(fleet.relay().local_addr(), Some(&key), PROTOCOL).await.expect("a handshake");
        let _streams = raw.say(&bytes).await;
        assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "{what}");
    }
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_says_nothing_or_drips_is_closed_in_seconds() {
    let fleet = Fleet::start().await;
    let began = tokio::time::Instant::now();
    let mut slow = Vec::new();
    for bytes in [&[][..], &[0], &[0, 0, 0, 200, 1]] {
        let key = DeviceKey::generate();
        let raw = knock(fleet.relay().local_addr(), Some(&key), PROTOCOL).await.expect("a handshake");
        let (mut out, into) = raw.quic.open_bi().await.expect("a stream");
        out.write_all(bytes).await.expect("sent");
        slow.push((raw, out, into));
    }
    serves(&fleet).await;
    for (raw, ..) in &slow {
        assert_eq!(raw.closed().await, PROTOCOL_BROKEN);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "the greeting has five seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_breaks_its_streams_is_closed_as_such_and_may_come_back() {
    let fleet = Fleet::start().await;
    let (key, chain) = runner(&fleet).await;
    let relay = fleet.relay().local_addr();
    for (what, bytes) in bad_frames(FRAME_BYTES_MAX) {
        let (raw, mut out, _into) = Raw::member(relay, &key, &chain, Intent::Work).await;
        out.write_all(&attach()).await.expect("sent");
        // It may hang up before all is written.
        drop(out.write_all(&bytes).await);
        out.finish().unwrap_or_default();
        assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "control: {what}");
    }
    for (what, bytes) in bad_frames(FRAME_BYTES_MAX) {
        for (stream, open) in [("beats", Open::Beats), ("events", Open::Events)] {
            let (raw, mut out, _into) = Raw::member(relay, &key, &chain, Intent::Work).await;
            out.write_all(&attach()).await.expect("sent");
            let bytes = [frame(&encode(&open)), bytes.clone()].concat();
            if open == Open::Beats {
                let _streams = raw.say(&bytes).await;
                assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "{stream}: {what}");
            } else {
                let mut out = raw.quic.open_uni().await.expect("a stream");
                drop(out.write_all(&bytes).await);
                out.finish().unwrap_or_default();
                assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "{stream}: {what}");
            }
        }
    }
    let (_raw, mut out, mut into) = Raw::member(relay, &key, &chain, Intent::Work).await;
    out.write_all(&attach()).await.expect("sent");
    assert!(matches!(read(&mut into).await, Some(FromRelay::Attached { .. })), "the same device, in order, is served");
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_broken_request_is_answered_in_words_and_harms_no_other() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let relay = fleet.relay().local_addr();
    let (raw, _out, _into) = Raw::member(relay, &founder.key, &founder.chain, Intent::Client).await;
    let opened = frame(&encode(&Open::Request));
    for (what, bytes) in bad_frames(FRAME_BYTES_MAX) {
        let (_out, mut into) = raw.say(&[&opened[..], &bytes].concat()).await;
        let answer = read::<Response>(&mut into).await;
        let Some(Response::Failed(why)) = &answer else { panic!("{what}: {answer:?}") };
        assert!(why.contains("frame"), "{what}: {why}");
    }
    for out_of_turn in [Open::Beats, Open::Events, raw::hello(&founder.chain.encode(), Intent::Client)] {
        let (_out, mut into) = raw.say(&frame(&encode(&out_of_turn))).await;
        let answer = read::<Response>(&mut into).await;
        assert!(matches!(answer, Some(Response::Failed(_))), "{out_of_turn:?}: {answer:?}");
    }
    let (_out, mut into) = raw.say(&[opened, frame(&encode(&Request::Status))].concat()).await;
    assert!(matches!(read(&mut into).await, Some(Response::Status(_))), "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_speaks_only_on_its_own_streams_and_attaches_first() {
    let fleet = Fleet::start().await;
    let (key, chain) = runner(&fleet).await;
    let relay = fleet.relay().local_addr();
    let submit = Request::Cancel(RunId::from_parts(unix_ms(), [1; 10]));
    let asks = [frame(&encode(&Open::Request)), frame(&encode(&submit))].concat();
    let again = frame(&encode(&raw::hello(&chain.encode(), Intent::Work)));
    for (what, bytes) in [("a person's request", asks), ("a second hello", again)] {
        let (raw, mut out, _into) = Raw::member(relay, &key, &chain, Intent::Work).await;
        out.write_all(&attach()).await.expect("sent");
        let _streams = raw.say(&bytes).await;
        assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "{what}");
    }
    let beat = frame(&encode(&Beat { seq: 1, leases: vec![] }));
    let (raw, mut early, _into) = Raw::member(relay, &key, &chain, Intent::Work).await;
    early.write_all(&frame(&encode(&ToRelay::Drain(true)))).await.expect("sent");
    assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "a command before it attached");
    let (raw, _out, _into) = Raw::member(relay, &key, &chain, Intent::Work).await;
    let (mut early, _answers) = raw.quic.open_bi().await.expect("a stream");
    early.write_all(&[frame(&encode(&Open::Beats)), beat].concat()).await.expect("sent");
    assert_eq!(raw.closed().await, PROTOCOL_BROKEN, "a heartbeat before it attached");
    serves(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_members_fill_their_windows_and_an_honest_one_is_served() {
    let fleet = Fleet::start().await;
    let founder = Operator::of(&fleet.client);
    let relay = fleet.relay().local_addr();
    let half = [frame(&encode(&Open::Request)), (FRAME_BYTES_MAX as u32).to_be_bytes().to_vec()].concat();
    let mut kept = Vec::new();
    for _ in 0..64 {
        let (raw, out, into) = Raw::member(relay, &founder.key, &founder.chain, Intent::Client).await;
        let mut streams = vec![(out, into)];
        for _ in 0..15 {
            let (mut out, into) = raw.quic.open_bi().await.expect("a stream");
            out.write_all(&half).await.expect("the head of a frame that never ends");
            let filled = tokio::time::timeout(Duration::from_millis(1), out.write_all(&[7; 64 * 1024])).await;
            drop(filled);
            streams.push((out, into));
        }
        kept.push((raw, streams));
    }
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        tokio::time::timeout(WAIT, serves(&fleet)).await.expect("served");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "and not much slower: {:?}", began.elapsed());
    assert_eq!(kept.len(), 64);
}
