//! A file that a command writes for somebody.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context, Error, bail};

/// Writes a file that is not there yet, unless it is forced to, and says so; `-` is standard output.
pub(crate) fn write_new(path: &Path, text: &str, force: bool) -> Result<(), Error> {
    if path == Path::new("-") {
        crate::stdout::write(text);
        return Ok(());
    }
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true).create_new(!force).create(force).truncate(force);
    let mut file = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} is there already: another name is expected, or --force to write over it")
        }
        opened => opened.with_context(|| format!("writing {shown}"))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("writing {shown}"))?;
    eprintln!("written: {shown}; next: roamstorm check {shown}");
    Ok(())
}
