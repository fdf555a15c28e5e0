//! Lines of files and of functions.

use crate::exempt;
use crate::sources::{all, hold};

const MOST_LINES: usize = 500;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

#[test]
fn files_have_at_most_500_lines() {
    let long = all().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MOST_LINES).then(|| (source.path, format!("{lines} lines")))
    });
    hold("A file has at most 500 lines: a second idea has moved in.", long.collect(), exempt::FILES);
}

#[test]
fn functions_have_at_most_70_lines() {
    let mut long = Vec::new();
    for source in all() {
        for (name, lines) in functions(&source.text) {
            if lines > MOST_LINES_OF_A_FUNCTION {
                long.push((format!("{}: {name}", source.path), format!("{lines} lines")));
            }
        }
    }
    hold("A function fits a screen: 70 lines.", long, exempt::FUNCTIONS);
}

/// Each function with its lines. rustfmt ends one with a brace below its first letter.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(name) = function_name(code) else { continue };
        let indent = line.len() - code.len();
        let is_end =
            |line: &&str| line.len() == indent + 1 && line.ends_with('}') && line.trim_start().len() == 1;
        let body = &lines[number..];
        let declared =
            body.iter().position(|line| line.ends_with('{') || line.ends_with(';') || line.ends_with('}'));
        let has_body = declared.is_some_and(|last| body[last].ends_with('{'));
        if let Some(end) = body.iter().position(is_end).filter(|_| has_body) {
            found.push((name, end + 1));
        }
    }
    found
}

fn function_name(code: &str) -> Option<&str> {
    let mut rest = code;
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after
            .strip_prefix('(')
            .map_or(after, |scoped| scoped.split_once(')').map_or(scoped, |(_, after)| after));
    }
    rest = rest.trim_start();
    for word in ["default ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

#[test]
fn functions_are_found_with_their_lines() {
    let text = "impl A {\n    pub(crate) async fn b(\n        c: u8,\n    ) -> u8 {\n        if c > 1 {\n            2\n        } else {\n            3\n        }\n    }\n\n    fn d();\n}\n\nfn e() {}\n\nconst fn f() {\n}\n";
    assert_eq!(functions(text), [("b", 9), ("f", 2)]);
}
