//! The description of the API as a test reads it: its operations, and a check of an answer against it.
//!
//! A schema says which fields there are; it does not say that there are no others, so that clients bear new ones. Here it does:
//! every object whose fields are named is closed, so that a field that nobody described fails the test.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::house::Answer;

const SCHEMAS: &str = "#/components/schemas/";

/// One operation: `GET /api/forms/{id}`.
#[derive(Debug, Clone)]
pub struct Operation {
    pub line: String,
    pub method: String,
    pub path: String,
    spec: Value,
}

impl Operation {
    /// Anybody may call it.
    pub fn is_open(&self) -> bool {
        self.spec["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way == &json!({})))
    }

    pub fn takes_json(&self) -> bool {
        !self.spec["requestBody"]["content"]["application/json"].is_null()
    }

    /// The names of its query parameters.
    pub fn query(&self) -> Vec<&str> {
        let parameters = self.spec["parameters"].as_array().into_iter().flatten();
        parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap()).collect()
    }
}

/// The document.
pub struct Document {
    json: Value,
    validators: HashMap<String, jsonschema::Validator>,
}

impl Document {
    pub fn new() -> Self {
        let mut json = serde_json::to_value(api::openapi()).unwrap();
        let open = json["components"]["schemas"].clone();
        for schema in json["components"]["schemas"].as_object_mut().unwrap().values_mut() {
            // It may be a part of a larger one: whoever refers to the whole closes it.
            close(schema, &open, true);
        }
        for item in json["paths"].as_object_mut().unwrap().values_mut() {
            for operation in item.as_object_mut().unwrap().values_mut() {
                for response in operation["responses"].as_object_mut().unwrap().values_mut() {
                    contents(response).for_each(|content| close(&mut content["schema"], &open, false));
                }
            }
        }
        if let Some(responses) = json["components"].get_mut("responses").and_then(Value::as_object_mut) {
            for response in responses.values_mut() {
                contents(response).for_each(|content| close(&mut content["schema"], &open, false));
            }
        }
        Self { json, validators: HashMap::new() }
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.json["paths"].as_object().unwrap() {
            for (method, spec) in item.as_object().unwrap() {
                let method = method.to_uppercase();
                let line = format!("{method} {path}");
                operations.push(Operation { line, method, path: path.clone(), spec: spec.clone() });
            }
        }
        operations
    }

    /// What the answer has that the document does not say.
    pub fn faults(&mut self, operation: &Operation, answer: &Answer) -> Vec<String> {
        let status = answer.status.to_string();
        let mut response = &operation.spec["responses"][&status];
        if let Some(reference) = response["$ref"].as_str() {
            response = self.json.pointer(reference.trim_start_matches('#')).unwrap();
        }
        if response.is_null() {
            return vec![format!("{status} is not described: {}", answer.text)];
        }
        let kind = answer.content_type.split(';').next().unwrap_or_default();
        let Some(content) = response["content"].get(kind) else {
            return vec![format!("{status} with {kind:?} is not described: {}", answer.text)];
        };
        if kind != "application/json" {
            return Vec::new();
        }
        let body: Value = serde_json::from_str(&answer.text).unwrap();
        let key = content["schema"].to_string();
        let (components, schema) = (&self.json["components"], &content["schema"]);
        let validator = self.validators.entry(key).or_insert_with(|| {
            let root = json!({"allOf": [schema], "components": components});
            let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
            options.should_validate_formats(true).build(&root).unwrap()
        });
        validator
            .iter_errors(&body)
            .map(|error| format!("{status} at {}: {error}", error.instance_path))
            .collect()
    }

    /// Operations that were described and not called.
    pub fn missing(&self, called: &BTreeSet<String>) -> Vec<String> {
        let lines = self.operations().into_iter().map(|operation| operation.line);
        lines.filter(|line| !called.contains(line)).collect()
    }
}

fn contents(response: &mut Value) -> impl Iterator<Item = &mut Value> {
    response.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

/// Closes every object with named fields. A `part` stays open, for the whole that it is a part of says what else there is.
fn close(schema: &mut Value, all: &Value, part: bool) {
    let is_closed = !part && names_fields(schema, all);
    let Some(fields) = schema.as_object_mut() else { return };
    for word in ["allOf", "oneOf", "anyOf"] {
        let inner_is_part = part || word == "allOf";
        for inner in fields.get_mut(word).and_then(Value::as_array_mut).into_iter().flatten() {
            close(inner, all, inner_is_part);
        }
    }
    for property in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        close(property.1, all, false);
    }
    for word in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(word).filter(|inner| inner.is_object()) {
            close(inner, all, false);
        }
    }
    if is_closed && !fields.contains_key("additionalProperties") {
        fields.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

/// It is an object whose fields are named, and not one of several shapes.
fn names_fields(schema: &Value, all: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix(SCHEMAS)) {
        return names_fields(&all[name], all);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().all(|part| names_fields(part, all));
    }
    schema["properties"].is_object()
}

#[test]
fn a_field_that_nobody_described_is_a_fault_wherever_it_is() {
    let mut document = Document::new();
    let operations = document.operations();
    let operation = |line: &str| operations.iter().find(|operation| operation.line == line).unwrap();
    let of = |text: String| Answer {
        status: 404,
        content_type: "application/json".to_owned(),
        text,
        headers: axum::http::HeaderMap::default(),
    };
    let failure = json!({"success": false, "error": {"code": "a", "message": "b", "details": [{"path": "c", "message": "d"}]}});
    let get = operation("GET /api/workflows/{id}");
    assert_eq!(document.faults(get, &of(failure.to_string())), [""; 0]);
    for place in ["", "/error", "/error/details/0"] {
        let mut failure = failure.clone();
        failure.pointer_mut(place).unwrap()["more"] = json!(1);
        assert_ne!(document.faults(get, &of(failure.to_string())), [""; 0], "{place}");
    }
    assert_eq!(document.faults(get, &Answer { status: 418, ..of("{}".to_owned()) }).len(), 1);
}
