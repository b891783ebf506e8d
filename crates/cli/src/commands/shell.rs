//! `completions` and `man`: what a shell and `man` need to know of this command, made from the arguments themselves.

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    args::Cli,
    exit::{Exit, Failure},
    output,
};

pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}

/// One page to stdout, or a page for every command into `directory`.
pub(crate) fn man(directory: Option<&Path>) -> Result<(), Failure> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return output::line(String::from_utf8_lossy(&page).trim_end());
    };
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let written = fs::create_dir_all(directory).and_then(|()| pages(&command, directory));
    let count = written.map_err(|error| {
        let path = directory.display();
        Failure::new(
            Exit::Failed,
            format!("the pages cannot be written to {path} ({error}): name another directory"),
        )
    })?;
    output::line(&format!("{count} pages in {}", directory.display()))
}

/// Writes the page of `command` and of everything below it, and counts them.
fn pages(command: &clap::Command, directory: &Path) -> io::Result<usize> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut count = 1;
    for inner in below {
        count += pages(inner, directory)?;
    }
    Man::new(command.clone()).generate_to(directory)?;
    Ok(count)
}
