//! Lines of a file of any size, in bounded memory: a line that is too long is skipped, not stored.

use std::io::{self, Read};

/// The longest line that is read. A ledger's lines have about 150 octets.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// Reads lines one after the other into a buffer of its own.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the line that was last read begins, and where its text ends.
    start: usize,
    text_end: usize,
    /// Where the next line begins.
    next: usize,
    end: usize,
    /// Of the line that was last read, from 1, and how many lines it is.
    number: u64,
    joined: u64,
    ended: bool,
    /// How a line that was too long begins.
    beginning: Vec<u8>,
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// It ends in a line feed.
    Whole(&'a [u8]),
    /// The file ends in it.
    Last(&'a [u8]),
    /// It is longer than [`LONGEST_LINE`]; this is how it begins.
    TooLong(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Last,
    TooLong,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; 4 * LONGEST_LINE],
            start: 0,
            text_end: 0,
            next: 0,
            end: 0,
            number: 0,
            joined: 0,
            ended: false,
            beginning: Vec::new(),
        }
    }

    /// Of the line that was last read, from 1: where it is several, of the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// That of the line that is read next.
    pub(crate) fn next_number(&self) -> u64 {
        self.number + self.joined + 1
    }

    /// The next line; `None` after the last. Where it is not a whole record, but is one together with lines that follow it,
    /// which a line end inside quotes has cut, it is these.
    pub(crate) fn next(&mut self, mut is_record: impl FnMut(&[u8]) -> bool) -> io::Result<Option<Line<'_>>> {
        let Some(mut kind) = self.advance()? else { return Ok(None) };
        if kind == Kind::Whole && !is_record(self.text()) {
            let (text_end, next) = (self.text_end - self.start, self.next - self.start);
            while kind == Kind::Whole && self.joined < MOST_JOINED {
                match self.lengthen()? {
                    Some(longer) => kind = longer,
                    None => break,
                }
                if is_record(self.text()) {
                    return Ok(Some(self.line(kind)));
                }
            }
            (self.text_end, self.next) = (self.start + text_end, self.start + next);
            (self.joined, kind) = (0, Kind::Whole);
        }
        Ok(Some(self.line(kind)))
    }

    fn text(&self) -> &[u8] {
        without_return(self.buffer.get(self.start..self.text_end).unwrap_or_default())
    }

    fn line(&self, kind: Kind) -> Line<'_> {
        match kind {
            Kind::Whole => Line::Whole(self.text()),
            Kind::Last => Line::Last(self.text()),
            Kind::TooLong => Line::TooLong(&self.beginning),
        }
    }

    fn advance(&mut self) -> io::Result<Option<Kind>> {
        self.start = self.next;
        self.number += self.joined;
        self.joined = 0;
        let kind = self.find_end(self.start)?;
        self.number += u64::from(kind.is_some());
        Ok(kind)
    }

    /// The line and the one that follows it; `None` where none does, or both are too long.
    fn lengthen(&mut self) -> io::Result<Option<Kind>> {
        let kind = self.find_end(self.next)?;
        self.joined += u64::from(kind.is_some());
        Ok(kind.filter(|kind| *kind != Kind::TooLong))
    }

    /// Where the line ends that is searched from here on. One that begins the record and is too long is skipped.
    fn find_end(&mut self, from: usize) -> io::Result<Option<Kind>> {
        let (mut from, mut searched) = (from, from);
        let begins = from == self.start;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                let at = searched + found;
                let too_long = at - self.start > LONGEST_LINE;
                if too_long && !begins {
                    return Ok(None);
                }
                if too_long {
                    self.keep_beginning(at);
                }
                (self.text_end, self.next) = (at, at + 1);
                return Ok(Some(if too_long { Kind::TooLong } else { Kind::Whole }));
            }
            if self.end - self.start > LONGEST_LINE {
                return if begins { self.skip_rest().map(Some) } else { Ok(None) };
            }
            searched = self.end;
            if self.ended {
                if self.end == from {
                    return Ok(None);
                }
                (self.text_end, self.next) = (self.end, self.end);
                return Ok(Some(Kind::Last));
            }
            let moved = self.fill()?;
            (from, searched) = (from - moved, searched - moved);
        }
    }

    /// Moves what is left to the front and reads on. How far it was moved.
    fn fill(&mut self) -> io::Result<usize> {
        let moved = self.start;
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= moved;
        self.start = 0;
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(moved)
    }

    fn keep_beginning(&mut self, end: usize) {
        self.beginning.clear();
        self.beginning.extend_from_slice(beginning(&self.buffer[self.start..end]));
    }

    /// Passes over a line that is too long, of which the buffer holds the beginning.
    fn skip_rest(&mut self) -> io::Result<Kind> {
        self.keep_beginning(self.end);
        self.start = self.end;
        loop {
            self.fill()?;
            let found = memchr::memchr(b'\n', &self.buffer[self.start..self.end]);
            if found.is_some() || self.ended {
                self.next = found.map_or(self.end, |at| self.start + at + 1);
                self.text_end = self.next;
                return Ok(Kind::TooLong);
            }
            self.start = self.end;
        }
    }
}

