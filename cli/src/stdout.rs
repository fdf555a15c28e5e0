//! Standard output that may be piped into `head`: a reader that has gone is no error, and what else is written has no reader.

/// `print!`, but a reader that has gone ends nothing.
macro_rules! print {
    ($($argument:tt)*) => { $crate::stdout::write(format_args!($($argument)*)) };
}

/// `println!`, likewise.
macro_rules! println {
    () => { $crate::stdout::write(format_args!("\n")) };
    ($format:literal $($argument:tt)*) => { $crate::stdout::write(format_args!("{}\n", format_args!($format $($argument)*))) };
}

pub(crate) fn write(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if let Err(error) = std::io::stdout().write_fmt(text)
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("warning: standard output cannot be written: {error}");
    }
}
