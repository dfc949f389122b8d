//! What a machine does to a relay: a port that is taken, files that are not its own, a disk that is full.

use crate::OSTLER;
use ostler_client::{Client, Home};
use ostler_core::ids::FleetId;
use ostler_identity::RelayAddress;
use ostler_relay::{Relay, RelayConfig, RelayError, RelayOptions};
use ostler_tests::{Fleet, Operator, command, draft, until};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn options(data_dir: PathBuf, fleet: Option<FleetId>, listen: SocketAddr) -> RelayOptions {
    let config = RelayConfig::read(None).expect("the defaults");
    RelayOptions { config, data_dir, fleet, listen, http: None, checker: Some(PathBuf::from(OSTLER)) }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn refusal(options: RelayOptions) -> RelayError {
    match Relay::start(options).await {
        Err(error) => error,
        Ok(_) => panic!("it serves"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_and_its_owner_goes_on() {
    let fleet = Fleet::start().await;
    let taken = fleet.relay().local_addr();
    let other = tempfile::tempdir().expect("a directory");
    let error = refusal(options(other.path().join("relay"), Some(fleet.client.fleet()), taken)).await.to_string();
    assert!(error.contains(&taken.port().to_string()) && error.contains("listen"), "{error}");
    fleet.client.status().await.expect("the first goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_foreign_damaged_exposed_or_anothers_are_refused_and_left_alone() {
    let mut fleet = Fleet::start().await;
    let run = fleet.client.submit(&draft("kept")).await.expect("kept").run;
    let (relay, id) = (fleet.directory().join("relay"), fleet.client.fleet());
    let other = Operator::found().fleet;
    let in_use = refusal(options(relay.clone(), Some(id), anywhere())).await.to_string();
    assert!(in_use.contains("use"), "two relays on one database: {in_use}");
    fleet.stop_relay().await;
    let anothers = refusal(options(relay.clone(), Some(other), anywhere())).await.to_string();
    assert!(anothers.contains("another directory"), "{anothers}");
    for name in ["ledger.redb", "events.redb"] {
        let path = relay.join(name);
        let sound = std::fs::read(&path).expect("a database");
        let mut hole = sound.clone();
        hole[4096..].fill(0xa5);
        let damages = [b"# my notes".to_vec(), vec![], sound[..sound.len() / 2].to_vec(), hole, vec![0; sound.len()]];
        for (n, damage) in damages.into_iter().enumerate() {
            std::fs::write(&path, &damage).expect("written");
            let error = refusal(options(relay.clone(), Some(id), anywhere())).await.to_string();
            assert!(error.contains("restore"), "{name} {n}: {error}");
            assert!(error.contains(name) || error.contains("relay"), "{name} {n}: {error}");
            assert_eq!(std::fs::read(&path).expect("a file"), damage, "{name} {n}: it was written to");
        }
        std::fs::write(&path, &sound).expect("restored");
    }
    let key = relay.join("relay.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).expect("ours");
    let exposed = refusal(options(relay.clone(), Some(id), anywhere())).await.to_string();
    assert!(exposed.contains("chmod") || exposed.contains("600"), "{exposed}");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("ours");
    fleet.start_relay().await;
    assert!(fleet.client.run(run).await.is_ok(), "nothing was lost");
}

#[test]
fn a_configuration_with_an_unknown_key_or_a_wrong_value_names_it() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("relay.toml");
    for (text, words) in [
        ("listne = '0.0.0.0:4433'\n", &["listne", "listen"][..]),
        ("[lease]\nttl = 'soon'\n", &["relay.toml:2", "write for example"]),
        ("[lease]\ntll = '1s'\n", &["tll"]),
        ("= nothing\n", &["relay.toml"]),
    ] {
        std::fs::write(&file, text).expect("written");
        let error = RelayConfig::read(Some(&file)).expect_err(text).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
        let runner = ostler_runner::RunnerConfig::read(Some(&file)).expect_err(text).to_string();
        assert!(runner.contains("relay.toml"), "a runner's says where as well: {runner}");
    }
    let gone = RelayConfig::read(Some(Path::new("/no/such/relay.toml"))).expect_err("no file").to_string();
    assert!(gone.contains("/no/such/relay.toml"), "{gone}");
}

/// A file system of its own, so small that it can be filled.
struct Small(tempfile::TempDir);

impl Small {
    /// None where this process may not mount.
    fn mount(mib: u32) -> Option<Self> {
        let place = Self(tempfile::tempdir().expect("a directory"));
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.0.path()).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(place)
    }

    /// Takes all the space there is.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(&path).expect("a file");
        let block = vec![0x5a; 64 * 1024];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} is unmounted", self.0.path().display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_relay_in_words_and_loses_nothing_acknowledged() {
    let Some(disk) = Small::mount(48) else {
        return eprintln!("NOT RUN: no small file system could be mounted: run as root");
    };
    let people = tempfile::tempdir().expect("a directory");
    let mut home = Home::found(people.path(), "founder").expect("a new home");
    let (fleet, data) = (home.fleet(), disk.0.path().join("relay"));
    let mut relay = Relay::start(options(data.clone(), Some(fleet), anywhere())).await.expect("it serves");
    let at = relay.local_addr();
    home.use_relays(vec![RelayAddress::new(&at.to_string(), relay.id()).expect("an address")]).expect("kept");
    let client = Client::connect(home).await.expect("let in");
    let mut kept = vec![client.submit(&draft("before")).await.expect("kept").run];
    let filler = disk.fill();
    let mut large = draft("large");
    large.task = command(&["echo", &"x".repeat(300 * 1024)]);
    let refused = loop {
        match client.submit(&large).await {
            Ok(submitted) => kept.push(submitted.run),
            Err(error) => break error,
        }
        assert!(kept.len() < 500, "the disk is never full");
    };
    assert!(!refused.to_string().is_empty(), "{refused}");
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), relay.ended()).await;
    assert!(ended.is_ok(), "a relay that cannot write does not pretend to serve");
    drop(relay);
    std::fs::remove_file(filler).expect("space again");
    let again =
        until("the relay starts again", || async { Relay::start(options(data.clone(), Some(fleet), at)).await.ok() })
            .await;
    for run in kept {
        until("the acknowledged run", || async { client.run(run).await.ok() }).await;
    }
    client.submit(&draft("after")).await.expect("and it takes work again");
    again.stop().await;
}
