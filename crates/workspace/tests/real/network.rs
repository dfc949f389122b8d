//! What the system's git is told, by a git of ours that writes down what it hears.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ostler_workspace::{CheckoutError, Home, Limits, Network, Source};

use crate::world::{self, World, git, save, stop};

/// A world whose git is `script`, run by sh. `$HERE` is the world's folder.
fn world_with(script: &str, time_max: Duration) -> World {
    let tools = tempfile::tempdir().expect("a temporary folder").keep();
    let program = tools.join("git");
    let network = Network {
        git: program.clone(),
        time_max,
        ssh_agent: Some("/run/agent.sock".into()),
        credential_helper: Some("store".into()),
        ..Network::default()
    };
    let world = World::with(Limits { reserve_bytes: 0, ..Limits::default() }, network);
    let text = format!("#!/bin/sh\nHERE='{}'\n{script}\n", world.dir.path().display());
    world::program(&program, &text);
    world
}

/// Writes down what it hears and lets the real git do it, with the origin in place of the URL.
const FETCHES: &str = r#"printf '%s\n' "$@" > "$HERE/argv"; env > "$HERE/env"
exec env -u GIT_ALLOW_PROTOCOL -u GIT_PROTOCOL_FROM_USER git -c protocol.file.allow=always \
    -c url."$HERE/origin".insteadOf=https://example.org/a/b.git -c url."$HERE/origin".insteadOf=ssh://git@example.org/a/b.git "$@""#;

fn fetch(world: &World, url: &str, reference: Option<&str>) -> Result<ostler_workspace::Tree, CheckoutError> {
    let source = Source::new(url, reference).expect("a good URL");
    world.mirrors.checkout("run_net", &source, &world.path("tree"), stop())
}

#[test]
fn git_hears_only_us() {
    let world = world_with(FETCHES, Duration::from_secs(60));
    let mut tree = fetch(&world, "https://example.org/a/b.git", Some("main")).expect("fetched");
    let argv = fs::read_to_string(world.path("argv")).expect("heard");
    let argv: Vec<&str> = argv.lines().collect();
    for setting in [
        "protocol.allow=never",
        "protocol.https.allow=always",
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "fetch.fsckObjects=true",
        "submodule.recurse=false",
        "credential.helper=",
        "credential.helper=store",
        "core.protectNTFS=true",
        "core.protectHFS=true",
        "safe.bareRepository=explicit",
    ] {
        let at = argv.iter().position(|arg| *arg == setting).unwrap_or_else(|| panic!("{setting} in {argv:?}"));
        assert_eq!(argv[at - 1], "-c");
    }
    let end = argv.iter().position(|arg| *arg == "--").expect("options are closed");
    assert_eq!(argv[end + 1], "https://example.org/a/b.git");
    assert!(argv[end + 2..].iter().all(|spec| spec.starts_with('+') && spec.contains(":refs/source/")));
    assert!(!argv.contains(&"protocol.ssh.allow=always"));

    let env = fs::read_to_string(world.path("env")).expect("heard");
    let names: Vec<&str> = env.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for (name, value) in [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_ALLOW_PROTOCOL", "https"),
        ("GIT_PROTOCOL_FROM_USER", "0"),
        ("SSH_AUTH_SOCK", "/run/agent.sock"),
    ] {
        assert!(env.lines().any(|line| line == format!("{name}={value}")), "{name} in {env}");
    }
    let global = format!("GIT_CONFIG_GLOBAL={}", world.path("runner/git.config").display());
    assert!(env.contains(&global) && env.contains("BatchMode=yes") && env.contains("StrictHostKeyChecking=yes"));
    for stranger in ["HOME", "USER", "CARGO_MANIFEST_DIR", "LD_PRELOAD", "GIT_SSH"] {
        assert!(!names.contains(&stranger), "{stranger} in {env}");
    }

    fs::write(tree.dir().join("x"), "work").expect("writable");
    let saved = save(&mut tree);
    let Some(Home::Mirror { path, branch, why: None }) = saved.home else { panic!("{saved:?}") };
    assert_eq!(git(&path, &["show", &format!("{branch}:x")]), "work");
}

#[test]
fn ssh_is_allowed_alone() {
    let world = world_with(FETCHES, Duration::from_secs(60));
    fetch(&world, "git@example.org:a/b.git", None).expect("fetched");
    let argv = fs::read_to_string(world.path("argv")).expect("heard");
    assert!(argv.contains("protocol.ssh.allow=always") && !argv.contains("https.allow"));
    assert!(argv.contains("\n--\nssh://git@example.org/a/b.git\n"), "{argv}");
}

#[test]
fn a_failure_is_told_in_gits_words_without_control_characters() {
    let world = world_with(r#"printf 'fatal: \033[31mno such\007 host\n' >&2; exit 128"#, Duration::from_secs(60));
    let error = fetch(&world, "https://example.org/a", None).expect_err("git failed");
    let CheckoutError::Network { url, how, said } = &error else { panic!("{error}") };
    assert_eq!(url, "https://example.org/a");
    assert!(how.contains("128") && said.contains("no such") && !said.contains(char::is_control), "{how} {said}");
    assert!(!world.path("tree").exists());
}

#[test]
fn a_git_that_hangs_is_killed_with_its_children() {
    let world = world_with("sleep 1000 & echo $! > \"$HERE/child\"; wait", Duration::from_millis(500));
    let error = fetch(&world, "https://example.org/a", None).expect_err("it never ends");
    assert!(matches!(&error, CheckoutError::Network { how, .. } if how.contains("time")), "{error}");
    let child = fs::read_to_string(world.path("child")).expect("it started");
    let alive = || Path::new("/proc").join(child.trim()).join("cmdline").exists() && !zombie(child.trim());
    for _ in 0..500 {
        if !alive() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the child {child} outlived the fetch");
}

fn zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_missing_git_is_named() {
    let network = Network { git: "/nonexistent/git".into(), ..Network::default() };
    let world = World::with(Limits { reserve_bytes: 0, ..Limits::default() }, network);
    let error = fetch(&world, "https://example.org/a", None).expect_err("there is no git");
    assert!(matches!(error, CheckoutError::NoGit { .. }), "{error}");
}

#[test]
fn the_real_git_refuses_other_transports_under_our_rules() {
    let world = World::new();
    let out = Command::new("git")
        .args(["-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "ls-remote", "--"])
        .arg(format!("file://{}", world.origin().display()))
        .env("GIT_ALLOW_PROTOCOL", "https")
        .output()
        .expect("git is installed");
    assert!(!out.status.success());
}
