//! Work done in a tree comes home whole, and a tree goes only when it did.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::AtomicBool;

use crate::world::{self, World, git, save, stop};
use ostler_workspace::{CheckoutError, Fault, Home, Limits, Network, Proof, RemoveError, Source, Stop, Stopped};

#[test]
fn a_tree_is_a_repository_of_its_own() {
    let world = World::new();
    let tree = world.tree("run_one");
    assert_eq!(fs::read_to_string(tree.dir().join("README")).expect("checked out"), "one\ntwo\n");
    assert_eq!(git(tree.dir(), &["status", "--porcelain"]), "");
    assert_eq!(git(tree.dir(), &["branch", "--show-current"]), "ostler/run_one");
    assert_eq!(git(tree.dir(), &["rev-parse", "HEAD"]), git(&world.origin(), &["rev-parse", "HEAD"]));
    assert_eq!(git(tree.dir(), &["rev-parse", "source/main"]), git(&world.origin(), &["rev-parse", "main"]));
    assert_eq!(git(tree.dir(), &["remote"]), "");
    assert!(!tree.dir().join(".git/hooks").exists());
    git(tree.dir(), &["fsck", "--strict"]);
}

#[test]
fn commits_and_uncommitted_work_come_home_and_the_latter_is_marked() {
    let world = World::new();
    let mut tree = world.tree("run_two");
    let dir = tree.dir().to_path_buf();
    fs::write(dir.join("committed"), "by the agent\n").expect("writable");
    git(&dir, &["add", "committed"]);
    git(&dir, &["commit", "-q", "-m", "the agent's own"]);
    let own = git(&dir, &["rev-parse", "HEAD"]);
    fs::write(dir.join("binary"), [0u8, 159, 146, 150, 13, 10]).expect("writable");
    fs::write(dir.join("tool"), "#!/bin/sh\n").expect("writable");
    fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(0o755)).expect("ours");
    symlink("/etc/passwd", dir.join("link")).expect("writable");
    fs::remove_file(dir.join("src/main.c")).expect("ours");
    fs::create_dir_all(dir.join("target/deep")).expect("writable");
    fs::write(dir.join("target/deep/out"), "built").expect("writable");
    fs::write(dir.join("a.log"), "noise").expect("writable");

    let saved = save(&mut tree);
    let origin = world.origin();
    assert!(saved.uncommitted && saved.left.is_empty(), "{saved:?}");
    assert_eq!(saved.branch.as_deref(), Some("ostler/run_two"));
    assert_eq!(saved.home, Some(Home::Origin { path: origin.clone(), branch: "ostler/run_two".into() }));
    assert_eq!(saved.ignored.names, ["a.log", "target/"]);
    let commit = saved.commit.clone().expect("there was work");
    assert_eq!(git(&origin, &["rev-parse", "ostler/run_two"]), commit);
    assert_eq!(git(&origin, &["rev-parse", "ostler/run_two^"]), own);
    let message = git(&origin, &["log", "-1", "--format=%an%n%B", "ostler/run_two"]);
    assert!(
        message.starts_with("Ostler Test\nwhat was left") && message.contains("Ostler-Uncommitted: true"),
        "{message}"
    );
    let listed = git(&origin, &["ls-tree", "-r", "ostler/run_two"]);
    let shape: Vec<(&str, &str)> = listed.lines().map(|l| (&l[..6], l.split('\t').nth(1).expect("a name"))).collect();
    let expected = [
        ("100644", ".gitignore"),
        ("100644", "README"),
        ("100644", "binary"),
        ("100644", "committed"),
        ("120000", "link"),
        ("100755", "tool"),
    ];
    assert_eq!(shape, expected);
    assert_eq!(git(&origin, &["cat-file", "-s", "ostler/run_two:binary"]), "6");
    git(&origin, &["fsck", "--strict"]);
    assert_eq!(git(&origin, &["status", "--porcelain"]), "", "the person's own tree and index are untouched");
    assert_eq!(git(&origin, &["branch", "--show-current"]), "main");

    let again = tree.save(world::AUTHOR, "said otherwise", stop()).expect("saved again");
    assert_eq!(again.commit, saved.commit, "a second save of the same work is the same commit");
    let diff = tree.diff(saved.base.as_deref(), &commit, 1 << 20, stop()).expect("comparable");
    assert_eq!((diff.files, diff.removed, diff.cut), (5, 1, false));
    assert!(String::from_utf8_lossy(&diff.patch).contains("+by the agent"));
    let short = tree.diff(saved.base.as_deref(), &commit, 40, stop()).expect("comparable");
    assert!(short.cut && short.patch.len() <= 40 && short.added == diff.added);

    tree.remove(Proof::Saved(&saved), stop()).expect("all of it is saved");
    assert!(!dir.exists());
    assert!(world.mirrors.sweep().expect("readable").is_empty());
}

