//! The simulator's front door: `seed`, `campaign`, `mutants`.

fn main() -> std::process::ExitCode {
    ostler_sim::main(std::env::args().skip(1).collect())
}
