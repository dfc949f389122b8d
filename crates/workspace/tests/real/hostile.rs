//! A repository is a program, and none of these run (SECURITY.md "Git safety", tests 34 and 35).

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ostler_workspace::{CheckoutError, Home, Proof};

use crate::world::{World, files, git, program, save, stop};

const HOOKS: [&str; 14] = [
    "pre-commit",
    "post-commit",
    "post-checkout",
    "post-merge",
    "pre-push",
    "update",
    "pre-receive",
    "post-receive",
    "post-update",
    "reference-transaction",
    "push-to-checkout",
    "post-index-change",
    "fsmonitor-watchman",
    "pre-auto-gc",
];

/// Makes `git_dir` start a program in every way git knows, each leaving a file in the returned folder.
fn arm(world: &World, git_dir: &Path, name: &str) -> PathBuf {
    let marks = world.path(&format!("marks-{name}"));
    fs::create_dir_all(&marks).expect("writable");
    let payload = world.path(&format!("payload-{name}"));
    let script = format!("#!/bin/sh\n: > '{}'/$$.$(basename \"$0\")\ncat\n", marks.display());
    program(&payload, &script);
    let hooks = git_dir.join("hooks");
    fs::create_dir_all(&hooks).expect("writable");
    HOOKS.iter().for_each(|hook| program(&hooks.join(hook), &script));
    let at = payload.display();
    let config = format!(
        "[core]\n\tfsmonitor = {at}\n\tsshCommand = {at}\n\tgitProxy = {at}\n\teditor = {at}\n\tpager = {at}\n\taskPass = {at}\n\
         \talternateRefsCommand = {at}\n\thooksPath = {}\n[filter \"evil\"]\n\tclean = {at}\n\tsmudge = {at}\n\tprocess = {at}\n\
         \trequired = true\n[diff]\n\texternal = {at}\n[diff \"evil\"]\n\ttextconv = {at}\n\tcommand = {at}\n\
         [merge \"evil\"]\n\tdriver = {at}\n[gpg]\n\tprogram = {at}\n[commit]\n\tgpgSign = true\n[tag]\n\tgpgSign = true\n\
         [uploadpack]\n\tpackObjectsHook = {at}\n[credential]\n\thelper = {at}\n[gc]\n\tauto = 1\n",
        hooks.display()
    );
    let mut file = fs::OpenOptions::new().append(true).open(git_dir.join("config")).expect("a config");
    file.write_all(config.as_bytes()).expect("writable");
    marks
}