#[test]
fn nothing_unsaved_is_removed() {
    let world = World::new();
    let mut tree = world.tree("run_keep");
    let dir = tree.dir().to_path_buf();
    fs::write(dir.join("new"), "1").expect("writable");
    let (mut back, error) = tree.remove(Proof::Empty, stop()).expect_err("there is work in it");
    assert!(matches!(error, RemoveError::WouldLose { .. }), "{error}");
    let saved = save(&mut back);
    fs::write(dir.join("new"), "2").expect("writable");
    let (back, error) = back.remove(Proof::Saved(&saved), stop()).expect_err("it changed since");
    assert!(error.to_string().contains("changed and not saved"), "{error}");
    fs::write(dir.join("new"), "1").expect("writable");
    git(&dir, &["checkout", "-q", "-b", "aside"]);
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "only here"]);
    let (mut back, error) = back.remove(Proof::Saved(&saved), stop()).expect_err("a commit came since");
    assert!(error.to_string().contains("not saved"), "{error}");
    tree = {
        save(&mut back);
        *back
    };
    let saved = save(&mut tree);
    tree.remove(Proof::Saved(&saved), stop()).expect("saved now");
    assert!(!dir.exists());
}

#[test]
fn an_untouched_tree_needs_no_branch() {
    let world = World::new();
    let mut tree = world.tree("run_idle");
    let saved = save(&mut tree);
    assert_eq!((saved.commit.as_ref(), saved.branch.as_ref()), (saved.base.as_ref(), None));
    assert_eq!(git(&world.origin(), &["branch", "--list", "ostler/*"]), "");
    tree.remove(Proof::Empty, stop()).expect("nothing was done");
}

#[test]
fn a_run_without_a_repository_is_saved_all_the_same() {
    let world = World::new();
    let dir = world.path("plain");
    let mut tree = world.mirrors.checkout("plain", &Source::nowhere(), &dir, stop()).expect("a folder");
    assert!(world::files(&dir).is_empty());
    assert_eq!(save(&mut tree).commit, None);
    fs::write(dir.join("answer"), "42\n").expect("writable");
    let saved = save(&mut tree);
    let diff = tree.diff(None, saved.commit.as_deref().expect("work"), 4096, stop()).expect("comparable");
    assert_eq!((diff.files, diff.added), (1, 1));
    assert!(matches!(saved.home, Some(Home::Mirror { why: None, .. })));
    tree.remove(Proof::Saved(&saved), stop()).expect("saved");
}

#[test]
fn two_trees_of_one_run_never_overwrite_each_other() {
    let world = World::new();
    let (mut one, mut two) = (world.tree("run_same"), {
        world.mirrors.checkout("run_same", &world.source(), &world.path("second"), stop()).expect("another attempt")
    });
    fs::write(one.dir().join("x"), "one").expect("writable");
    fs::write(two.dir().join("x"), "two").expect("writable");
    assert_eq!(save(&mut one).branch.as_deref(), Some("ostler/run_same"));
    assert_eq!(save(&mut two).branch.as_deref(), Some("ostler/run_same.2"));
    assert_eq!(git(&world.origin(), &["show", "ostler/run_same:x"]), "one");
    assert_eq!(git(&world.origin(), &["show", "ostler/run_same.2:x"]), "two");
}

#[test]
fn a_checked_out_branch_of_the_origin_is_never_moved() {
    let world = World::new();
    git(&world.origin(), &["checkout", "-q", "-b", "ostler/run_there"]);
    let before = git(&world.origin(), &["rev-parse", "HEAD"]);
    let mut tree = world.tree("run_there");
    fs::write(tree.dir().join("x"), "work").expect("writable");
    let saved = save(&mut tree);
    assert_eq!(saved.home, Some(Home::Origin { path: world.origin(), branch: "ostler/run_there.2".into() }));
    assert_eq!(git(&world.origin(), &["rev-parse", "HEAD"]), before);
    assert_eq!(git(&world.origin(), &["status", "--porcelain"]), "");
}

