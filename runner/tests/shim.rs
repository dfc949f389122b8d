//! The shim against real processes: what it keeps, what it ends, and what survives its runner.

use ostler_core::event::Stream;
use ostler_runner::shim::{Cause, ControlError, Exit, Gone, Input, Launch, Shim, StartError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Nothing here takes a second; a loaded machine may make it ten.
const PATIENCE: Duration = Duration::from_secs(60);

fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ostler-runner"))
}

/// A launch of a shell script; `OSTLER_SOCKET` makes its processes recognisable, and `$A` is the attempt's directory.
fn script(room: &TempDir, text: &str) -> Launch {
    let dir = attempt(room).display().to_string();
    Launch {
        argv: ["/bin/bash", "-c", text].map(str::to_owned).to_vec(),
        env: vec![
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("OSTLER_SOCKET".to_owned(), format!("{dir}/ask.sock")),
            ("A".to_owned(), room.path().display().to_string()),
        ],
        directory: room.path().to_owned(),
        terminal: None,
        input: Input::Nothing,
        deadline_ms: 120_000,
        spool_bytes_max: 1024 * 1024,
        stop_grace_ms: 5_000,
        bound: false,
    }
}

fn attempt(room: &TempDir) -> PathBuf {
    room.path().join("attempt")
}

fn room() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

async fn start(room: &TempDir, launch: Launch) -> Shim {
    within(Shim::start(exe(), &attempt(room), launch)).await.expect("the shim starts")
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// Reads on from `at` until the shim has ended or `enough` says so.
async fn read_until(shim: &Shim, at: &mut u64, mut enough: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut all = Vec::new();
    within(async {
        loop {
            let progress = shim.wait_progress(*at).await;
            loop {
                let (chunks, next) = shim.read_from(*at).await.expect("reads");
                if next == *at {
                    break;
                }
                *at = next;
                all.extend(chunks.into_iter().flat_map(|chunk| chunk.bytes));
            }
            if progress.ended || enough(&all) {
                return;
            }
        }
    })
    .await;
    all
}

async fn finish(shim: &Shim) -> (Vec<u8>, Exit) {
    let output = read_until(shim, &mut 0, |_| false).await;
    (output, shim.exit().expect("an exit"))
}

/// The pid a script wrote; the file is renamed into place, so it is whole.
async fn pid_in(path: PathBuf) -> u32 {
    until(|| std::fs::read_to_string(&path).is_ok()).await;
    std::fs::read_to_string(&path).expect("reads").trim().parse().expect("a pid")
}

fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn shim_pid(dir: &Path) -> u32 {
    let wanted = format!("__shim\0{}\0", dir.display());
    let mut pids = std::fs::read_dir("/proc").expect("proc").flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        cmdline.ends_with(wanted.as_bytes()).then_some(pid)
    });
    pids.next().expect("the shim's process")
}

fn kill(pid: u32, signal: &str) {
    let killed = std::process::Command::new("/bin/kill").args([signal, &pid.to_string()]).status();
    assert!(killed.expect("kill runs").success());
}

/// Starts a process in a session of its own, orphaned at once, that ignores SIGTERM; its pid goes to `$A/stray`.
const STRAY: &str = "(setsid bash -c 'trap \"\" TERM; echo $$ > $A/stray.half; mv $A/stray.half $A/stray; \
                     while :; do sleep 1000 & wait; done' >/dev/null 2>&1 &) ; ";

