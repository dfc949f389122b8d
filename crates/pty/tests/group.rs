//! Real programs under pipes and terminals, and the guard that ends them.

use ostler_pty::{
    Channel, Group, Program, Reach, Size, SpawnError, Spawned, birth, lives, spawn_piped, spawn_terminal, sweep,
};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

fn script(room: &Path, text: &str) -> Program {
    Program {
        argv: ["/bin/bash", "-c", text].map(str::to_owned).to_vec(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        directory: room.to_owned(),
    }
}

fn room() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not within thirty seconds");
}

/// The birth of the process whose pid a script wrote to `name`.
fn born(room: &Path, name: &str) -> String {
    let mut pid = None;
    until(|| {
        pid = std::fs::read_to_string(room.join(name)).ok().and_then(|text| text.trim().parse().ok());
        pid.is_some()
    });
    birth(pid.expect("a pid")).expect("it lives")
}

fn all(spawned: &mut Spawned) -> Vec<(Channel, String)> {
    let read = |output: &mut ostler_pty::Output| {
        let mut text = String::new();
        output.reader.read_to_string(&mut text).expect("reads");
        (output.channel, text)
    };
    spawned.outputs.iter_mut().map(read).collect()
}

const STUBBORN: &str = "trap '' TERM; echo $$ > NAME.half; mv NAME.half NAME; while :; do sleep 1000 & wait; done";

#[test]
fn pipes_carry_what_is_written_and_printed() {
    let room = room();
    let mut spawned = spawn_piped(&script(room.path(), "cat; pwd >&2"), true).expect("starts");
    spawned.input.take().expect("an input").write_all(b"words").expect("writes");
    let here = room.path().canonicalize().expect("a path").display().to_string();
    assert_eq!(all(&mut spawned), [(Channel::Out, "words".to_owned()), (Channel::Err, format!("{here}\n"))]);
}

#[test]
fn a_terminal_has_its_size_and_takes_another() {
    let room = room();
    let wait_for_size = "stty size; until [ \"$(stty size)\" = '50 132' ]; do sleep 0.02; done; stty size";
    let size = Size { cols: 80, rows: 24 };
    let mut spawned = spawn_terminal(&script(room.path(), wait_for_size), size).expect("starts");
    let terminal = spawned.terminal.take().expect("a terminal");
    assert_eq!(terminal.size().expect("a size"), size);
    terminal.resize(Size { cols: 132, rows: 50 }).expect("resizes");
    let printed = all(&mut spawned);
    assert_eq!(printed[0].0, Channel::Terminal);
    assert!(printed[0].1.contains("50 132"), "{printed:?}");
}

#[test]
fn dropping_the_guard_ends_the_stubborn_and_those_in_other_sessions() {
    let room = room();
    let text = format!(
        "setsid bash -c \"{}\" & {}",
        STUBBORN.replace("NAME", "child").replace('$', "\\$"),
        STUBBORN.replace("NAME", "leader")
    );
    let spawned = spawn_piped(&script(room.path(), &text), false).expect("starts");
    let group = Group::new(spawned.pid, Reach::Lineage, Duration::from_millis(100));
    let (leader, child) = (born(room.path(), "leader"), born(room.path(), "child"));
    assert!(lives(&leader) && lives(&child) && !group.is_empty());
    drop(group);
    assert!(!lives(&leader) && !lives(&child));
}

#[test]
fn a_polite_program_is_given_its_grace() {
    let room = room();
    let text = "trap 'echo bye; exit 0' TERM; echo $$ > leader.half; mv leader.half leader; while :; do sleep 1000 & wait; done";
    let mut spawned = spawn_piped(&script(room.path(), text), false).expect("starts");
    let group = Group::new(spawned.pid, Reach::Lineage, Duration::from_secs(30));
    born(room.path(), "leader");
    drop(group);
    assert_eq!(all(&mut spawned)[0].1, "bye\n");
}

#[test]
fn a_released_program_goes_on_and_a_sweep_finds_it_by_birth_or_by_mark() {
    for by_mark in [true, false] {
        let room = room();
        let mut program = script(room.path(), &STUBBORN.replace("NAME", "leader"));
        let mark = format!("MARK={}", room.path().display());
        program.env.push(("MARK".to_owned(), room.path().display().to_string()));
        let spawned = spawn_piped(&program, false).expect("starts");
        Group::new(spawned.pid, Reach::Lineage, Duration::ZERO).release();
        let leader = born(room.path(), "leader");
        assert!(lives(&leader));
        assert_eq!(sweep(Some("nobody:1:1"), Some("MARK=elsewhere")), 0);
        assert!(lives(&leader), "what was not named is left alone");
        let ended = if by_mark { sweep(None, Some(&mark)) } else { sweep(Some(&leader), None) };
        assert!(ended >= 1);
        until(|| !lives(&leader));
    }
}

#[test]
fn what_cannot_be_started_is_refused_in_words() {
    let room = room();
    let ok = script(room.path(), "true");
    let cases = [
        (Program { argv: Vec::new(), ..ok.clone() }, "empty"),
        (Program { argv: vec!["a\0b".to_owned()], ..ok.clone() }, "NUL"),
        (Program { env: vec![("A=B".to_owned(), String::new())], ..ok.clone() }, "NUL"),
        (Program { directory: room.path().join("none"), ..ok.clone() }, "not a directory"),
        (Program { argv: vec!["no-such-program".to_owned()], ..ok }, "no-such-program"),
    ];
    for (program, word) in cases {
        for spawned in [spawn_piped(&program, false), spawn_terminal(&program, Size { cols: 80, rows: 24 })] {
            let error: SpawnError = spawned.err().expect("refused");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
