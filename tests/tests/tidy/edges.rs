//! Who may know whom: the edges of the design, the rooms of heavy dependencies, and how many there may be.
//! Must not know what anybody does with an edge.

use crate::house::{Breach, House, Manifest, Source};
use crate::words::starts;

/// Each room and the rooms it may depend on. Rooms that face a peer may name the types of core, proto and identity.
const EDGES: [(&str, &[&str]); 14] = [
    ("core", &[]),
    ("sim", &["core"]),
    ("proto", &["core"]),
    ("store", &["core"]),
    ("agents", &["core"]),
    ("identity", &["core"]),
    ("supervise", &["core"]),
    ("workspace", &[]),
    ("pty", &[]),
    ("boot", &[]),
    ("mesh", &["proto", "identity", "core"]),
    ("client", &["mesh", "identity", "core", "proto"]),
    ("relay", &["store", "identity", "mesh", "supervise", "boot", "core", "proto"]),
    ("cli", &["client", "relay", "runner", "boot", "core", "proto", "identity"]),
];
/// The runner's are those of the relay and three of its own.
const RUNNER: &[&str] =
    &["store", "identity", "mesh", "supervise", "boot", "agents", "workspace", "pty", "core", "proto"];
/// Rooms for everything.
const ANYTHING: [&str; 3] = ["tests", "benches", "fuzz"];

/// A dependency, as a crate is named in code, and the only rooms that may name it.
const ROOMS: [(&str, &[&str]); 12] = [
    ("ractor", &["relay", "runner", "supervise"]),
    ("redb", &["store"]),
    ("quinn", &["mesh"]),
    ("rustls", &["mesh"]),
    ("rcgen", &["mesh"]),
    ("git2", &["workspace"]),
    ("portable_pty", &["pty"]),
    ("miette", &["cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("tracing_subscriber", &["boot"]),
    ("ractor_cluster", &[]),
];

/// Direct dependencies of a library and of a package with a binary.
const LIBRARY_MAX: usize = 10;
const BINARY_MAX: usize = 20;
/// Packages in the lock must stay below this.
const LOCK_MAX: usize = 350;
/// The only place a locked package may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    if room == "runner" {
        return Some(RUNNER);
    }
    EDGES.iter().find(|(name, _)| *name == room).map(|(_, edges)| *edges)
}

/// Names under `[dependencies]`.
fn dependencies(manifest: &Manifest) -> Vec<&str> {
    let table = manifest.table.get("dependencies").and_then(toml::Value::as_table);
    table.into_iter().flat_map(|table| table.keys().map(String::as_str)).collect()
}

/// Edges and heavy dependencies that a manifest has and may not have.
pub(crate) fn manifests(house: &House) -> Vec<Breach> {
    let rooms = house.manifests.iter().filter(|manifest| !ANYTHING.contains(&manifest.room.as_str()));
    rooms.filter(|manifest| manifest.room != "house").flat_map(manifest_edges).collect()
}

pub(crate) fn manifest_edges(manifest: &Manifest) -> Vec<Breach> {
    let room = manifest.room.as_str();
    let Some(edges) = allowed(room) else {
        return vec![Breach::new(&manifest.path, 1, room, "a new room needs its edges in tests/tests/tidy/edges.rs")];
    };
    let names = dependencies(manifest);
    let ours = names.iter().filter_map(|name| name.strip_prefix("ostler-")).filter(|name| !edges.contains(name));
    let ours = ours.map(|name| format!("{room} depends on {name}"));
    let theirs = names.iter().filter(|name| !may_name(room, &name.replace('-', "_")));
    let theirs = theirs.map(|name| format!("{room} depends on {name}"));
    let rule = "an edge outside the design";
    ours.chain(theirs).map(|what| Breach::new(&manifest.path, 1, what, rule)).collect()
}

