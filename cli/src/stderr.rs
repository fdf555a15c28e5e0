//! Standard error that may be dead, full, or read by nobody: whatever becomes of it, the program goes on.
//!
//! ```text
//! eprintln!, logs, panics, live view ──► a bounded queue ──► a thread of its own ──► standard error
//! ```
//! Nobody who writes waits. When the queue is full, because the reader is slow, what comes is dropped and counted, and the count
//! is said as soon as there is room again. An error of writing is ignored: nobody is left who could be told.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edges::text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::log;
use crate::noise::{self, Kind, Noise};

/// `eprintln!`, but nothing that happens to standard error ends or stops anything. Its text becomes one line, without control
/// characters.
macro_rules! eprintln {
    ($format:literal $($argument:tt)*) => { $crate::stderr::line(format_args!($format $($argument)*)) };
}

/// Writes one line.
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    let line = text::line(&text.to_string(), LONGEST_LINE).into_owned();
    QUEUE.push(ready(line).into_bytes());
}

/// Writes lines that may hold what others said: all but the first are indented.
pub(crate) fn lines(text: &str) {
    QUEUE.push(ready(text::lines(text, "  ", LONGEST_LINE)).into_bytes());
}

/// From now on every line is a JSON object.
pub(crate) fn speak_json() {
    SPEAKS_JSON.store(true, Ordering::Relaxed);
}

fn speaks_json() -> bool {
    SPEAKS_JSON.load(Ordering::Relaxed)
}

/// What is said, as it is written.
fn ready(said: String) -> String {
    if !speaks_json() {
        return said + "\n";
    }
    let level = log::level_of(&said);
    log::object(level, &log::discreet(said)) + "\n"
}

/// Writes text of our own as it is, such as that of the command line's parser.
pub(crate) fn as_it_is(text: String) {
    QUEUE.push(text.into_bytes());
}

/// Shows this text below all lines, in place of the one before; an empty one takes it away. For a terminal only.
pub(crate) fn show(view: &str) {
    QUEUE.show(view.to_owned());
}

/// Waits until everything is written, at most this long.
pub(crate) fn flush(limit: Duration) {
    QUEUE.flush(limit);
}

/// [`flush`], but a reader that does not read is waited for once only.
pub(crate) fn keep_order() {
    if !QUEUE.lock().is_stuck {
        QUEUE.flush(IN_ORDER);
    }
}

/// True when standard error is a terminal that can move its cursor.
pub(crate) fn is_interactive() -> bool {
    let capable = |term: &std::ffi::OsStr| !term.is_empty() && term != "dumb";
    let is_one = std::io::stderr().is_terminal() && !speaks_json();
    is_one && std::env::var_os("TERM").is_some_and(|term| capable(&term))
}

/// True when colours are wanted there (no-color.org).
pub(crate) fn is_colourful() -> bool {
    !speaks_json() && crate::colour::are_wanted(std::io::stderr().is_terminal())
}

/// Where logs go: each event is one line.
pub(crate) struct Log;

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event { octets: Vec::new(), level: None, kind: None }
    }

    fn make_writer_for(&'a self, event: &tracing::Metadata<'_>) -> Event {
        // Warnings and errors that come again and again are counted; whoever asks for more than those wants all of it.
        let is_loud = *event.level() <= tracing::Level::WARN;
        let place =
            || (event.file().unwrap_or_else(|| event.target()).to_owned(), event.line().unwrap_or_default());
        Event { octets: Vec::new(), level: Some(*event.level()), kind: is_loud.then(place) }
    }
}

/// One event of the log.
pub(crate) struct Event {
    octets: Vec<u8>,
    level: Option<tracing::Level>,
    kind: Option<Kind>,
}

impl std::io::Write for Event {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        // What is beyond the longest line is not kept.
        let room = LONGEST_OBJECT.saturating_sub(self.octets.len()).min(octets.len());
        self.octets.extend_from_slice(octets.get(..room).unwrap_or_default());
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let event = self.octets.strip_suffix(b"\n").unwrap_or(&self.octets);
        if event.is_empty() {
            return;
        }
        // What JSON holds was made a line before it was written.
        let longest = if speaks_json() { LONGEST_OBJECT } else { LONGEST_LINE };
        let mut line = log::discreet(text::line_of_octets(event, longest));
        let level = self.level.map(|level| level.as_str()).unwrap_or_default();
        if let Some(kind) = self.kind.take() {
            // Without its time.
            let said = line.split_once(level).map_or(line.as_str(), |(_, said)| said.trim_start());
            if !NOISE.lets_through(kind, said, Instant::now()) {
                // The thread says their number later.
                QUEUE.filled.notify_one();
                return;
            }
        }
        let colour = match level {
            "ERROR" => "31",
            "WARN" => "33",
            _ => "",
        };
        if !colour.is_empty() && is_colourful() {
            line = line.replacen(level, &format!("\x1b[{colour}m{level}\x1b[0m"), 1);
        }
        line.push('\n');
        QUEUE.push(line.into_bytes());
    }
}