fn beginning(text: &[u8]) -> &[u8] {
    &text[..text.len().min(SHOWN)]
}

fn without_return(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

const SHOWN: usize = 200;
/// A record with a line end inside quotes has no more lines than this.
const MOST_JOINED: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few octets at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn number_and_line<R: Read>(lines: &mut Lines<R>) -> Option<(u64, String)> {
        let whole = |text: &[u8]| text.iter().filter(|octet| **octet == b'"').count() % 2 == 0;
        let text = match lines.next(whole).unwrap()? {
            Line::Whole(text) | Line::Last(text) => String::from_utf8_lossy(text).into_owned(),
            Line::TooLong(text) => format!("too long: {}", text.len()),
        };
        Some((lines.number(), text))
    }

    #[test]
    fn lines_are_the_same_however_the_file_arrives() {
        let long = "x".repeat(LONGEST_LINE * 9 + 17);
        let text = format!("a,b\r\n\n{long}\nend of it\nlast");
        for step in [1, 2, 7, 1 << 20] {
            let mut lines = Lines::new(Dripping(text.as_bytes(), step));
            assert_eq!(lines.next(|_| true).unwrap(), Some(Line::Whole(b"a,b")));
            assert_eq!(lines.next(|_| true).unwrap(), Some(Line::Whole(b"")));
            assert_eq!(lines.next(|_| true).unwrap(), Some(Line::TooLong(&[b'x'; SHOWN])));
            assert_eq!(lines.number(), 3);
            assert_eq!(lines.next(|_| true).unwrap(), Some(Line::Whole(b"end of it")));
            assert_eq!(lines.next(|_| true).unwrap(), Some(Line::Last(b"last")));
            assert_eq!(lines.next(|_| true).unwrap(), None);
        }
    }

    #[test]
    fn a_line_end_inside_quotes_joins_lines_and_a_stray_quote_spoils_one() {
        let long = "y".repeat(LONGEST_LINE);
        let many = "z\n".repeat(80);
        let text = format!("a,\"b\r\nc\",d\ne\nstray \" here\nf\n\"{long}\n{long}\"\n{many}\"open\nlast \"x");
        for step in [1, 5, 1 << 20] {
            let mut lines = Lines::new(Dripping(text.as_bytes(), step));
            let mut next = || number_and_line(&mut lines);
            assert_eq!(next(), Some((1, "a,\"b\r\nc\",d".to_owned())));
            assert_eq!(next(), Some((3, "e".to_owned())));
            // The next quote is in a line that would be too long.
            assert_eq!(next(), Some((4, "stray \" here".to_owned())));
            assert_eq!(next(), Some((5, "f".to_owned())));
            assert_eq!(next().unwrap().0, 6);
            assert_eq!(next().unwrap().0, 7);
            for number in 8..88 {
                assert_eq!(next(), Some((number, "z".to_owned())));
            }
            assert_eq!(next(), Some((88, "\"open\nlast \"x".to_owned())));
            assert_eq!(next(), None);
        }
    }
}