fn may_name(room: &str, dependency: &str) -> bool {
    ROOMS.iter().find(|(name, _)| *name == dependency).is_none_or(|(_, rooms)| rooms.contains(&room))
}

/// Heavy dependencies and rooms that a file names and may not name.
pub(crate) fn imports(source: &Source) -> Vec<Breach> {
    let room = source.room.as_str();
    let named = source.outline.paths.iter().filter(|path| !path.in_test);
    let foreign = named.filter(|path| {
        let heavy = ROOMS.iter().any(|(name, rooms)| starts(&path.name, name) && !rooms.contains(&room));
        let ours = path.name.strip_prefix("ostler_").map(|rest| rest.split("::").next().unwrap_or(rest));
        heavy || ours.is_some_and(|ours| ours != room && !allowed(room).is_some_and(|edges| edges.contains(&ours)))
    });
    foreign
        .map(|path| {
            Breach::new(&source.path, path.line, format!("{room} names {}", path.name), "an edge outside the design")
        })
        .collect()
}

/// Manifests with too many direct dependencies.
pub(crate) fn direct(house: &House) -> Vec<Breach> {
    let rooms = house.manifests.iter().filter(|manifest| !ANYTHING.contains(&manifest.room.as_str()));
    let crowded = rooms.filter_map(|manifest| {
        let (count, binary) = (dependencies(manifest).len(), manifest.table.contains_key("bin"));
        (count > if binary { BINARY_MAX } else { LIBRARY_MAX }).then_some((manifest, count))
    });
    crowded
        .map(|(manifest, count)| {
            let rule = "a library has at most 10 direct dependencies, a binary 20";
            Breach::new(&manifest.path, 1, format!("{count} dependencies"), rule)
        })
        .collect()
}

/// The lock: how many packages, and from where.
pub(crate) fn lock(house: &House) -> Vec<Breach> {
    lock_text(&house.text("Cargo.lock".as_ref()))
}

pub(crate) fn lock_text(text: &str) -> Vec<Breach> {
    let breach = |line, what: String, rule| Breach::new("Cargo.lock".as_ref(), line, what, rule);
    let packages = text.lines().filter(|line| *line == "[[package]]").count();
    let many = (packages >= LOCK_MAX).then(|| breach(1, format!("{packages} packages"), "the lock stays below 350"));
    let sources = text.lines().enumerate().filter_map(|(at, line)| Some((at, line.strip_prefix("source = ")?)));
    let foreign = sources.filter(|(_, source)| source.trim_matches('"') != REGISTRY);
    let foreign = foreign.map(|(at, source)| breach(at + 1, source.to_owned(), "packages come from crates.io"));
    many.into_iter().chain(foreign).collect()
}

/// Profiles that would end a supervised process at its first panic.
pub(crate) fn profiles(house: &House) -> Vec<Breach> {
    house.manifests.iter().flat_map(aborts).collect()
}

pub(crate) fn aborts(manifest: &Manifest) -> Vec<Breach> {
    let profiles = manifest.table.get("profile").and_then(toml::Value::as_table);
    let aborting = profiles
        .into_iter()
        .flatten()
        .filter(|(_, profile)| profile.get("panic").and_then(toml::Value::as_str) == Some("abort"));
    aborting
        .map(|(name, _)| Breach::new(&manifest.path, 1, format!("profile {name}"), "supervision needs panic = unwind"))
        .collect()
}

/// The graph above is one without a cycle; a typo in it would make every check vacuous.
#[test]
fn the_edges_are_a_tree_of_real_rooms() {
    let house = House::ours();
    for (room, edges) in EDGES.iter().copied().chain([("runner", RUNNER)]) {
        assert!(house.manifest(room).is_some(), "no room is called {room}");
        for edge in edges {
            let back = allowed(edge).unwrap_or_else(|| panic!("{room} may depend on {edge}, which has no edges"));
            assert!(!back.contains(&room), "{room} and {edge} may depend on each other");
        }
    }
}