#[tokio::test(flavor = "multi_thread")]
async fn output_arrives_in_order_with_its_streams_and_its_exit_code() {
    let room = room();
    let shim = start(&room, script(&room, "for i in 1 2 3; do echo $i; done; echo bad >&2; exit 7")).await;
    let (output, exit) = finish(&shim).await;
    assert_eq!(exit, Exit { code: Some(7), signal: None, cause: Cause::Ended, dropped_bytes: 0 });
    let (chunks, _) = shim.read_from(0).await.expect("reads");
    let of = |stream| -> Vec<u8> {
        chunks.iter().filter(|chunk| chunk.stream == stream).flat_map(|chunk| chunk.bytes.clone()).collect()
    };
    assert_eq!((of(Stream::Out), of(Stream::Err)), (b"1\n2\n3\n".to_vec(), b"bad\n".to_vec()));
    assert_eq!(output.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_and_the_signals_are_exactly_as_given() {
    let room = room();
    let launch = Launch {
        argv: ["/bin/cat", "/proc/self/environ", "/proc/self/status"].map(str::to_owned).to_vec(),
        env: vec![("ONLY".to_owned(), "this".to_owned())],
        ..script(&room, "")
    };
    let (output, exit) = finish(&start(&room, launch).await).await;
    assert_eq!(exit.code, Some(0));
    let text = String::from_utf8(output).expect("text");
    assert!(text.starts_with("ONLY=this\0Name:\tcat"), "{text}");
    for name in ["SigBlk:\t", "SigIgn:\t", "SigCgt:\t"] {
        let digits = text.split(name).nth(1).and_then(|rest| rest.lines().next()).expect("a mask");
        let mask = u64::from_str_radix(digits, 16).expect("hex");
        // Above 31 are the C library's own, which its spawn leaves ignored.
        assert_eq!(mask & 0x7fff_ffff, 0, "{name}{digits}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_back_reads_on_without_loss_or_repeat() {
    let room = room();
    let shim = start(&room, script(&room, "for i in $(seq 1 20000); do echo line $i; done")).await;
    let mut at = 0;
    let mut all = read_until(&shim, &mut at, |seen| seen.len() > 1_000).await;
    for _ in 0..5 {
        // The first hold dies with its runner; the next life knows only the directory and its offset.
        match within(Shim::adopt(&attempt(&room))).await {
            Ok(again) => {
                let had = all.len();
                all.extend(read_until(&again, &mut at, |seen| had + seen.len() > had + 1_000).await);
            }
            Err(Gone { exit }) => assert!(exit.is_some()),
        }
    }
    all.extend(read_until(&shim, &mut at, |_| false).await);
    let expected: String = (1..=20_000).map(|i| format!("line {i}\n")).collect();
    assert_eq!(all.len(), expected.len());
    assert!(all == expected.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_ends_an_agent_that_ignores_sigterm_and_its_orphan_in_another_session() {
    let room = room();
    let text = format!(
        "{STRAY} trap '' TERM; echo $$ > $A/agent.half; mv $A/agent.half $A/agent; while :; do sleep 1000 & wait; done"
    );
    let launch = Launch { deadline_ms: 2_000, stop_grace_ms: 200, ..script(&room, &text) };
    let shim = start(&room, launch).await;
    let (agent, stray) = (pid_in(room.path().join("agent")).await, pid_in(room.path().join("stray")).await);
    assert!(lives(agent) && lives(stray));
    drop(shim);
    // No runner at all: the shim fences by itself.
    until(|| !lives(agent) && !lives(stray)).await;
    let Gone { exit } = within(gone(&room)).await;
    let exit = exit.expect("an exit");
    assert!(exit.fenced());
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
}

/// Adopts until there is nothing to adopt.
async fn gone(room: &TempDir) -> Gone {
    loop {
        match Shim::adopt(&attempt(room)).await {
            Ok(shim) => {
                shim.wait_progress(u64::MAX).await;
            }
            Err(gone) => return gone,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_deadline_holds_and_an_earlier_one_fences() {
    let room = room();
    let launch = Launch { deadline_ms: 3_000, ..script(&room, "sleep 4; echo done; sleep 1000") };
    let shim = start(&room, launch).await;
    within(shim.extend(100_000)).await.expect("extends");
    let mut at = 0;
    assert_eq!(read_until(&shim, &mut at, |seen| !seen.is_empty()).await, b"done\n");
    within(shim.extend(0)).await.expect("shortens");
    let (_, exit) = finish(&shim).await;
    assert_eq!((exit.cause, exit.signal), (Cause::Fenced, Some(15)));
    assert!(matches!(within(shim.extend(1_000)).await, Err(ControlError::Gone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_leaves_behind_ends_with_it() {
    let room = room();
    let shim =
        start(&room, script(&room, &format!("{STRAY} until [ -e $A/stray ]; do sleep 0.01; done; exit 3"))).await;
    let (_, exit) = finish(&shim).await;
    assert_eq!((exit.code, exit.cause), (Some(3), Cause::Ended));
    assert!(!lives(pid_in(room.path().join("stray")).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_polite_first_and_says_so() {
    let room = room();
    let text = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 1000 & wait; done";
    let shim = start(&room, script(&room, text)).await;
    let mut at = 0;
    read_until(&shim, &mut at, |seen| !seen.is_empty()).await;
    within(shim.stop(30_000)).await.expect("stops");
    let (output, exit) = finish(&shim).await;
    assert_eq!(output, b"up\nbye\n");
    assert_eq!(exit, Exit { code: Some(5), signal: None, cause: Cause::Stopped, dropped_bytes: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shim_swallows_a_hangup_and_takes_sigterm_for_a_stop() {
    let room = room();
    let shim = start(&room, script(&room, "echo up; sleep 1000")).await;
    let mut at = 0;
    read_until(&shim, &mut at, |seen| !seen.is_empty()).await;
    let pid = shim_pid(&attempt(&room));
    kill(pid, "-HUP");
    kill(pid, "-INT");
    within(shim.extend(60_000)).await.expect("it still answers");
    kill(pid, "-TERM");
    let (_, exit) = finish(&shim).await;
    assert_eq!((exit.cause, exit.signal), (Cause::Stopped, Some(15)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_are_drained_bounded_and_counted() {
    let room = room();
    let text = "head -c 209715200 /dev/zero; echo fine > $A/fine";
    let shim = start(&room, script(&room, text)).await;
    let (output, exit) = finish(&shim).await;
    assert_eq!(exit.code, Some(0), "never blocked for ever, never killed for printing");
    assert!(room.path().join("fine").exists());
    assert!(std::fs::metadata(attempt(&room).join("spool")).expect("spool").len() <= 1024 * 1024);
    assert_eq!(output.len() as u64 + exit.dropped_bytes, 209_715_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_shim_is_told_from_one_that_never_was() {
    let room = room();
    let shim = start(&room, script(&room, "echo out; kill -SEGV $$")).await;
    let (_, exit) = finish(&shim).await;
    assert_eq!((exit.code, exit.signal), (None, Some(11)));
    let gone = within(Shim::adopt(&attempt(&room))).await.expect_err("it ended");
    assert_eq!(gone.exit, Some(exit));
    let (chunks, _) = Shim::read_spool(&attempt(&room), 0).await.expect("its output remains");
    assert_eq!(chunks[0].bytes, b"out\n");
    let nothing = within(Shim::adopt(&room.path().join("nothing"))).await.expect_err("nothing there");
    assert_eq!(nothing.exit, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_shim_leaves_nobody_to_a_watching_or_returning_runner() {
    for watching in [true, false] {
        let room = room();
        let text =
            format!("{STRAY} echo $$ > $A/agent.half; mv $A/agent.half $A/agent; while :; do sleep 1000 & wait; done");
        let shim = start(&room, script(&room, &text)).await;
        let (agent, stray) = (pid_in(room.path().join("agent")).await, pid_in(room.path().join("stray")).await);
        kill(shim_pid(&attempt(&room)), "-KILL");
        if watching {
            assert!(within(shim.wait_progress(u64::MAX)).await.ended);
            assert_eq!(shim.exit(), None);
        } else {
            drop(shim);
            assert_eq!(within(Shim::adopt(&attempt(&room))).await.expect_err("killed").exit, None);
        }
        until(|| !lives(agent) && !lives(stray)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_refused_in_words_and_remembered() {
    let room = room();
    let launch = Launch { argv: vec!["no-such-agent".to_owned()], ..script(&room, "") };
    let error = within(Shim::start(exe(), &attempt(&room), launch)).await.expect_err("refused");
    assert!(matches!(&error, StartError::Refused(why) if why.contains("no-such-agent")), "{error}");
    let gone = within(Shim::adopt(&attempt(&room))).await.expect_err("gone");
    assert!(matches!(gone.exit.expect("an exit").cause, Cause::Refused(_)));
    let again = within(Shim::start(exe(), &attempt(&room), script(&room, "true"))).await;
    assert!(matches!(again, Err(StartError::Directory(_))), "one directory, one attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn given_input_arrives_whole_and_ends() {
    let room = room();
    let given: Vec<u8> = (0..500_000u32).map(|i| (i % 251) as u8).collect();
    let launch = Launch { input: Input::Given(given.clone()), ..script(&room, "cat") };
    let (output, exit) = finish(&start(&room, launch).await).await;
    assert_eq!(exit.code, Some(0));
    assert!(output == given);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_sized_resized_and_typed_into() {
    let room = room();
    let text = "stty size; echo ready; until [ \"$(stty size)\" = '44 120' ]; do sleep 0.02; done; stty size; \
                read -r word; echo \"got $word\"; test -t 0";
    let launch = Launch { terminal: Some((91, 33)), ..script(&room, text) };
    let shim = start(&room, launch).await;
    let mut at = 0;
    let has = |what: &'static [u8]| move |seen: &[u8]| seen.windows(what.len()).any(|part| part == what);
    let first = read_until(&shim, &mut at, has(b"ready")).await;
    assert!(has(b"33 91")(&first), "{}", String::from_utf8_lossy(&first));
    within(shim.resize(120, 44)).await.expect("resizes");
    let second = read_until(&shim, &mut at, has(b"44 120")).await;
    assert!(has(b"44 120")(&second));
    within(shim.input(b"hello\n")).await.expect("types");
    let third = read_until(&shim, &mut at, |_| false).await;
    assert!(has(b"got hello")(&third), "{}", String::from_utf8_lossy(&third));
    assert_eq!(shim.exit().expect("an exit").code, Some(0));
    let (chunks, _) = shim.read_from(0).await.expect("reads");
    assert!(chunks.iter().all(|chunk| chunk.stream == Stream::Terminal));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_speak_for_its_runner() {
    let room = room();
    // A socket client that every system here has; it prints what the shim answers to a watch request.
    let text = "python3 -c 'import os,socket; s=socket.socket(socket.AF_UNIX); s.connect(os.environ[\"A\"]+\"/attempt/control.sock\"); \
                s.sendall(bytes([1,0,0,0,0])); print(\"heard\", s.recv(64))' 2>/dev/null || echo refused";
    let (output, exit) = finish(&start(&room, script(&room, text)).await).await;
    assert_eq!(exit.code, Some(0));
    let text = String::from_utf8_lossy(&output).into_owned();
    assert!(text == "heard b''\n" || text == "refused\n", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_too_deep_for_a_socket_path_works() {
    let deep = room();
    let long = deep.path().join("d".repeat(90)).join("e".repeat(90));
    let launch = script(&deep, "echo deep");
    let shim = within(Shim::start(exe(), &long, launch)).await.expect("starts");
    assert_eq!(finish(&shim).await.0, b"deep\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_place_to_go_are_refused_in_words() {
    let room = room();
    let shim = start(&room, script(&room, "echo up; sleep 1000")).await;
    assert!(matches!(within(shim.input(b"x")).await, Err(ControlError::Refused(_))));
    assert!(matches!(within(shim.resize(1, 1)).await, Err(ControlError::Refused(_))));
    within(shim.stop(0)).await.expect("stops");
    assert_eq!(finish(&shim).await.1.cause, Cause::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_nobody_took_is_void_once_somebody_adopts() {
    let room = room();
    let launch = script(&room, "echo late > $A/late");
    // A shim that dies before its first line, as in a crash between the order and the start.
    let started = within(Shim::start(Path::new("/bin/true"), &attempt(&room), launch)).await;
    assert!(matches!(started, Err(StartError::Silent(_))));
    assert_eq!(within(Shim::adopt(&attempt(&room))).await.expect_err("nothing began").exit, None);
    let late = std::process::Command::new(exe()).arg("__shim").arg(attempt(&room)).status().expect("runs");
    assert!(!late.success());
    assert!(!room.path().join("late").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shim_that_answers_nobody_is_not_left_beside_its_successor() {
    let room = room();
    let shim = start(&room, script(&room, "echo $$ > $A/agent.half; mv $A/agent.half $A/agent; sleep 1000")).await;
    let agent = pid_in(room.path().join("agent")).await;
    let pid = shim_pid(&attempt(&room));
    drop(shim);
    kill(pid, "-STOP");
    assert_eq!(within(Shim::adopt(&attempt(&room))).await.expect_err("deaf").exit, None);
    until(|| !lives(pid) && !lives(agent)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_agent_and_all_it_started_end_once_nobody_watches() {
    let room = room();
    let text = format!(
        "{STRAY} trap '' TERM; echo $$ > $A/agent.half; mv $A/agent.half $A/agent; while :; do sleep 1000 & wait; done"
    );
    let shim = start(&room, Launch { bound: true, ..script(&room, &text) }).await;
    let (agent, stray) = (pid_in(room.path().join("agent")).await, pid_in(room.path().join("stray")).await);
    // Longer than any bound agent goes on alone: this one is not alone.
    let watched = tokio::time::timeout(Duration::from_millis(2_500), shim.wait_progress(u64::MAX)).await;
    assert!(watched.is_err() && lives(agent) && lives(stray));
    drop(shim);
    until(|| !lives(agent) && !lives(stray)).await;
    let Gone { exit } = within(gone(&room)).await;
    assert_eq!(exit.expect("an exit").cause, Cause::Orphaned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_input_arrives_in_order_and_then_its_end() {
    let room = room();
    let given: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let launch =
        Launch { input: Input::Open, spool_bytes_max: 8 * 1024 * 1024, ..script(&room, "sleep 0.2; cat; echo $?") };
    let shim = start(&room, launch).await;
    let (first, second) = given.split_at(1_000_000);
    within(shim.input(first)).await.expect("types");
    within(shim.input(second)).await.expect("types");
    within(shim.close_input()).await.expect("closes");
    let (output, exit) = finish(&shim).await;
    assert_eq!(exit.code, Some(0));
    assert!(output == [&given[..], b"0\n"].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_takes_no_room_and_never_reaches_the_cap() {
    use std::os::unix::fs::MetadataExt;
    const CAP: u64 = 4 * 1024 * 1024;
    let room = room();
    let text = "while read -r line; do head -c 1000000 /dev/zero; done";
    let launch = Launch { input: Input::Open, bound: true, spool_bytes_max: CAP, ..script(&room, text) };
    let shim = start(&room, launch).await;
    let (mut at, mut total) = (0, 0);
    for round in 1..=16 {
        within(shim.input(b"more\n")).await.expect("types");
        let had = total;
        total += read_until(&shim, &mut at, |seen| had + seen.len() >= round * 1_000_000).await.len();
        within(shim.release(at)).await.expect("releases");
    }
    within(shim.close_input()).await.expect("closes");
    read_until(&shim, &mut at, |_| false).await;
    assert_eq!((total, shim.exit().expect("an exit").dropped_bytes), (16_000_000, 0));
    let spool = std::fs::metadata(attempt(&room).join("spool")).expect("is there");
    assert!(spool.len() > 16_000_000);
    assert!(spool.blocks() * 512 < 2 * CAP || !cfg!(target_os = "linux"), "{} blocks", spool.blocks());
}
