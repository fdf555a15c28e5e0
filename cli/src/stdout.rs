//! Standard output that may be piped into `head`: a reader that has gone is no error, and what else is written has no reader.
//! Its lines pass one place that takes control characters out of them: half of what they tell comes from others.

use std::sync::atomic::{AtomicBool, Ordering};

/// `print!` of text that is our own, as it stands; a reader that has gone ends nothing.
macro_rules! print {
    ($($argument:tt)*) => { $crate::stdout::write(&format!($($argument)*)) };
}

/// `println!`, likewise, of one line whatever its arguments hold.
macro_rules! println {
    () => { $crate::stdout::write("\n") };
    ($format:literal $($argument:tt)*) => { $crate::stdout::line(format_args!($format $($argument)*)) };
}

/// Writes one line.
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    let mut line = edges::text::line(&text.to_string(), LONGEST_LINE).into_owned();
    if is_colourful() {
        line = crate::colour::marks(&line);
    }
    line.push('\n');
    write(&line);
}

/// True when standard output is a terminal on which colours are wanted.
fn is_colourful() -> bool {
    use std::io::IsTerminal as _;
    crate::colour::are_wanted(std::io::stdout().is_terminal())
}

/// Writes a JSON text and a line break.
pub(crate) fn json(text: &str) {
    write(&format!("{}\n", edges::text::json(text)));
}

/// Writes text of our own.
pub(crate) fn write(text: &str) {
    use std::io::Write as _;
    // What was said before stands before.
    crate::stderr::keep_order();
    if let Err(error) = std::io::stdout().write_all(text.as_bytes())
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        eprintln!("warning: standard output cannot be written: {error}");
    }
}

/// Somebody was told that nothing can be written: once is enough.
static WARNED: AtomicBool = AtomicBool::new(false);
/// Characters of one line.
const LONGEST_LINE: usize = 4_000;
