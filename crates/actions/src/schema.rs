//! The JSON Schemas of configs: derived from the config types, inline, within what the web form can draw.
//!
//! [`rules::schema`] checks a definition against them; here is what else they are good for: they say what is secret.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::Value;

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
        // A default of null says no more than that the property may be left out.
        settings.transforms.push(Box::new(schemars::transform::RecursiveTransform(|schema: &mut Schema| {
            if schema.get("default").is_some_and(Value::is_null) {
                schema.remove("default");
            }
        })));
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
