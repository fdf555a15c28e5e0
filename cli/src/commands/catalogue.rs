use anyhow::{Error, bail};

use crate::exit::Exit;

/// Lists the catalogue, or prints one scenario.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints this scenario's YAML: a start for your own.
    name: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let catalogue = scenarios::catalogue();
    match &arguments.name {
        None => {
            let widest = catalogue.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
            for entry in catalogue {
                println!("{:widest$}  {}", entry.name, entry.summary);
            }
        }
        Some(name) => match catalogue.iter().find(|entry| entry.name == name) {
            Some(entry) => print!("{}", entry.yaml),
            None => {
                let names: Vec<&str> = catalogue.iter().map(|entry| entry.name).collect();
                let hint = scenarios::hint(name, &names);
                bail!("the catalogue has no scenario {name:?}{hint} (it has {})", names.join(", "));
            }
        },
    }
    Ok(Exit::Pass)
}
