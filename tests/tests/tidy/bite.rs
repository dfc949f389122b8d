//! A check that has never failed proves nothing: each rule is shown a small house that breaks it, and one that does not.

use std::fmt::Write;
use std::path::Path;

use crate::house::{Breach, House, Manifest, Source};
use crate::{edges, shape, wire, words};

const CORE: &str = "crates/core/src/run.rs";

/// What a rule says of one file.
fn said(path: &str, text: &str, rule: impl Fn(&Source) -> Vec<Breach>) -> Vec<String> {
    House::of(path, text).sources.iter().flat_map(rule).map(|breach| breach.to_string()).collect()
}

#[track_caller]
fn bites(path: &str, text: &str, rule: impl Fn(&Source) -> Vec<Breach>, expected: &[&str]) {
    let said = said(path, text, rule);
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said:?} should name {expected:?}");
    }
}

fn manifest(room: &str, text: &str) -> Manifest {
    let table = text.parse().expect("a manifest");
    Manifest { path: format!("{room}/Cargo.toml").into(), room: room.to_owned(), table }
}

#[test]
fn a_file_without_an_opening() {
    bites(CORE, "struct Run;\n", words::opening, &["run.rs:1"]);
    bites(CORE, "//! The run.\nstruct Run;\n", words::opening, &[]);
}

#[test]
fn words_that_are_not_done() {
    let text = "//! x\nfn f() { todo!(); dbg!(1); unimplemented!() }\n";
    bites(CORE, text, words::forbidden, &["run.rs:2: todo!", "dbg!", "unimplemented!"]);
}

#[test]
fn unwraps_outside_tests() {
    let text = "//! x\nfn f() { g().unwrap(); g().expect(\"ok\"); g().expect(\"it is sorted\"); h.expect(token); }\n";
    bites(CORE, text, words::forbidden, &["run.rs:2: unwrap()", "expect of one word"]);
    bites(CORE, "//! x\n#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }\n", words::forbidden, &[]);
    bites("crates/core/tests/a.rs", "//! x\nfn f() { g().unwrap(); }\n", words::forbidden, &[]);
}

#[test]
fn lints_that_are_silenced() {
    let text = "//! x\n#[allow(dead_code)]\nfn f() {}\n#[expect(dead_code)]\nfn g() {}\n#[expect(dead_code, reason = \"why\")]\nfn h() {}\n";
    bites(CORE, text, words::forbidden, &["run.rs:2: #[allow", "run.rs:4: #[expect"]);
}

#[test]
fn printing_outside_the_front_desk() {
    let text = "//! x\nfn f() { println!(\"hi\"); }\n";
    bites("relay/src/watch.rs", text, words::forbidden, &["watch.rs:2: println!"]);
    for path in ["crates/cli/src/run.rs", "relay/src/main.rs", "tests/tests/try.rs"] {
        bites(path, text, words::forbidden, &[]);
    }
}

#[test]
fn unsafe_without_its_sentence_or_outside_its_room() {
    let bare = "//! x\nfn f() { unsafe { g() } }\n";
    let told = "//! x\nfn f() {\n    // SAFETY: g has no preconditions.\n    unsafe { g() }\n}\n";
    bites("crates/pty/src/group.rs", bare, words::forbidden, &["group.rs:2: unsafe"]);
    bites("crates/pty/src/group.rs", told, words::forbidden, &[]);
    bites(CORE, told, words::forbidden, &["run.rs:4: unsafe"]);
}

#[test]
fn core_naming_the_outside() {
    let text = "//! x\nuse std::{collections::{BTreeMap, HashMap}, fs};\nfn f() { std::time::Instant::now(); }\n";
    bites(CORE, text, words::outside, &["HashMap", "std::fs", "run.rs:3: std::time::Instant::now"]);
    bites("crates/store/src/run.rs", text, words::outside, &[]);
    bites(CORE, "//! x\nuse std::time::Duration;\nuse std::fmt;\nfn f() { std::fsx::g(); }\n", words::outside, &[]);
}