/// Makes a panic one line here, wherever it happens.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref().copied()).unwrap_or("no message");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        if crate::exit::is_for_want_of_a_thread(said) {
            line(format_args!(
                "error: {said}: allow this user more processes (ulimit -u), or this one more memory (ulimit -v)"
            ));
        } else {
            line(format_args!(
                "internal error in thread {thread}: {said}{}; this is a fault of roamstorm: please report it with what led to it",
                place.unwrap_or_default()
            ));
        }
        flush(LAST_WORDS);
    }));
}

/// Says what was only counted so far, and waits a little until everything is written.
pub(crate) fn finish() {
    for count in NOISE.counts(Instant::now(), true) {
        line(format_args!("{count}"));
    }
    flush(LAST_WORDS);
}

static QUEUE: Queue = Queue::new();
static NOISE: Noise = Noise::new();
static SPEAKS_JSON: AtomicBool = AtomicBool::new(false);

struct Queue {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written, or nothing is for too long.
    emptied: Condvar,
}

struct State {
    waiting: VecDeque<Vec<u8>>,
    /// Octets of those.
    octets: usize,
    /// What had no room.
    dropped: u64,
    /// The thread is writing what is no longer in the queue.
    is_writing: bool,
    writer: Writer,
    /// The last time that somebody waited for the reader was in vain, and nothing was read since.
    is_stuck: bool,
    /// What stands below all lines, and how many lines of the terminal it takes.
    view: (String, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    NotStarted,
    Runs,
    /// The system gives no thread: whoever writes does it, as far as that does not block.
    None,
}

impl Queue {
    const fn new() -> Self {
        let state = State {
            waiting: VecDeque::new(),
            octets: 0,
            dropped: 0,
            is_writing: false,
            writer: Writer::NotStarted,
            is_stuck: false,
            view: (String::new(), 0),
        };
        Self { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A text above the view.
    fn push(&'static self, text: Vec<u8>) {
        let mut state = self.lock();
        if state.view.1 > 0 {
            let mut octets = above(state.view.1).into_bytes();
            octets.extend_from_slice(&text);
            let view = cut(&state.view.0, width());
            octets.extend_from_slice(view.0.as_bytes());
            if self.enqueue(&mut state, octets) {
                state.view.1 = view.1;
            }
        } else {
            self.enqueue(&mut state, text);
        }
    }

    fn show(&'static self, view: String) {
        let mut state = self.lock();
        let (shown, lines) = cut(&view, width());
        // A frame that nobody has seen yet is not followed by the next one.
        if state.octets > 0 && !view.is_empty() {
            return;
        }
        let octets = above(state.view.1) + &shown;
        if !octets.is_empty() && self.enqueue(&mut state, octets.into_bytes()) {
            state.view = (view, lines);
        }
    }

    fn enqueue(&'static self, state: &mut State, text: Vec<u8>) -> bool {
        if state.writer == Writer::NotStarted {
            let name = "standard-error".to_owned();
            let started = std::thread::Builder::new().name(name).stack_size(STACK).spawn(|| self.serve());
            state.writer = if started.is_ok() { Writer::Runs } else { Writer::None };
        }
        if state.octets + text.len() > ROOM {
            state.dropped += 1;
            return false;
        }
        if state.dropped > 0 && state.octets < ROOM / 2 {
            let said =
                format!("{} lines had no room here: standard error was read too slowly", state.dropped);
            let said = ready(said);
            state.dropped = 0;
            state.octets += said.len();
            state.waiting.push_back(said.into_bytes());
        }
        state.octets += text.len();
        state.waiting.push_back(text);
        match state.writer {
            Writer::None => write_what_fits(state),
            _ => self.filled.notify_one(),
        }
        true
    }

    /// Writes what comes, for ever.
    fn serve(&self) {
        let mut state = self.lock();
        loop {
            let Some(text) = state.waiting.pop_front() else {
                self.emptied.notify_all();
                state = self.rest(state);
                continue;
            };
            state.is_writing = true;
            drop(state);
            write_whole(&text);
            state = self.lock();
            (state.is_writing, state.is_stuck) = (false, false);
            state.octets = state.octets.saturating_sub(text.len());
        }
    }

    /// Waits for something to write. While something is counted, its number is said in between.
    fn rest<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if !NOISE.is_counting() {
            return self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.filled.wait_timeout(state, noise::PERIOD / 4);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        for count in NOISE.counts(Instant::now(), false) {
            let text = above(state.view.1) + &ready(text::line(&count, LONGEST_LINE).into_owned());
            state.octets += text.len();
            state.waiting.push_back(text.into_bytes());
            state.view.1 = 0;
        }
        state
    }

    fn flush(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while state.writer == Writer::Runs && (state.is_writing || !state.waiting.is_empty()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.is_stuck = true;
                return;
            }
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Writes all of it, however long that takes; gives up where it cannot be written at all.
fn write_whole(mut text: &[u8]) {
    let mut stderr = std::io::stderr();
    while !text.is_empty() {
        match stderr.write(text) {
            Ok(0) => return,
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // Somebody else made it non-blocking.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if !is_writable(Duration::from_secs(1)) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Err(_) => return,
        }
    }
}

/// Without a thread: a pipe that is writable takes so much without blocking (`PIPE_BUF`).
fn write_what_fits(state: &mut State) {
    while let Some(text) = state.waiting.pop_front() {
        state.octets = state.octets.saturating_sub(text.len());
        for part in text.chunks(4096) {
            if !is_writable(Duration::ZERO) || std::io::stderr().write(part).is_err() {
                state.dropped += 1;
                break;
            }
        }
    }
}

fn is_writable(within: Duration) -> bool {
    let stderr = std::io::stderr();
    let mut ends = [PollFd::new(&stderr, PollFlags::OUT)];
    let limit = Timespec::try_from(within).ok();
    poll(&mut ends, limit.as_ref()).is_ok_and(|ready| ready > 0)
}

/// Takes the view of so many lines away; the cursor stands where it began.
fn above(lines: usize) -> String {
    match lines {
        0 => String::new(),
        1 => "\r\x1b[J".to_owned(),
        _ => format!("\r\x1b[{}A\x1b[J", lines - 1),
    }
}

/// The view with no line longer than the terminal is wide, so that a line of it is one there; and the number of them.
fn cut(view: &str, width: usize) -> (String, usize) {
    let mut cut = String::with_capacity(view.len());
    let mut lines = 0;
    for line in view.lines() {
        if lines > 0 {
            cut.push('\n');
        }
        lines += 1;
        let mut columns = 0;
        let mut rest = line.chars();
        while let Some(c) = rest.next() {
            // A colour takes no room.
            if c == '\x1b' {
                let _ =
                    write!(cut, "\x1b{}", rest.by_ref().take_while(|c| *c != 'm').collect::<String>() + "m");
                continue;
            }
            columns += if c < '\u{1100}' || ('\u{2000}'..'\u{2e80}').contains(&c) { 1 } else { 2 };
            if columns >= width {
                break;
            }
            cut.push(c);
        }
    }
    (cut, lines)
}

fn width() -> usize {
    size().0
}

/// Columns and rows of the terminal.
pub(crate) fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let (columns, rows) = size.unwrap_or_default();
    (if columns > 0 { columns } else { 80 }, if rows > 0 { rows } else { 24 })
}

/// Octets that wait for a slow reader.
const ROOM: usize = 1 << 20;
/// Octets of an event, of which a line of text keeps less.
const LONGEST_OBJECT: usize = 64 << 10;
/// Characters of one line.
const LONGEST_LINE: usize = 4_000;
/// How long a process that ends waits for a slow reader.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long standard output waits for what was said before it.
const IN_ORDER: Duration = Duration::from_millis(50);
const STACK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_cut_to_the_terminal_and_its_colours_take_no_room() {
        assert_eq!(cut("12345678\nab", 5), ("1234\nab".to_owned(), 2));
        assert_eq!(cut("\x1b[36m████\x1b[0m", 9), ("\x1b[36m████\x1b[0m".to_owned(), 1));
        assert_eq!(cut("漢字漢字", 6), ("漢字".to_owned(), 1));
        assert_eq!(cut("", 5), (String::new(), 0));
    }
}
