//! Lines of a file of any size, in bounded memory: a line that is too long is skipped, not stored.

use std::io::{self, Read};

/// The longest line that is read. A ledger's lines have about 150 octets.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// Reads lines one after the other into a buffer of its own.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Of the line that was last read, from 1.
    number: u64,
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

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            buffer: vec![0; 4 * LONGEST_LINE],
            start: 0,
            end: 0,
            number: 0,
            ended: false,
            beginning: Vec::new(),
        }
    }

    /// Of the line that was last read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut searched = self.start;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[searched..self.end]) {
                let (from, to) = (self.start, searched + found);
                self.start = to + 1;
                self.number += 1;
                let text = &self.buffer[from..to];
                return Ok(Some(if text.len() > LONGEST_LINE {
                    Line::TooLong(beginning(text))
                } else {
                    Line::Whole(without_return(text))
                }));
            }
            if self.end - self.start > LONGEST_LINE {
                return self.skip_rest().map(Some);
            }
            searched = self.end;
            if self.ended {
                let from = std::mem::replace(&mut self.start, self.end);
                let text = &self.buffer[from..self.end];
                if text.is_empty() {
                    return Ok(None);
                }
                self.number += 1;
                return Ok(Some(Line::Last(without_return(text))));
            }
            searched -= self.fill()?;
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

    /// Passes over a line that is too long, of which the buffer holds the beginning.
    fn skip_rest(&mut self) -> io::Result<Line<'_>> {
        self.beginning.clear();
        self.beginning.extend_from_slice(beginning(&self.buffer[self.start..self.end]));
        self.start = self.end;
        self.number += 1;
        loop {
            self.fill()?;
            let found = memchr::memchr(b'\n', &self.buffer[self.start..self.end]);
            if found.is_some() || self.ended {
                self.start = found.map_or(self.end, |at| at + 1);
                break;
            }
            self.start = self.end;
        }
        Ok(Line::TooLong(&self.beginning))
    }
}

fn beginning(text: &[u8]) -> &[u8] {
    &text[..text.len().min(SHOWN)]
}

fn without_return(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

const SHOWN: usize = 200;

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

    #[test]
    fn lines_are_the_same_however_the_file_arrives() {
        let long = "x".repeat(LONGEST_LINE * 9 + 17);
        let text = format!("a,b\r\n\n{long}\nend of it\nlast");
        for step in [1, 2, 7, 1 << 20] {
            let mut lines = Lines::new(Dripping(text.as_bytes(), step));
            assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"a,b")));
            assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"")));
            assert_eq!(lines.next().unwrap(), Some(Line::TooLong(&[b'x'; SHOWN])));
            assert_eq!(lines.number(), 3);
            assert_eq!(lines.next().unwrap(), Some(Line::Whole(b"end of it")));
            assert_eq!(lines.next().unwrap(), Some(Line::Last(b"last")));
            assert_eq!(lines.next().unwrap(), None);
        }
    }
}
