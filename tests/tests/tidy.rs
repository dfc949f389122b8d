//! The house rules. Each test reads every file of the house and prints what breaks its rule, one line per place:
//! `path:line: what was found (the rule)`. The rules themselves are in `tidy/`, and `tidy/bite.rs` proves that each one bites.

#[path = "tidy/bite.rs"]
mod bite;
#[path = "tidy/edges.rs"]
mod edges;
#[path = "tidy/house.rs"]
mod house;
#[path = "tidy/outline.rs"]
mod outline;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/wire.rs"]
mod wire;
#[path = "tidy/words.rs"]
mod words;

use house::{Breach, House};

#[track_caller]
fn none(mut breaches: Vec<Breach>) {
    breaches.sort();
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} places break a house rule:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    none(House::ours().sources.iter().flat_map(words::opening).collect());
}

#[test]
fn files_functions_and_matches_stay_small() {
    let house = House::ours();
    none(house.production().flat_map(shape::walls).chain(shape::percentiles(&house)).collect());
}

#[test]
fn folders_stay_small_and_shallow() {
    none(shape::folders(&House::ours()));
}

#[test]
fn comments_say_enough_and_not_too_much() {
    none(shape::comments(&House::ours()));
}

#[test]
fn doors_are_few() {
    none(shape::public_items(&House::ours()));
}

#[test]
fn core_asserts_what_it_believes() {
    none(shape::assertions(&House::ours()));
}

#[test]
fn no_forbidden_word_stands_in_the_house() {
    none(House::ours().sources.iter().flat_map(words::forbidden).collect());
}

#[test]
fn core_knows_no_outside() {
    none(House::ours().production().flat_map(words::outside).collect());
}

#[test]
fn rooms_are_named_for_what_is_in_them() {
    none(House::ours().sources.iter().flat_map(words::junk_names).collect());
}

#[test]
fn nothing_names_a_private_machine() {
    none(words::private_machines(&House::ours()));
}

#[test]
fn rooms_know_only_whom_they_may() {
    let house = House::ours();
    none(edges::manifests(&house).into_iter().chain(house.production().flat_map(edges::imports)).collect());
}

#[test]
fn dependencies_stay_few() {
    let house = House::ours();
    none(edges::direct(&house).into_iter().chain(edges::lock(&house)).chain(edges::profiles(&house)).collect());
}

#[test]
fn every_wire_variant_has_golden_bytes() {
    none(wire::golden(&House::ours()));
}
