//! A tree is cut again from where its work came home, and goes when nothing was done in it since.

use std::fs;

use crate::world::{World, git, save, stop};
use ostler_workspace::{Outline, Proof, RemoveError, Source, Tree, erase, measure};

fn again(world: &World, source: &Source, run: &str) -> Tree {
    let branch = format!("ostler/{run}");
    world.mirrors.checkout_again(run, source, (&world.path(run), &branch), stop()).expect("a tree is cut")
}

#[test]
fn later_work_goes_on_from_the_branch_and_knows_what_the_source_said() {
    let world = World::new();
    let mut first = world.tree("run_one");
    let base = first.base().map(str::to_owned);
    fs::write(first.dir().join("one"), "1\n").expect("writable");
    fs::write(first.dir().join("README"), "changed by the agent\n").expect("writable");
    save(&mut first);
    first.remove(Proof::Last, stop()).expect("saved");

    let mut second = again(&world, &world.source(), "run_one");
    assert_eq!(fs::read_to_string(second.dir().join("one")).expect("cut from the branch"), "1\n");
    assert_ne!(second.base().map(str::to_owned), base);
    assert_eq!(second.source_base().map(str::to_owned), base);
    let original = second.original("README", 100).expect("reads").expect("a file");
    assert_eq!(original, b"one\ntwo\n", "what an agent made of it is nobody's word");
    fs::remove_file(second.dir().join("README")).expect("ours");
    let saved = save(&mut second);
    assert_eq!(saved.branch.as_deref(), Some("ostler/run_one"), "one line of work");
    let outline = second.outline(saved.commit.as_deref().expect("work")).expect("reads");
    let expected = Outline {
        commits: vec!["what was left".to_owned(), "what was left".to_owned()],
        files: vec!["D README".to_owned(), "A one".to_owned()],
        more_files: 0,
    };
    assert_eq!(outline, expected);
    second.remove(Proof::Saved(&saved), stop()).expect("saved");

    let origin = world.origin();
    git(&origin, &["checkout", "-q", "ostler/run_one"]);
    fs::write(origin.join("review"), "by a person\n").expect("writable");
    git(&origin, &["add", "review"]);
    git(&origin, &["commit", "-q", "-m", "a person's"]);
    git(&origin, &["checkout", "-q", "main"]);
    let third = again(&world, &world.source(), "run_one");
    assert!(third.dir().join("review").exists(), "what somebody committed on top is gone on with");
    let fresh = again(&world, &world.source(), "run_two");
    assert_eq!(fresh.base().map(str::to_owned), fresh.source_base().map(str::to_owned), "no branch: the source alone");
}

#[test]
fn files_of_a_run_without_a_repository_stand_again() {
    let world = World::new();
    let nowhere = Source::nowhere();
    let mut first = world.mirrors.checkout("run_one", &nowhere, &world.path("run_one"), stop()).expect("a folder");
    fs::create_dir_all(first.dir().join(".ostler")).expect("writable");
    fs::write(first.dir().join(".ostler/run.toml"), "check = 'true'").expect("writable");
    let saved = save(&mut first);
    first.remove(Proof::Saved(&saved), stop()).expect("saved");
    let mut second = again(&world, &nowhere, "run_one");
    assert!(second.dir().join(".ostler/run.toml").exists() && !second.dir().join(".git").exists());
    assert_eq!(second.original(".ostler/run.toml", 100).expect("reads"), None, "an agent wrote it");
    assert_eq!(save(&mut second).branch, None, "nothing was done since");
    fs::write(second.dir().join("more"), "x").expect("writable");
    let saved = save(&mut second);
    assert_eq!((saved.branch.as_deref(), saved.base.is_some()), (Some("ostler/run_one"), true));
}

#[test]
fn a_tree_goes_without_a_save_of_its_own_only_as_it_was_saved_last() {
    let world = World::new();
    let mut tree = world.tree("run_one");
    fs::write(tree.dir().join("one"), "1").expect("writable");
    let refused = tree.remove(Proof::Last, stop()).expect_err("never saved");
    let (back, RemoveError::WouldLose { .. }) = refused else { panic!("{:?}", refused.1) };
    tree = *back;
    save(&mut tree);
    fs::write(tree.dir().join("two"), "2").expect("writable");
    let (back, _) = tree.remove(Proof::Last, stop()).expect_err("changed since");
    fs::remove_file(back.dir().join("two")).expect("ours");
    let dir = back.dir().to_path_buf();
    assert!(measure(&dir, &stop()).expect("measures") > 0);
    back.remove(Proof::Last, stop()).expect("as it was saved");
    assert!(!dir.exists());
    erase(&dir).expect("what is not there is no error");
}