#[test]
fn an_armed_source_and_an_armed_tree_run_nothing() {
    let world = World::new();
    let origin = world.origin();
    fs::write(origin.join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").expect("writable");
    git(&origin, &["add", "-A"]);
    git(&origin, &["commit", "-q", "-m", "attributes"]);
    let before_origin = arm(&world, &origin.join(".git"), "origin");

    let mut tree = world.tree("run_armed");
    let dir = tree.dir().to_path_buf();
    fs::write(dir.join("README"), "changed\n").expect("writable");
    git(&dir, &["commit", "-q", "-a", "-m", "the agent's own"]);
    let before_tree = arm(&world, &dir.join(".git"), "tree");
    fs::write(dir.join("new"), "uncommitted\n").expect("writable");

    let saved = save(&mut tree);
    let commit = saved.commit.clone().expect("work");
    let diff = tree.diff(saved.base.as_deref(), &commit, 1 << 20, stop()).expect("comparable");
    assert!(String::from_utf8_lossy(&diff.patch).contains("+uncommitted"));
    assert!(matches!(saved.home, Some(Home::Origin { .. })), "{saved:?}");
    let (tree_marks, origin_marks) = (files(&before_tree), files(&before_origin));
    assert!(tree_marks.is_empty() && origin_marks.is_empty(), "{tree_marks:?} {origin_marks:?}");
    drop(world.tree("run_after"));

    // The charges are live: one careless `git status` in the tree sets one off.
    drop(Command::new("git").arg("-C").arg(&dir).arg("status").output());
    assert!(!files(&before_tree).is_empty(), "the payload works, so its silence above means something");

    tree.remove(Proof::Saved(&saved), stop()).expect("saved");
    assert!(files(&before_origin).is_empty());
}

#[test]
fn a_git_folder_swapped_for_the_hosts_is_not_followed() {
    let world = World::new();
    for (run, as_link) in [("run_link", true), ("run_file", false)] {
        let mut tree = world.tree(run);
        let dir = tree.dir().to_path_buf();
        let secret = world.path(&format!("secret-{run}"));
        fs::create_dir(&secret).expect("writable");
        git(&secret, &["init", "-q"]);
        fs::write(secret.join("key"), "secret").expect("writable");
        git(&secret, &["add", "-A"]);
        git(&secret, &["commit", "-q", "-m", "secret"]);
        let host = git(&secret, &["rev-parse", "HEAD"]);
        fs::remove_dir_all(dir.join(".git")).expect("ours");
        if as_link {
            symlink(secret.join(".git"), dir.join(".git")).expect("writable");
        } else {
            fs::write(dir.join(".git"), format!("gitdir: {}/.git\n", secret.display())).expect("writable");
        }
        fs::write(dir.join("work"), "kept\n").expect("writable");
        let saved = save(&mut tree);
        assert!(!saved.notices.is_empty(), "{saved:?}");
        assert_eq!(git(&world.origin(), &["show", &format!("ostler/{run}:work")]), "kept");
        let Some(Home::Origin { .. }) = saved.home else { panic!("{saved:?}") };
        let leaked = Command::new("git").arg("-C").arg(world.origin()).args(["cat-file", "-e", &host]).status();
        assert!(!leaked.expect("git runs").success(), "the host's objects stay where they are");
        tree.remove(Proof::Saved(&saved), stop()).expect("saved");
        assert_eq!(git(&secret, &["rev-parse", "HEAD"]), host, "and nothing of it was deleted");
    }
}

#[test]
fn redirections_inside_git_are_not_followed() {
    let world = World::new();
    let secret = world.path("secret");
    fs::create_dir(&secret).expect("writable");
    git(&secret, &["init", "-q"]);
    git(&secret, &["commit", "-q", "--allow-empty", "-m", "secret"]);
    let host = git(&secret, &["rev-parse", "HEAD"]);
    let objects = secret.join(".git/objects");

    let mut tree = world.tree("run_alternates");
    let git_dir = tree.dir().join(".git");
    fs::write(git_dir.join("objects/info/alternates"), format!("{}\n", objects.display())).expect("writable");
    fs::write(git_dir.join("HEAD"), format!("{host}\n")).expect("writable");
    let saved = save(&mut tree);
    assert_eq!(saved.commit, saved.base, "{saved:?}");
    assert!(saved.left.iter().any(|left| left.path == ".git HEAD"), "{saved:?}");
    let (_, error) = tree.remove(Proof::Saved(&saved), stop()).expect_err("its HEAD could not be saved");
    assert!(error.to_string().contains("missing"), "{error}");

    let mut tree = world.tree("run_objects");
    let git_dir = tree.dir().join(".git");
    fs::remove_dir_all(git_dir.join("objects")).expect("ours");
    symlink(&objects, git_dir.join("objects")).expect("writable");
    fs::write(git_dir.join("HEAD"), format!("{host}\n")).expect("writable");
    assert!(save(&mut tree).left.iter().any(|left| left.path == ".git HEAD"));

    let mut tree = world.tree("run_refs");
    let git_dir = tree.dir().join(".git");
    symlink("/etc/passwd", git_dir.join("refs/heads/passwd")).expect("writable");
    fs::remove_file(git_dir.join("HEAD")).expect("ours");
    symlink(secret.join(".git/HEAD"), git_dir.join("HEAD")).expect("writable");
    let saved = save(&mut tree);
    assert!(saved.notices.iter().any(|notice| notice.contains("passwd")), "{saved:?}");
    assert_eq!(saved.commit, saved.base);
}

#[test]
fn pipes_and_links_neither_block_nor_lead_out() {
    let world = World::new();
    let mut tree = world.tree("run_pipes");
    let dir = tree.dir().to_path_buf();
    for pipe in [".gitignore", "src/pipe", ".git/refs/heads/pipe", ".git/packed-refs"] {
        drop(fs::remove_file(dir.join(pipe)));
        assert!(Command::new("mkfifo").arg(dir.join(pipe)).status().expect("mkfifo runs").success());
    }
    fs::write(world.path("outside"), "host\n").expect("writable");
    fs::remove_file(dir.join("README")).expect("ours");
    symlink(world.path("outside"), dir.join("README")).expect("writable");
    symlink(world.origin(), dir.join("out")).expect("writable");
    let saved = save(&mut tree);
    let origin = world.origin();
    let link = |path: &str| git(&origin, &["ls-tree", "ostler/run_pipes", path]);
    assert!(link("README").starts_with("120000") && link("out").starts_with("120000"));
    assert!(saved.left.iter().any(|left| left.path == "src/pipe"), "{saved:?}");
}

/// Writes a raw tree object the way an agent could.
fn raw_tree(dir: &Path, mode: &str, name: &[u8], id: &str) -> String {
    let bytes: Vec<u8> =
        (0..id.len()).step_by(2).map(|i| u8::from_str_radix(&id[i..i + 2], 16).expect("hex")).collect();
    let body = [mode.as_bytes(), b" ", name, b"\0", &bytes].concat();
    let mut child = Command::new("git")
        .current_dir(dir)
        .args(["hash-object", "-t", "tree", "-w", "--stdin", "--literally"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("piped").write_all(&body).expect("git reads");
    let out = child.wait_with_output().expect("git ends");
    String::from_utf8(out.stdout).expect("hex").trim().to_owned()
}

#[test]
fn a_commit_that_would_write_into_dot_git_is_refused_both_ways() {
    for (n, name) in [&b".GIT"[..], b"..", b".git", b"git~1", ".g\u{200c}it".as_bytes()].into_iter().enumerate() {
        let world = World::new();
        let origin = world.origin();
        let run = format!("run_{n}");
        let mut tree = world.tree(&run);
        let dir = tree.dir().to_path_buf();
        let evil = |dir: &Path| {
            fs::write(world.path("config"), "[core]\n\tfsmonitor = evil\n").expect("writable");
            let config = world.path("config");
            let blob = git(dir, &["hash-object", "-w", config.to_str().expect("UTF-8")]);
            let inner = raw_tree(dir, "100644", b"config", &blob);
            let outer = raw_tree(dir, "40000", name, &inner);
            git(dir, &["commit-tree", "-p", "HEAD", "-m", "evil", &outer])
        };
        let commit = evil(&dir);
        git(&dir, &["update-ref", "HEAD", &commit]);
        fs::write(dir.join("work"), "kept\n").expect("writable");
        let saved = save(&mut tree);
        assert!(saved.left.iter().any(|left| left.why.contains("never safe")), "{name:?} {saved:?}");
        assert_eq!(git(&origin, &["show", &format!("ostler/{run}:work")]), "kept", "the files come home without it");
        assert!(tree.remove(Proof::Saved(&saved), stop()).is_err());

        let commit = evil(&origin);
        git(&origin, &["update-ref", "refs/heads/main", &commit]);
        let made = world.mirrors.checkout("run_b", &world.source(), &world.path("b"), stop());
        assert!(matches!(made, Err(CheckoutError::Unsafe { .. } | CheckoutError::Fault(_))), "{name:?} {made:?}");
        assert!(!world.path("b").exists());
    }
}

#[test]
fn a_forged_object_is_found_by_its_hash() {
    let world = World::new();
    let mut tree = world.tree("run_forged");
    let dir = tree.dir().to_path_buf();
    for (file, text) in [("a", "honest\n"), ("b", "forged\n")] {
        fs::write(dir.join(file), text).expect("writable");
    }
    git(&dir, &["add", "-A"]);
    git(&dir, &["commit", "-q", "-m", "two files"]);
    let loose = |file: &str| {
        let id = git(&dir, &["rev-parse", &format!("HEAD:{file}")]);
        dir.join(".git/objects").join(&id[..2]).join(&id[2..])
    };
    let (honest, forged) = (loose("a"), fs::read(loose("b")).expect("loose"));
    fs::remove_file(&honest).expect("ours");
    fs::write(&honest, forged).expect("ours");
    let saved = save(&mut tree);
    assert!(saved.left.iter().any(|left| left.path == ".git HEAD"), "{saved:?}");
    assert_eq!(git(&world.origin(), &["show", "ostler/run_forged:a"]), "honest");
    git(&world.origin(), &["fsck", "--strict"]);
}

#[test]
fn odd_names_pass_as_names() {
    let world = World::new();
    let mut tree = world.tree("run_names");
    let dir = tree.dir().to_path_buf();
    let names: [&[u8]; 6] = [b"--upload-pack=evil", b"-c", b"new\nline", b"\xff\xfe", b"a b'\"$(evil)", b":(top)"];
    for name in names {
        fs::write(dir.join(OsStr::from_bytes(name)), "x").expect("writable");
    }
    fs::create_dir(dir.join(".GIT")).expect("writable");
    fs::write(dir.join(".GIT/config"), "[core]\n").expect("writable");
    let tip = git(&dir, &["commit-tree", "HEAD^{tree}", "-m", "other"]);
    for name in ["--upload-pack=evil", "-c", "new\nline", "x.lock", "a..b"] {
        fs::write(dir.join(".git/refs/heads").join(name), format!("{tip}\n")).expect("writable");
    }
    let saved = save(&mut tree);
    let listed = git(&world.origin(), &["ls-tree", "-z", "--name-only", "ostler/run_names"]);
    for name in ["--upload-pack=evil", "-c", "new\nline", "a b'\"$(evil)", ":(top)"] {
        assert!(listed.split('\0').any(|known| known == name), "{name:?}");
    }
    assert!(saved.left.iter().any(|left| left.path == ".GIT"), "{saved:?}");
    assert!(!saved.others.is_empty() && saved.others.iter().all(|name| name.starts_with("refs/ostler/run_names/")));
    assert!(saved.others.iter().all(|name| !name.contains(['\n', '\u{1b}'])));
}

#[test]
fn a_tree_swapped_for_a_symlink_deletes_nothing_elsewhere() {
    let world = World::new();
    let tree = world.tree("run_swap");
    let dir = tree.dir().to_path_buf();
    fs::rename(&dir, world.path("moved")).expect("ours");
    symlink(world.origin(), &dir).expect("writable");
    let (_, error) = tree.remove(Proof::Empty, stop()).expect_err("that is not the tree");
    assert!(error.to_string().contains("not there any more"), "{error}");
    assert!(world.origin().join("README").exists());
}

#[test]
fn the_mirror_is_read_only_and_damage_is_noticed() {
    let world = World::new();
    let tree = world.tree("run_mirror");
    let objects: Vec<PathBuf> = files(&world.path("runner/mirrors"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "pack" || e == "idx"))
        .collect();
    assert!(!objects.is_empty());
    for path in objects {
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o222, 0, "{path:?} {mode:o}");
    }
    let root = fs::metadata(world.path("runner/mirrors")).expect("there").permissions().mode();
    assert_eq!(root & 0o077, 0);
    tree.remove(Proof::Empty, stop()).expect("untouched");
}
