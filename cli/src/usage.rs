//! What is said when a command line cannot be understood: in the words of this program, with what would be accepted.

use std::error::Error as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::stderr;

/// What the command line's parser says instead of arguments: help and version, or what is wrong (2).
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone is no error.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::InvalidUtf8 {
        let arguments: Vec<_> = std::env::args_os().collect();
        eprintln!("error: {}", not_utf8(&arguments));
    } else if error.kind() == ErrorKind::InvalidSubcommand {
        stderr::lines(&format!("error: {}", no_command(&unknown_command(error))));
    } else if stderr::is_colourful() {
        stderr::as_it_is(in_our_words(error, error.render().ansi().to_string()));
    } else {
        stderr::as_it_is(in_our_words(error, error.render().to_string()));
    }
    ExitCode::from(2)
}

/// Names the first argument that is no UTF-8, with the option that it belongs to. Paths may be any octets; this is about
/// the others.
fn not_utf8(arguments: &[std::ffi::OsString]) -> String {
    let wrong = arguments.iter().enumerate().skip(1).filter(|(_, argument)| argument.to_str().is_none());
    let shown = wrong.map(|(number, argument)| {
        let before = arguments.get(number - 1).and_then(|before| before.to_str());
        let of = before.filter(|before| number > 1 && before.starts_with("--") && !before.contains('='));
        let of = of.map(|option| format!(" of {option}")).unwrap_or_default();
        format!("argument {number}{of}, `{}`", argument.as_bytes().escape_ascii())
    });
    let shown: Vec<String> = shown.take(3).collect();
    format!(
        "not UTF-8: {}; paths of files and folders may be any octets, everything else is UTF-8",
        shown.join(", ")
    )
}

fn unknown_command(error: &clap::Error) -> String {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) => name.clone(),
        _ => String::new(),
    }
}

/// There is no such command: the one that was probably meant, and all that there are.
fn no_command(name: &str) -> String {
    let command = crate::Arguments::command();
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
    let meant = elsewhere.or_else(|| scenarios::nearest(name, &known));
    let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    format!(
        "there is no command `{name}`{hint}\ncommands: {}\n`roamstorm help` says what each does",
        known.join(", ")
    )
}

/// The words of other tools for what ours do.
const ELSEWHERE: [(&str, &str); 22] = [
    ("new", "init"),
    ("convert", "import"),
    ("validate", "check"),
    ("lint", "check"),
    ("plan", "check"),
    ("inspect", "check"),
    ("list", "catalogue"),
    ("scenarios", "catalogue"),
    ("catalog", "catalogue"),
    ("examples", "catalogue"),
    ("start", "run"),
    ("launch", "run"),
    ("master", "coordinator"),
    ("worker", "agent"),
    ("status", "watch"),
    ("kill", "stop"),
    ("diff", "compare"),
    ("ls", "runs"),
    ("history", "runs"),
    ("preflight", "doctor"),
    ("completion", "completions"),
    ("cert", "certs"),
];

/// The parser's text with what the library says of a value in words of ours.
fn in_our_words(error: &clap::Error, text: String) -> String {
    let Some(said) = error.source().map(ToString::to_string) else { return text };
    let of_library = OF_LIBRARIES.iter().find(|(theirs, _)| said.contains(theirs));
    match of_library {
        Some((_, ours)) => text.replacen(&said, ours, 1),
        None => text,
    }
}

