//! The one place through which text from outside passes before it is shown, logged or kept: what a peer, a file or an
//! operator wrote becomes a line without control characters, of bounded length.
//!
//! A terminal obeys control characters (ECMA-48), and a line break forges a line of ours. Unicode's bidirectional overrides and
//! line separators do the same in a viewer that knows them, and invisible characters make two names look alike.

use std::borrow::Cow;

/// True for a character that must not reach a terminal, a log or a table: C0, DEL and C1 controls, line and paragraph
/// separators, bidirectional controls, invisible format characters and tags.
pub fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text as one line of at most `most` characters. What is unfit becomes U+FFFD, white space that is no space becomes one,
/// and what is too long ends in `…`.
pub fn line(text: &str, most: usize) -> Cow<'_, str> {
    let fits = text.chars().nth(most).is_none();
    if fits && !text.chars().any(is_unfit) {
        return Cow::Borrowed(text);
    }
    let kept = if fits { most } else { most.saturating_sub(1) };
    let mut line: String = text.chars().take(kept).map(fit).collect();
    if !fits && most > 0 {
        line.push('…');
    }
    Cow::Owned(line)
}

/// [`line()`] of octets that should be UTF-8.
pub fn line_of_octets(octets: &[u8], most: usize) -> String {
    // A character has at most four octets: what is behind them is not even looked at.
    let enough = octets.get(..most.saturating_add(1).saturating_mul(4)).unwrap_or(octets);
    line(&String::from_utf8_lossy(enough), most).into_owned()
}

/// Makes a text that is kept a [`line()`].
pub fn make_line(text: &mut String, most: usize) {
    if let Cow::Owned(line) = line(text, most) {
        *text = line;
    }
}

/// Several lines, of which all but the first begin with `indent`, so that none of them can be taken for a line of somebody else.
/// No line is longer than `most` characters.
pub fn lines(text: &str, indent: &str, most: usize) -> String {
    let mut all = String::with_capacity(text.len());
    for (number, one) in text.trim_end().split('\n').enumerate() {
        if number > 0 {
            all.push('\n');
            all.push_str(indent);
        }
        all.push_str(&line(one.trim_end_matches('\r'), most));
    }
    all
}

/// JSON text whose strings hold what is unfit as `\uXXXX` only: the same value, and nothing that a terminal obeys.
pub fn json(json: &str) -> Cow<'_, str> {
    // A JSON writer escapes C0 itself; the line breaks and tabs that are left are between values.
    let raw = |c: char| is_unfit(c) && !matches!(c, '\n' | '\r' | '\t');
    if !json.chars().any(raw) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if raw(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

fn fit(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unfit(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_obeys_nobody() {
        assert_eq!(line("plain – ✓ é 漢", 100), "plain – ✓ é 漢");
        let hostile =
            "\u{1b}]0;owned\u{7}\u{1b}[31mRED\nPASS: forged\r\u{9b}2J\u{7f}\u{202e}\u{2028}\u{feff}\0";
        let shown = line(hostile, 100);
        assert!(!shown.chars().any(is_unfit), "{shown:?}");
        assert_eq!(
            shown,
            "\u{fffd}]0;owned\u{fffd}\u{fffd}[31mRED PASS: forged \u{fffd}2J\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_line_has_a_bounded_length() {
        assert_eq!(line("12345", 5), "12345");
        assert_eq!(line("123456", 5), "1234…");
        assert_eq!(line("ééé", 2), "é…");
        assert_eq!(line("x", 0), "");
        assert_eq!(line_of_octets(b"ab\xffc\x1b", 10), "ab\u{fffd}c\u{fffd}");
        assert_eq!(line_of_octets(&[b'x'; 1 << 20], 3), "xx…");
        let mut kept = "a\nb".to_owned();
        make_line(&mut kept, 10);
        assert_eq!(kept, "a b");
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(lines("wrong\nPASS: forged\u{1b}\n", "  ", 100), "wrong\n  PASS: forged\u{fffd}");
    }

    #[test]
    fn json_keeps_its_value_and_loses_what_a_terminal_obeys() {
        let text = "{\n  \"a\": \"\u{9b}2J\u{7f}\u{e0041}é\"\n}";
        let shown = json(text);
        assert_eq!(shown, "{\n  \"a\": \"\\u009b2J\\u007f\\udb40\\udc41é\"\n}");
        assert_eq!(json("{\"a\": 1}"), "{\"a\": 1}");
    }
}