#[test]
fn an_origin_that_cannot_take_the_branch_leaves_it_in_the_mirror() {
    let world = World::new();
    git(&world.origin(), &["branch", "ostler"]);
    let mut tree = world.tree("run_df");
    fs::write(tree.dir().join("x"), "work").expect("writable");
    let saved = save(&mut tree);
    let Some(Home::Mirror { path, branch, why: Some(_) }) = saved.home.clone() else { panic!("{saved:?}") };
    assert_eq!(git(&path, &["rev-parse", &branch]), saved.commit.clone().expect("work"));
    tree.remove(Proof::Saved(&saved), stop()).expect("the mirror is elsewhere");
}

#[test]
fn every_ref_the_agent_made_is_kept() {
    let world = World::new();
    let mut tree = world.tree("run_refs");
    let dir = tree.dir().to_path_buf();
    for (branch, file) in [("side", "s"), ("other", "o")] {
        git(&dir, &["checkout", "-q", "-b", branch, "source/main"]);
        fs::write(dir.join(file), branch).expect("writable");
        git(&dir, &["add", "-A"]);
        git(&dir, &["commit", "-q", "-m", branch]);
    }
    git(&dir, &["pack-refs", "--all"]);
    fs::write(dir.join("README"), "stashed\n").expect("ours");
    git(&dir, &["stash", "-q"]);
    git(&dir, &["checkout", "-q", "--detach", "source/main"]);
    git(&dir, &["branch", "-q", "-D", "ostler/run_refs"]);
    git(&dir, &["repack", "-q", "-a", "-d"]);
    let saved = save(&mut tree);
    assert!(saved.others.iter().any(|name| name.ends_with("heads/side")), "{saved:?}");
    assert!(saved.others.iter().any(|name| name.ends_with("/stash")), "{saved:?}");
    tree.remove(Proof::Saved(&saved), stop()).expect("all refs are in the mirror");
}

#[test]
fn a_rewritten_history_comes_home_as_it_is() {
    let world = World::new();
    let mut tree = world.tree("run_rewrite");
    let dir = tree.dir().to_path_buf();
    git(&dir, &["checkout", "-q", "--orphan", "fresh"]);
    git(&dir, &["commit", "-q", "-m", "rewritten"]);
    let tip = git(&dir, &["rev-parse", "HEAD"]);
    let saved = save(&mut tree);
    assert_eq!((saved.commit.as_deref(), saved.uncommitted), (Some(tip.as_str()), false));
    assert_eq!(git(&world.origin(), &["rev-parse", "ostler/run_rewrite"]), tip);
}

#[test]
fn line_ends_that_git_itself_would_hide_are_no_change() {
    let world = World::new();
    let mut tree = world.tree("run_crlf");
    fs::write(tree.dir().join("README"), "one\r\ntwo\r\n").expect("ours");
    let saved = save(&mut tree);
    assert_eq!((saved.commit, saved.uncommitted), (saved.base, false));
}

#[test]
fn a_tracked_file_is_work_even_where_it_is_ignored() {
    let world = World::new();
    fs::write(world.origin().join("kept.log"), "1\n").expect("writable");
    git(&world.origin(), &["add", "-f", "kept.log"]);
    git(&world.origin(), &["commit", "-q", "-m", "tracked all the same"]);
    let mut tree = world.tree("run_tracked");
    fs::write(tree.dir().join("kept.log"), "2\n").expect("ours");
    let saved = save(&mut tree);
    assert_eq!((saved.uncommitted, saved.ignored.count), (true, 0));
    assert_eq!(git(&world.origin(), &["show", "ostler/run_tracked:kept.log"]), "2");
}

#[test]
fn a_checkout_that_fails_half_way_leaves_nothing() {
    let world = World::new();
    let origin = world.origin();
    let readme = git(&origin, &["rev-parse", "HEAD:README"]);
    git(&origin, &["update-index", "--add", "--cacheinfo", &format!("100644,{readme},{}", "x".repeat(300))]);
    git(&origin, &["commit", "-q", "-m", "a name no disk takes"]);
    world.checkout("run_half").expect_err("the file cannot be written");
    assert!(!world.path("run_half").exists());
    assert!(world::files(&world.path("runner/trees")).is_empty(), "nor a record of it");
}

#[test]
fn a_dropped_commit_is_still_work() {
    let world = World::new();
    let mut tree = world.tree("run_drop");
    let dir = tree.dir().to_path_buf();
    fs::write(dir.join("x"), "thrown away").expect("writable");
    git(&dir, &["add", "-A"]);
    git(&dir, &["commit", "-q", "-m", "to be lost"]);
    let lost = git(&dir, &["rev-parse", "HEAD"]);
    git(&dir, &["reset", "-q", "--hard", "HEAD~1"]);
    let saved = save(&mut tree);
    assert_eq!(saved.others, [format!("refs/ostler/run_drop/dropped/{lost}")]);
    tree.remove(Proof::Saved(&saved), stop()).expect("even that is in the mirror");
}

