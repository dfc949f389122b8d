//! `ostler completions`: a script for a shell, on stdout.

use crate::command::Ostler;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use clap::CommandFactory;
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// bash, zsh, fish, elvish or powershell.
    shell: Shell,
}

/// Prints it.
pub(crate) fn perform(args: &Args) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Ostler::command(), "ostler", &mut script);
    out::raw(&script);
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_shell_gets_a_script() {
        Ostler::command().debug_assert();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Ostler::command(), "ostler", &mut script);
            assert!(String::from_utf8(script).expect("text").contains("approve"));
        }
    }
}
