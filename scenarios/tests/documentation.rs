//! `docs/scenarios.md` is true: its examples are accepted, and its error is the one that is given.

use scenarios::Scenario;

#[test]
fn every_example_of_the_documentation_is_accepted() {
    let blocks = blocks("yaml");
    let (first, others) = blocks.split_first().unwrap();
    Scenario::from_yaml(first, "first example").unwrap_or_else(|error| panic!("{error}"));
    assert!(others.len() >= 8, "found {} examples", others.len());
    for block in others {
        let text = composed(first, block);
        let scenario =
            Scenario::from_yaml(&text, "example").unwrap_or_else(|error| panic!("{error}\n{text}"));
        let old = scenario.warnings().into_iter().find(|warning| warning.contains("the old word"));
        assert_eq!(old, None, "{text}");
    }
}

#[test]
fn documented_error_is_the_one_given() {
    let text = blocks("yaml").remove(0).replace("100/s", "100");
    let error = Scenario::from_yaml(&text, "evening.yaml").unwrap_err().to_string();
    assert_eq!(blocks("text").remove(0).trim_end(), error);
}

#[test]
fn documented_fields_are_those_of_the_schema() {
    let schema = scenarios::json_schema();
    let mut fields = Vec::new();
    properties(&schema, &mut fields);
    assert!(fields.len() > 40, "{fields:?}");
    // With low lines they are others' second names.
    for field in fields.into_iter().filter(|field| !field.contains('_')) {
        assert!(
            DOCUMENT.contains(&format!("`{field}`")) || DOCUMENT.contains(&format!("{field}: ")),
            "{field}"
        );
    }
}

fn properties(schema: &serde_json::Value, fields: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(entries) => {
            if let Some(properties) = entries.get("properties").and_then(|properties| properties.as_object())
            {
                fields.extend(properties.keys().cloned());
            }
            entries.values().for_each(|value| properties(value, fields));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|value| properties(value, fields)),
        _ => {}
    }
}

fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let parts = DOCUMENT.split(&opening).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The first example with the sections of another in the place of its own.
fn composed(first: &str, block: &str) -> String {
    let keys = block.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let mut keys: Vec<&str> = keys.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    // A search plays no load of its own.
    if keys.contains(&"search") {
        keys.push("load");
    }
    keys.iter().fold(first.to_owned(), |text, key| without_section(&text, key)) + block
}

/// The text without the section that begins with this key.
fn without_section(text: &str, key: &str) -> String {
    let mut inside = false;
    let mut rest = String::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            inside = line.starts_with(&format!("{key}:"));
        }
        if !inside {
            rest += line;
            rest.push('\n');
        }
    }
    rest
}

const DOCUMENT: &str = include_str!("../../docs/scenarios.md");