#[test]
fn names_of_genres() {
    bites("relay/src/utils.rs", "//! x\n", words::junk_names, &["utils"]);
    bites("relay/src/helpers/run.rs", "//! x\n", words::junk_names, &["helpers"]);
    bites("relay/src/lib.rs", "//! x\nmod types;\n", words::junk_names, &["lib.rs:2: types"]);
    bites("relay/src/lib.rs", "//! x\nmod run;\n", words::junk_names, &[]);
}

#[test]
fn private_machines_in_any_file() {
    let text = ["see /work", "/main/x\nsee docs/x\n"].concat();
    assert_eq!(words::private(Path::new("README.md"), &text).len(), 1);
}

#[test]
fn long_functions_matches_and_argument_lists() {
    let long = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(69));
    bites(CORE, &long, shape::walls, &["run.rs:2: f has 71 lines"]);
    bites(CORE, &long.replacen("    g();\n", "", 1), shape::walls, &[]);
    let wide = "//! x\nfn f(a: u8, b: u8, c: u8, d: u8, e: u8, g: u8, h: u8) {}\n";
    bites(CORE, wide, shape::walls, &["run.rs:2: f takes 7"]);
    let arms = "        1 => g(),\n".repeat(39);
    let matching = format!("//! x\nfn f() {{\n    match x {{\n{arms}    }}\n}}\n");
    bites(CORE, &matching, shape::walls, &["run.rs:3: a match of 39 arms on 41 lines"]);
    let tested = format!("//! x\n#[cfg(test)]\nmod tests {{\n{long}}}\n").replace("//! x\nfn f", "fn f");
    bites(CORE, &tested, shape::walls, &[]);
}

#[test]
fn long_files_without_their_tests() {
    let text = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(500));
    bites(CORE, &text, shape::walls, &["501 lines"]);
    let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 1;\n".repeat(500));
    bites(CORE, &tests, shape::walls, &[]);
}

#[test]
fn a_house_of_long_functions_or_files() {
    let nine = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(7));
    assert!(shape::percentiles(&House::of(CORE, &nine))[0].to_string().contains("p50 is 9"));
    let eight = nine.replacen("    g();\n", "", 1);
    assert!(shape::percentiles(&House::of(CORE, &eight)).is_empty());
    let file = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(150));
    assert!(shape::percentiles(&House::of(CORE, &file))[0].to_string().contains("p50 is 151"));
}

#[test]
fn crowded_and_deep_folders() {
    let mut house = House::of("relay/src/a/b/c/d/e.rs", "//! x\n");
    assert!(shape::folders(&house)[0].to_string().contains("4 folders below src"));
    house = House::of("relay/src/a/b/c/d.rs", "//! x\n");
    assert!(shape::folders(&house).is_empty());
    for name in 0..12 {
        house.add(Path::new(&format!("relay/src/a/b/c/f{name}.rs")), "//! x\n");
    }
    assert!(shape::folders(&house)[0].to_string().contains("13 files"));
}

#[test]
fn too_few_and_too_many_comments() {
    let house = |docs: usize, plain: usize| {
        let code = "const A: u8 = 1;\n".repeat(100 - docs - plain);
        House::of(CORE, &format!("{}{}{code}", "//! x\n".repeat(docs), "// y\n".repeat(plain)))
    };
    let told = |docs, plain| shape::comments(&house(docs, plain)).len();
    assert_eq!((told(15, 3), told(11, 3), told(21, 3), told(15, 6), told(15, 0), told(5, 9)), (0, 1, 1, 1, 1, 2));
}

