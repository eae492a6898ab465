//! The JSON Schemas of configs: a small subset that the web form can draw, and that this file can check.
//!
//! Derived from the config types (inline, without `$ref`). A definition is checked against the schema before its
//! templates are rendered: text with `{{` in it can become anything, so it passes everywhere; all else must fit.

use model::Problem;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// What stands in a log for a value that must not be seen.
pub const MASK: &str = "•••";

/// The schema of a type: inline and without what only tools need.
///
/// # Panics
/// Never for the types of this crate: a derived schema is an object.
#[must_use]
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("title");
    }
    schema
}

/// Whether a value is text that rendering can change.
#[must_use]
pub fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

/// Whether a value is, or holds, text that rendering can change.
#[must_use]
pub fn has_template(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_template),
        Value::Object(fields) => fields.values().any(has_template),
        value => is_template(value),
    }
}

/// What is wrong with an unrendered config, with paths relative to it.
#[must_use]
pub fn check(schema: &Value, config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_at(schema, config, "", &mut problems);
    problems
}

fn check_at(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if is_template(value) {
        return;
    }
    let types = types(schema);
    let fits = types.is_empty() || types.iter().any(|kind| is_of_type(kind, value));
    if !fits {
        let article = types.iter().map(|kind| type_name(kind)).collect::<Vec<_>>().join(" or ");
        problems.push(Problem::at(path, format!("must be {article}, not {}", describe(value))));
        return;
    }
    if let (Some(Value::Array(allowed)), Some(text)) = (schema.get("enum"), value.as_str()) {
        let text = text.trim().to_lowercase();
        if !allowed.iter().any(|name| name.as_str().is_some_and(|name| name.to_lowercase() == text)) {
            let allowed: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
            problems.push(Problem::at(path, format!("must be one of {}", allowed.join(", "))));
        }
    }
    let at_least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
    if at_least > 0 && value.as_str().is_some_and(|text| text.trim().is_empty()) {
        problems.push(Problem::at(path, "must not be empty"));
    }
    match value {
        Value::Object(fields) => check_fields(schema, fields, path, problems),
        Value::Array(values) => {
            if let Some(items) = schema.get("items") {
                for (index, value) in values.iter().enumerate() {
                    check_at(items, value, &format!("{path}[{index}]"), problems);
                }
            }
        }
        _ => {}
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let no_properties = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for name in &required {
        if !fields.contains_key(*name) {
            problems.push(Problem::at(at(name), "is missing"));
        }
    }
    for (name, value) in fields {
        match (properties.get(name), schema.get("additionalProperties")) {
            (Some(_), _) if value.is_null() && !required.contains(&name.as_str()) => {}
            (Some(property), _) => check_at(property, value, &at(name), problems),
            (None, Some(Value::Bool(false))) => {
                let known: Vec<_> = properties.keys().map(String::as_str).collect();
                problems.push(Problem::at(at(name), format!("is not known; known are {}", known.join(", "))));
            }
            (None, Some(additional)) => check_at(additional, value, &at(name), problems),
            (None, None) => {}
        }
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// As generous as the types of [`crate::input`].
fn is_of_type(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string() || value.is_number() || value.is_boolean(),
        "integer" => {
            value.as_f64().is_some_and(|number| number.fract() == 0.0)
                || value.as_str().is_some_and(|text| text.trim().parse::<i64>().is_ok())
        }
        "boolean" => value.is_boolean() || matches!(value.as_str(), Some("true" | "false")),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => false,
    }
}

fn type_name(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "object" => "an object",
        _ => "a list",
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A rendered config as a log may show it: write-only properties, headers that carry credentials, and passwords in
/// addresses are masked.
#[must_use]
pub fn redact(schema: &Value, mut config: Value) -> Value {
    redact_at(schema, &mut config);
    config
}

fn redact_at(schema: &Value, value: &mut Value) {
    if schema.get("writeOnly") == Some(&Value::Bool(true)) {
        if !value.is_null() {
            *value = MASK.into();
        }
        return;
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if format == "headers" && carries_credentials(name) {
                    *value = MASK.into();
                } else if let Some(property) =
                    schema.get("properties").and_then(|properties| properties.get(name))
                {
                    redact_at(property, value);
                } else if let Some(additional) = schema.get("additionalProperties") {
                    redact_at(additional, value);
                }
            }
        }
        Value::Array(values) => {
            if let Some(items) = schema.get("items") {
                values.iter_mut().for_each(|value| redact_at(items, value));
            }
        }
        Value::String(text) if format == "uri" => {
            if let Ok(mut url) = url::Url::parse(text)
                && url.password().is_some()
                && url.set_password(Some("***")).is_ok()
            {
                *text = url.into();
            }
        }
        _ => {}
    }
}

/// Headers whose values let their bearer in.
#[must_use]
pub fn carries_credentials(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "signature", "x-auth"]
        .iter()
        .any(|part| header.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_fault_by_its_path() {
        let schema = json!({
            "type": "object",
            "properties": {
                "to": {"type": ["string", "array"], "items": {"type": "string"}, "minLength": 1},
                "count": {"type": "integer"},
                "tone": {"type": "string", "enum": ["info", "error"]},
                "nested": {"type": "object", "properties": {"flag": {"type": "boolean"}}, "additionalProperties": false}
            },
            "required": ["to", "count"],
            "additionalProperties": false
        });
        let problems = |config| check(&schema, &config).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            problems(json!({
                "to": ["a", {}], "tone": "loud", "nested": {"flag": 3, "x": 1}, "cc": "b", "count": null
            })),
            [
                "to[1]: must be text, not an object",
                "tone: must be one of info, error",
                "nested.flag: must be true or false, not a number",
                "nested.x: is not known; known are flag",
                "cc: is not known; known are to, count, tone, nested",
                "count: must be a whole number, not null",
            ]
        );
        assert_eq!(problems(json!({"to": " "})), ["count: is missing", "to: must not be empty"]);
        assert_eq!(problems(json!([])), ["must be an object, not a list"]);
        let generous = json!({"to": 5, "count": "{{n}}", "tone": null, "nested": "{{all}}"});
        assert_eq!(problems(generous), [""; 0]);
    }
}
