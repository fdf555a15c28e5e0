use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Error};
use clap::CommandFactory as _;

use crate::exit::Exit;

/// Writes the manual pages: one for the program, one for each command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where they go, such as ~/.local/share/man/man1.
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let folder = &arguments.folder;
    let of_folder = || format!("writing manual pages to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(of_folder)?;
    let command = crate::Arguments::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder).with_context(of_folder)?;
    let mut pages = 0;
    for entry in std::fs::read_dir(folder).with_context(of_folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("roamstorm") && name.ends_with(".1") {
            // They are the program's, and no run's: everybody may read them.
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o644)).with_context(of_folder)?;
            pages += 1;
        }
    }
    println!("{}: {pages} manual pages", folder.display());
    Ok(Exit::Pass)
}
