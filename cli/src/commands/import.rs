use std::path::{Path, PathBuf};

use anyhow::{Context, Error, ensure};
use scenarios::Imported;

use super::new_file::write_new;
use crate::exit::Exit;

/// Makes a scenario of another program's configuration.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Whose configuration it is.
    #[arg(value_enum)]
    from: From,
    /// The files: of UERANSIM those of gNBs and of UEs, of PacketRusher its one.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where to; - prints it.
    #[arg(long, value_name = "FILE", default_value = "imported.yaml")]
    out: PathBuf,
    /// How many subscribers each file of a UE stands for, from its IMSI on.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    subscribers: u64,
    /// Writes over a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum From {
    Ueransim,
    #[value(name = "packetrusher")]
    PacketRusher,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let mut files = Vec::new();
    for path in &arguments.files {
        files.push((path.display().to_string(), text_of(path)?));
    }
    let from = match arguments.from {
        From::Ueransim => scenarios::Program::Ueransim,
        From::PacketRusher => scenarios::Program::PacketRusher,
    };
    let Imported { yaml, taken, left, target } =
        scenarios::import(from, &files, arguments.subscribers).map_err(Error::msg)?;
    write_new(&arguments.out, &yaml, arguments.force)?;
    for line in &taken {
        eprintln!("taken: {line}");
    }
    for line in &left {
        eprintln!("not taken: {line}");
    }
    if let Some(target) = target {
        let scenario = if arguments.out == Path::new("-") { Path::new("FILE") } else { &arguments.out };
        eprintln!("run it: roamstorm run {} --target {target}", scenario.display());
    }
    Ok(Exit::Pass)
}

/// A configuration is small.
fn text_of(path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let name = path.display();
    let mut octets = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut octets))
        .with_context(|| format!("reading {name}"))?;
    ensure!(octets.len() as u64 <= LARGEST, "{name}: more than {LARGEST} octets are no configuration");
    String::from_utf8(octets).map_err(|_| anyhow::anyhow!("{name}: this is no text in UTF-8"))
}

const LARGEST: u64 = 1024 * 1024;