#[test]
fn too_many_public_items() {
    let mut house = House::of("relay/src/lib.rs", "//! x\nmod a;\npub mod b;\npub use a::{A, B};\npub use b::C;\n");
    let many: String = (0..56).fold("//! x\n".to_owned(), |mut text, n| {
        writeln!(text, "pub struct S{n};").expect("a string takes anything");
        text
    });
    house.add(Path::new("relay/src/a.rs"), &many);
    house.add(Path::new("relay/src/b.rs"), &many);
    assert!(shape::public_items(&house).is_empty(), "57 and 2: a private module's items do not count");
    house.sources.retain(|source| !source.path.ends_with("src/lib.rs"));
    house.add(Path::new("relay/src/lib.rs"), "//! x\nmod a;\npub mod b;\npub use a::*;\n");
    assert!(shape::public_items(&house)[0].to_string().contains("112 public items"));
}

#[test]
fn a_core_that_believes_nothing() {
    let code = "const A: u8 = 1;\n".repeat(97);
    let plain = House::of(CORE, &format!("//! x\nfn f() {{\n}}\n{code}"));
    assert!(shape::assertions(&plain)[0].to_string().contains("0 assertions"));
    let sure = House::of(CORE, &format!("//! x\nfn f() {{ debug_assert!(true);\n}}\n{code}"));
    assert!(shape::assertions(&sure).is_empty());
}

#[test]
fn edges_outside_the_design() {
    let wrong = manifest("core", "[dependencies]\nostler-store.workspace = true\nredb = \"4\"\nserde = \"1\"\n");
    let said: Vec<String> = edges::manifest_edges(&wrong).iter().map(ToString::to_string).collect();
    assert!(said.len() == 2 && said[0].contains("core depends on store") && said[1].contains("redb"), "{said:?}");
    assert_eq!(edges::manifest_edges(&manifest("attic", "")).len(), 1, "a new room needs its edges");
    assert!(
        edges::manifest_edges(&manifest("store", "[dependencies]\nredb = \"4\"\nostler-core = \"1\"\n")).is_empty()
    );
}

#[test]
fn imports_outside_the_design() {
    let text = "//! x\nuse ractor::Actor;\nuse ostler_store::Shelf;\nfn f() { redb::open(); ostler_core::g(); }\n";
    bites("crates/client/src/run.rs", text, edges::imports, &["ractor::Actor", "ostler_store", "redb::open"]);
    bites("relay/src/run.rs", text, edges::imports, &["relay names redb::open"]);
    bites("relay/src/run.rs", "//! x\n#[cfg(test)]\nmod tests { use redb::Database; }\n", edges::imports, &[]);
}

#[test]
fn too_many_dependencies_and_a_large_or_foreign_lock() {
    let ten = (0..11).fold("[dependencies]\n".to_owned(), |text, n| text + &format!("d{n} = \"1\"\n"));
    let mut house = House::of(CORE, "//! x\n");
    house.manifests.push(manifest("core", &ten));
    assert!(edges::direct(&house)[0].to_string().contains("11 dependencies"));
    house.manifests = vec![manifest("core", &format!("bin = []\n{ten}"))];
    assert!(edges::direct(&house).is_empty(), "a binary may have twenty");
    assert_eq!(edges::lock_text(&"[[package]]\n".repeat(350)).len(), 1);
    assert_eq!(edges::lock_text("[[package]]\nsource = \"git+https://example.org/x\"\n").len(), 1);
}

#[test]
fn a_profile_that_aborts() {
    assert_eq!(edges::aborts(&manifest("house", "[profile.release]\npanic = \"abort\"\n")).len(), 1);
    assert!(edges::aborts(&manifest("house", "[profile.release]\npanic = \"unwind\"\n")).is_empty());
}

#[test]
fn a_wire_variant_without_bytes() {
    let house = House::of("proto/src/run.rs", "//! x\n#[derive(Serialize)]\nenum Frame {\n    Ask,\n    Asked,\n}\n");
    let frame = &house.sources[0].outline.enums[0];
    assert_eq!(wire::missing(frame, "check(Frame::Asked, b)"), [("Frame::Ask".to_owned(), 4)]);
    assert!(wire::missing(frame, "Frame::Ask, Frame::Asked").is_empty());
    assert_eq!(wire::golden(&house).len(), 2);
}