#[test]
fn what_cannot_be_saved_is_said_and_keeps_the_tree() {
    let limits = Limits { reserve_bytes: 0, file_bytes_max: 1000, ..Limits::default() };
    let world = World::with(limits, Network::default());
    let mut tree = world.tree("run_left");
    let dir = tree.dir().to_path_buf();
    fs::write(dir.join("big"), vec![b'x'; 1001]).expect("writable");
    fs::create_dir(dir.join("nested")).expect("writable");
    git(&dir.join("nested"), &["init", "-q"]);
    fs::write(dir.join("nested/file"), "inside").expect("writable");
    let saved = save(&mut tree);
    let left: Vec<&str> = saved.left.iter().map(|left| left.path.as_str()).collect();
    assert_eq!(left, ["big", "nested/.git"]);
    assert_eq!(git(&world.origin(), &["show", "ostler/run_left:nested/file"]), "inside");
    let (_, error) = tree.remove(Proof::Saved(&saved), stop()).expect_err("two things would be lost");
    assert!(error.to_string().contains("big") && dir.exists(), "{error}");
}

#[test]
fn a_restarted_runner_finds_its_trees() {
    let world = World::new();
    let tree = world.tree("run_back");
    fs::write(tree.dir().join("x"), "1").expect("writable");
    let dir = tree.dir().to_path_buf();
    drop(tree);
    let found = world.mirrors.sweep().expect("readable");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].run.as_str(), found[0].dir.as_path(), &found[0].saved), ("run_back", dir.as_path(), &None));
    let mut tree = world.mirrors.tree(&dir).expect("readable").expect("it stands");
    let saved = save(&mut tree);
    tree.remove(Proof::Saved(&saved), stop()).expect("saved");
    assert!(world.mirrors.tree(&dir).expect("readable").is_none());
}

#[test]
fn read_only_folders_do_not_keep_a_tree() {
    let world = World::new();
    let tree = world.tree("run_ro");
    let cache = tree.dir().join("target/cache");
    fs::create_dir_all(&cache).expect("writable");
    fs::write(cache.join("x"), "ignored").expect("writable");
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o555)).expect("ours");
    let dir = tree.dir().to_path_buf();
    tree.remove(Proof::Empty, stop()).expect("only ignored files were made");
    assert!(!dir.exists());
}

#[test]
fn concurrent_checkouts_share_one_mirror() {
    let world = World::new();
    std::thread::scope(|scope| {
        let made: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn({
                    let world = &world;
                    move || world.tree(&format!("run_{n}"))
                })
            })
            .collect();
        for thread in made {
            let mut tree = thread.join().expect("no panic");
            fs::write(tree.dir().join("x"), tree.run()).expect("writable");
            assert!(save(&mut tree).home.is_some());
        }
    });
    assert_eq!(git(&world.origin(), &["branch", "--list", "ostler/*"]).lines().count(), 6);
    let mirrors = fs::read_dir(world.path("runner/mirrors")).expect("there").flatten();
    assert_eq!(mirrors.filter(|entry| entry.path().is_dir()).count(), 1);
}

#[test]
fn a_moved_source_moves_the_mirror_and_not_the_work() {
    let world = World::new();
    let mut tree = world.tree("run_old");
    fs::write(tree.dir().join("x"), "1").expect("writable");
    fs::write(world.origin().join("y"), "2").expect("writable");
    git(&world.origin(), &["add", "-A"]);
    git(&world.origin(), &["commit", "-q", "--amend", "-m", "rewritten"]);
    let next = world.tree("run_new");
    assert!(next.dir().join("y").exists());
    assert_eq!(save(&mut tree).branch.as_deref(), Some("ostler/run_old"));
}