/// What the libraries say of values that cannot be read, and what is said instead.
const OF_LIBRARIES: [(&str, &str); 7] = [
    ("invalid digit found in string", "a whole number is accepted, such as 4"),
    ("cannot parse integer from empty string", "a whole number is accepted, such as 4"),
    ("number too large to fit", "this number is too large"),
    ("number too small to fit", "a whole number from 0 on is accepted"),
    ("invalid float literal", "a number is accepted, such as 2.5"),
    (
        "invalid socket address syntax",
        "an IP address with its port is accepted, such as 0.0.0.0:7400 or [::]:7400",
    ),
    ("invalid IP address syntax", "an IP address is accepted, such as 192.0.2.21"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    /// Every option of every command that takes a value, with the path of commands to it.
    fn options(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, String)>) {
        for option in command.get_arguments().filter(|option| option.get_action().takes_values()) {
            if let Some(long) = option.get_long() {
                found.push((path.to_vec(), format!("--{long}")));
            }
        }
        for below in command.get_subcommands() {
            options(below, &[path, &[below.get_name().to_owned()]].concat(), found);
        }
    }

    #[test]
    fn no_option_speaks_of_the_library_that_reads_its_value() {
        let mut found = Vec::new();
        let mut command = crate::Arguments::command();
        command.build();
        options(&command, &[], &mut found);
        assert!(found.len() > 60, "{}", found.len());
        let (mut numbers, mut all) = (0, String::new());
        for (path, option) in &found {
            for wrong in ["seven", "", "99999999999999999999999"] {
                let line = [&["roamstorm".to_owned()], &path[..], &[format!("{option}={wrong}")]].concat();
                let Err(error) = crate::Arguments::try_parse_from(&line) else { continue };
                let text = in_our_words(&error, error.render().to_string());
                numbers += usize::from(text.contains("a whole number is accepted"));
                for talk in [
                    "in string",
                    "to fit in",
                    "socket address syntax",
                    "IP address syntax",
                    "literal",
                    "variant",
                    "ParseInt",
                ] {
                    assert!(!text.contains(talk), "{line:?}: {text}");
                }
                all += &text;
            }
        }
        assert!(numbers > 10, "{all}");
    }

    #[test]
    fn a_mistyped_command_is_answered_with_the_one_that_was_meant_and_with_all() {
        for (typed, meant) in [
            ("rnu", "run"),
            ("validate", "check"),
            ("list", "catalogue"),
            ("cordinator", "coordinator"),
            ("diff", "compare"),
        ] {
            let error = crate::Arguments::try_parse_from(["roamstorm", typed]).err().unwrap();
            assert_eq!(unknown_command(&error), typed);
            let text = no_command(typed);
            assert!(text.contains(&format!("did you mean `{meant}`?")), "{text}");
            assert!(text.contains("subscribers, watch"), "{text}");
        }
        assert!(!no_command("frobnicate").contains("did you mean"));
        let known = crate::Arguments::command();
        for (_, ours) in ELSEWHERE {
            assert!(known.get_subcommands().any(|command| command.get_name() == ours), "{ours}");
        }
    }

    #[test]
    fn every_command_ends_its_help_with_examples_and_exit_codes() {
        fn look(command: &mut clap::Command, path: &str) {
            if command.get_name() == "help" {
                return;
            }
            let path = format!("{path} {}", command.get_name());
            if command.get_subcommands().next().is_none()
                || command.get_arguments().any(|a| a.is_positional())
            {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                let end = help.split("Examples:").nth(1).unwrap_or_else(|| panic!("{path}: {help}"));
                let (examples, codes) =
                    end.split_once("Exit codes:").unwrap_or_else(|| panic!("{path}: {end}"));
                let lines: Vec<&str> = examples.lines().filter(|line| !line.trim().is_empty()).collect();
                assert!(lines.len() >= 2 && lines.len() <= 8, "{path}: {examples}");
                assert!(
                    examples.contains("roamstorm ") && codes.contains('0') && codes.contains('2'),
                    "{path}: {end}"
                );
            }
            let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
            for name in names {
                look(command.find_subcommand_mut(&name).unwrap(), &path);
            }
        }
        let mut command = crate::Arguments::command();
        command.build();
        let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        assert!(names.len() > 17, "{names:?}");
        for name in names {
            look(command.find_subcommand_mut(&name).unwrap(), "roamstorm");
        }
    }

    /// Every example of a help is a command line that this program takes.
    #[test]
    fn the_examples_of_the_help_are_command_lines_of_this_program() {
        fn look(command: &mut clap::Command, tried: &mut usize) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.split("Examples:").nth(1).and_then(|end| end.split("Exit codes:").next());
            for line in
                examples.unwrap_or_default().lines().filter(|line| line.trim().starts_with("roamstorm "))
            {
                assert!(line.len() < 100, "it is broken in two: {line}");
                let line = line.split(['|', '>', '#']).next().unwrap_or_default();
                let words: Vec<&str> = line.split_whitespace().collect();
                if let Err(error) = crate::Arguments::try_parse_from(&words) {
                    panic!("{line}: {error}");
                }
                *tried += 1;
            }
            let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
            for name in names {
                look(command.find_subcommand_mut(&name).unwrap(), tried);
            }
        }
        let mut tried = 0;
        look(&mut crate::Arguments::command(), &mut tried);
        assert!(tried > 40, "{tried}");
    }

    /// Of all shell blocks of the documents, also of those that cannot be run here (cli/tests/documentation.rs runs the others).
    #[test]
    fn the_documents_show_command_lines_of_this_program() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let pages = docs.filter(|path| path.is_file()).chain([root.join("README.md")]);
        let (mut tried, mut wrong) = (0, Vec::new());
        for page in pages {
            let text = std::fs::read_to_string(&page).unwrap();
            let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
            for line in blocks.flat_map(str::lines).map(str::trim) {
                let line = line.replace("<run-id>", "run-id").replace("cargo run --release --", "roamstorm");
                let line = line.split(['|', '>', '#']).next().unwrap_or_default();
                let words: Vec<&str> = line.split_whitespace().collect();
                if words.first() == Some(&"roamstorm") {
                    tried += 1;
                    if let Err(error) = crate::Arguments::try_parse_from(&words) {
                        wrong.push(format!("{}: {line}: {error}", page.display()));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(tried > 30, "{tried}");
    }

    #[test]
    fn an_argument_that_is_no_utf8_is_named_with_its_option() {
        use std::os::unix::ffi::OsStringExt as _;
        let wrong = std::ffi::OsString::from_vec(vec![b'r', 0xfc]);
        let text = not_utf8(&["roamstorm".into(), "run".into(), "--seed".into(), wrong]);
        assert!(text.contains("argument 3 of --seed") && text.contains("r\\xfc"), "{text}");
    }
}
