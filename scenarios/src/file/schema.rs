//! The JSON Schema of a scenario file, for editors and other tools: all that the program takes, and as little else as a schema can tell.

use serde_json::{Map, Value, json};

use super::scenario::ScenarioFile;
use crate::old_words;

/// The JSON Schema of a scenario file, for editors (yaml-language-server) and other tools.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(ScenarioFile);
    schema.insert("title".to_owned(), "Roamstorm scenario".into());
    let mut schema = schema.to_value();
    old_words::replaced().for_each(|(old, new)| accept_old_word(&mut schema, old, new));
    let search = json!({"deprecated": true, "$ref": "#/$defs/SearchFile"});
    let load = schema.pointer_mut("/properties/load").map(Value::take).unwrap_or_default();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        // Only a list is completed; a search in the place of a list was an old word.
        let described = load.get("description").cloned().unwrap_or_default();
        let either =
            json!({"description": described, "if": {"type": "object"}, "then": search, "else": load});
        properties.insert("load".to_owned(), either);
    }
    accept_low_lines(&mut schema);
    schema
}

/// A value that is not zero: of a rate, a duration, a percentage or a number.
pub(super) fn zero() -> Value {
    json!({"anyOf": [{"type": "string", "pattern": "^[^1-9]*$"}, {"const": 0}]})
}

/// A field by its old word means what the new one does. It is not proposed.
fn accept_old_word(schema: &mut Value, old: &str, new: &str) {
    let (from, to): (Vec<&str>, Vec<&str>) = (old.split('.').collect(), new.split('.').collect());
    let (Some(old), Some(new), Some(parent)) =
        (from.last(), to.last(), place(schema, &from[..from.len() - 1]))
    else {
        return;
    };
    let meant = place(schema, &to).and_then(|place| schema.pointer(&place)).cloned().unwrap_or_default();
    let Some(parent) = schema.pointer_mut(&parent).and_then(Value::as_object_mut) else { return };
    let mut meant = meant;
    if let Some(meant) = meant.as_object_mut() {
        meant.insert("deprecated".to_owned(), true.into());
    }
    patterns(parent).insert(format!("^{old}$"), meant);
    // Within one mapping the old word also stands for a new one that is required.
    if from.len() == to.len() {
        either_is_required(parent, new, old);
    }
}

/// Names of several words may have low lines for hyphens. They are not proposed.
fn accept_low_lines(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            entries.values_mut().for_each(accept_low_lines);
            let properties = entries.get("properties").and_then(Value::as_object);
            let closed = entries.get("additionalProperties") == Some(&Value::Bool(false));
            let Some(properties) = properties.filter(|_| closed) else { return };
            let hyphened: Vec<(String, Value)> = properties
                .iter()
                .filter(|(name, _)| name.contains('-'))
                .map(|(name, schema)| (name.clone(), schema.clone()))
                .collect();
            for (name, meant) in hyphened {
                let low = name.replace('-', "_");
                patterns(entries).insert(format!("^{low}$"), meant);
                either_is_required(entries, &name, &low);
            }
            let old: Vec<(String, Value)> = patterns(entries)
                .iter()
                .filter(|(name, _)| name.contains('-'))
                .map(|(name, schema)| (name.replace('-', "_"), schema.clone()))
                .collect();
            patterns(entries).extend(old);
            entries.retain(|name, value| name != "patternProperties" || value != &json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(accept_low_lines),
        _ => {}
    }
}

fn patterns(entries: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let patterns = entries.entry("patternProperties").or_insert_with(|| json!({}));
    if !patterns.is_object() {
        *patterns = json!({});
    }
    patterns.as_object_mut().expect("it was made one")
}

fn either_is_required(entries: &mut Map<String, Value>, one: &str, other: &str) {
    let required = entries.get_mut("required").and_then(Value::as_array_mut);
    let Some(required) = required else { return };
    if let Some(at) = required.iter().position(|name| name == one) {
        required.remove(at);
        let either = json!({"anyOf": [{"required": [one]}, {"required": [other]}]});
        let all = entries.entry("allOf").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(either);
        }
    }
}

/// Where the schema of a field is: a pointer to what its references lead to. `*` is the items of a list.
fn place(schema: &Value, path: &[&str]) -> Option<String> {
    let mut at = resolved(schema, String::new())?;
    for word in path {
        let next = match *word {
            "*" => format!("{at}/items"),
            word => format!("{at}/properties/{word}"),
        };
        at = resolved(schema, next)?;
    }
    Some(at)
}

/// Follows references, and the alternatives of what may be left out.
fn resolved(schema: &Value, mut at: String) -> Option<String> {
    for _ in 0..8 {
        let here = schema.pointer(&at)?;
        if let Some(reference) = here.get("$ref").and_then(Value::as_str) {
            reference.strip_prefix('#')?.clone_into(&mut at);
        } else if here.get("anyOf").is_some_and(|of| {
            of.as_array().is_some_and(|of| of.len() == 2 && of[1] == json!({"type": "null"}))
        }) {
            at.push_str("/anyOf/0");
        } else {
            return Some(at);
        }
    }
    None
}