#[test]
fn bad_sources_say_what_to_do() {
    let world = World::new();
    let at = |path: &str, reference: Option<&str>| {
        let source = Source::new(path, reference).expect("well formed");
        let dir = world.path("tree");
        let error = world.mirrors.checkout("run_bad", &source, &dir, stop()).expect_err("a bad source");
        assert!(!dir.exists(), "nothing is left where the tree would have stood");
        error
    };
    let origin = world.origin();
    let origin = origin.to_str().expect("UTF-8");
    assert!(matches!(at("/nonexistent/repository", None), CheckoutError::Missing(_)));
    fs::create_dir(world.path("folder")).expect("writable");
    let folder = world.path("folder");
    assert!(matches!(at(folder.to_str().expect("UTF-8"), None), CheckoutError::NotGit { .. }));
    let file = world.origin().join("README");
    assert!(matches!(at(file.to_str().expect("UTF-8"), None), CheckoutError::NotGit { .. }));
    let error = at(origin, Some("mian"));
    assert!(error.to_string().contains("did you mean main?"), "{error}");
    git(&world.path("folder"), &["init", "-q"]);
    assert!(matches!(at(folder.to_str().expect("UTF-8"), None), CheckoutError::NoCommit(_)));
    let label = world.mirrors.checkout("../x", &world.source(), &world.path("t"), stop());
    assert!(matches!(label, Err(CheckoutError::Label(_))));
    let occupied = world.mirrors.checkout("run", &world.source(), &world.origin(), stop());
    assert!(matches!(occupied, Err(CheckoutError::Occupied(_))));
    assert!(world.mirrors.sweep().expect("readable").is_empty());
}

#[test]
fn references_are_found_by_branch_tag_and_commit() {
    let world = World::new();
    let origin = world.origin();
    git(&origin, &["tag", "-a", "v1", "-m", "tagged"]);
    let first = git(&origin, &["rev-parse", "HEAD"]);
    git(&origin, &["checkout", "-q", "--detach"]);
    git(&origin, &["commit", "-q", "--allow-empty", "-m", "second"]);
    let second = git(&origin, &["rev-parse", "HEAD"]);
    for (reference, commit) in [
        (None, &second),
        (Some("HEAD"), &second),
        (Some("main"), &first),
        (Some("v1"), &first),
        (Some("refs/heads/main"), &first),
        (Some(&first[..9]), &first),
    ] {
        let source = Source::new(origin.to_str().expect("UTF-8"), reference).expect("well formed");
        let tree = world.mirrors.checkout("run", &source, &world.path("tree"), stop()).expect("found");
        assert_eq!(tree.base(), Some(commit.as_str()), "{reference:?}");
        tree.remove(Proof::Empty, stop()).expect("untouched");
    }
}

#[test]
fn a_shallow_or_linked_or_bare_source_serves_as_well() {
    let world = World::new();
    let origin = world.origin();
    git(&origin, &["commit", "-q", "--allow-empty", "-m", "second"]);
    let url = format!("file://{}", origin.display());
    git(world.dir.path(), &["clone", "-q", "--depth", "1", &url, "shallow"]);
    git(world.dir.path(), &["clone", "-q", "--bare", &url, "bare"]);
    git(&origin, &["worktree", "add", "-q", "-b", "linked", "../linked"]);
    for place in ["bare", "linked", "shallow"] {
        let source = Source::new(world.path(place).to_str().expect("UTF-8"), None).expect("well formed");
        let dir = world.path(&format!("tree-{place}"));
        let mut tree = world.mirrors.checkout(place, &source, &dir, stop()).expect("a source like any other");
        assert!(!git(tree.dir(), &["log", "--oneline"]).is_empty(), "the agent's git finds where history ends");
        fs::write(tree.dir().join("x"), place).expect("writable");
        let saved = save(&mut tree);
        assert!(matches!(saved.home, Some(Home::Origin { .. })), "{place} {saved:?}");
        assert_eq!(git(&world.path(place), &["show", &format!("ostler/{place}:x")]), place);
        tree.remove(Proof::Saved(&saved), stop()).expect("saved");
    }
}

#[test]
fn no_room_is_refused_with_numbers_and_nothing_is_made() {
    let limits = Limits { reserve_bytes: u64::MAX / 2, ..Limits::default() };
    let world = World::with(limits, Network::default());
    let error = world.checkout("run_full").expect_err("the reserve is larger than the disk");
    assert!(matches!(&error, CheckoutError::Disk(short) if short.needed_bytes > 0), "{error}");
    assert!(!world.path("run_full").exists());
    let tight = World::with(Limits { disk_bytes_max: 4096, reserve_bytes: 0, ..Limits::default() }, Network::default());
    assert!(matches!(tight.checkout("run_tight"), Err(CheckoutError::Disk(_))));
}

#[test]
fn a_cancelled_call_says_so() {
    let world = World::new();
    let cancelled = AtomicBool::new(true);
    let stop = Stop::new(&cancelled, None);
    let error = world.mirrors.checkout("run", &world.source(), &world.path("t"), stop).expect_err("cancelled");
    assert!(matches!(error, CheckoutError::Fault(Fault::Stopped(Stopped::Cancelled))), "{error}");
    assert!(!world.path("t").exists());
}
