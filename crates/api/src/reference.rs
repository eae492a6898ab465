//! The readable reference: a pure function from the OpenAPI document to what the page shows.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Everything that the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Reference {
    title: String,
    description: String,
    version: String,
    groups: Vec<Group>,
}

/// The operations of one tag.
#[derive(Debug, Serialize)]
struct Group {
    name: String,
    anchor: String,
    operations: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    anchor: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<String>,
    /// No credentials are needed.
    open: bool,
    parameters: Vec<Row>,
    bodies: Vec<Content>,
    responses: Vec<Answer>,
    curl: String,
}

#[derive(Debug, Serialize)]
struct Content {
    media: String,
    #[serde(rename = "type")]
    kind: String,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Answer {
    status: String,
    description: String,
    good: bool,
    rows: Vec<Row>,
}

/// A field or a parameter.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    depth: usize,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    description: String,
}

const DEEPEST: usize = 4;
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Reference {
    /// Of a document.
    pub(crate) fn of(document: &Value) -> Self {
        let schemas = Schemas(&document["components"]["schemas"]);
        let mut groups: Vec<Group> = Vec::new();
        for (path, item) in object(&document["paths"]) {
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let name = text(&operation["tags"][0]);
                let name = if name.is_empty() { "Other".to_owned() } else { name };
                let operation = operation_of(&schemas, path, method, operation);
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group { anchor: slug(&name), name, operations: vec![operation] }),
                }
            }
        }
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let info = &document["info"];
        Self {
            title: text(&info["title"]),
            description: text(&info["description"]),
            version: text(&info["version"]),
            groups,
        }
    }
}

fn operation_of(schemas: &Schemas<'_>, path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = array(&operation["parameters"]).iter().map(|parameter| Row {
        name: text(&parameter["name"]),
        depth: 0,
        kind: format!("{}, in {}", schemas.kind(&parameter["schema"]), text(&parameter["in"])),
        required: parameter["required"] == true,
        description: text(&parameter["description"]),
    });
    let contents = object(&operation["requestBody"]["content"]);
    let bodies: Vec<Content> = contents
        .map(|(media, content)| Content {
            media: media.clone(),
            kind: schemas.kind(&content["schema"]),
            rows: schemas.rows(&content["schema"]),
        })
        .collect();
    // What is only referred to is common to many operations, and told once, above.
    let own = object(&operation["responses"]).filter(|(_, response)| response["$ref"].is_null());
    let responses = own.map(|(status, response)| Answer {
        status: status.clone(),
        description: or(text(&response["description"]), meaning(status)),
        good: status.starts_with('2'),
        // The envelope of failures is told once, above.
        rows: if status.starts_with('2') {
            schemas.rows(&response["content"]["application/json"]["schema"])
        } else {
            Vec::new()
        },
    });
    let description = text(&operation["description"]);
    let open = array(&operation["security"]).iter().any(|way| object(way).next().is_none());
    Operation {
        anchor: slug(&format!("{method} {path}")),
        method: method.to_owned(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        description: description
            .split("\n\n")
            .filter(|part| !part.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        open,
        parameters: parameters.collect(),
        responses: responses.collect(),
        curl: curl(schemas, path, method, operation, open),
        bodies,
    }
}

/// A command that can be pasted into a shell, with the example or sample values in place.
fn curl(schemas: &Schemas<'_>, path: &str, method: &str, operation: &Value, open: bool) -> String {
    let mut url = path.to_owned();
    for parameter in array(&operation["parameters"]).iter().filter(|parameter| parameter["in"] == "path") {
        let name = text(&parameter["name"]);
        let sample = match schemas.sample(&parameter["schema"], 0) {
            Value::String(text) => text,
            Value::Number(_) => "1".to_owned(),
            _ => name.clone(),
        };
        url = url.replace(&format!("{{{name}}}"), &sample);
    }
    let mut command = "curl".to_owned();
    if method != "get" {
        command.push_str(&format!(" -X {}", method.to_uppercase()));
    }
    command.push_str(&format!(" 'http://127.0.0.1:8080{url}'"));
    if !open {
        command.push_str(" \\\n  -H \"Authorization: Bearer $KEY\"");
    }
    if let Some((media, content)) = object(&operation["requestBody"]["content"]).next() {
        let sample = match &content["example"] {
            Value::Null => schemas.sample(&content["schema"], 0),
            example => example.clone(),
        };
        let body = serde_json::to_string_pretty(&sample).unwrap_or_default().replace('\'', "'\\''");
        command.push_str(&format!(" \\\n  -H 'Content-Type: {media}' \\\n  -d '{body}'"));
    }
    command
}

/// The named schemas of the document.
struct Schemas<'a>(&'a Value);

impl<'a> Schemas<'a> {
    /// What a schema refers to, and its name.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        // A chain of references is short; one that goes around ends here all the same.
        for _ in 0..8 {
            let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next())
            else {
                break;
            };
            schema = &self.0[name];
        }
        schema
    }

    /// Of several that are allowed, the one that is not null.
    fn main(&self, schema: &'a Value) -> &'a Value {
        let schema = self.resolve(schema);
        let choice = ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array());
        match choice.and_then(|choice| choice.iter().find(|one| one["type"] != "null")) {
            Some(one) if schema["properties"].is_null() => self.resolve(one),
            _ => schema,
        }
    }

    fn properties(&self, schema: &'a Value) -> Vec<(&'a String, &'a Value, bool)> {
        let schema = self.main(schema);
        let mut all: Vec<_> = array(&schema["allOf"]).iter().flat_map(|part| self.properties(part)).collect();
        let required = array(&schema["required"]);
        all.extend(
            object(&schema["properties"])
                .map(|(name, property)| (name, property, required.iter().any(|one| one == name))),
        );
        all
    }

    fn rows(&self, schema: &'a Value) -> Vec<Row> {
        let mut rows = Vec::new();
        self.rows_into(schema, 0, &mut rows);
        rows
    }

    fn rows_into(&self, schema: &'a Value, depth: usize, rows: &mut Vec<Row>) {
        let main = self.main(schema);
        let inner = if main["items"].is_object() { &main["items"] } else { main };
        for (name, property, required) in self.properties(inner) {
            let described = [property, self.resolve(property)].map(|schema| text(&schema["description"]));
            let description = described.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
            rows.push(Row { name: name.clone(), depth, kind: self.kind(property), required, description });
            if depth < DEEPEST {
                self.rows_into(property, depth + 1, rows);
            }
        }
    }

    /// A few words for the type.
    fn kind(&self, schema: &'a Value) -> String {
        let nullable = ["oneOf", "anyOf"]
            .iter()
            .any(|word| array(&schema[*word]).iter().any(|one| one["type"] == "null"))
            || array(&schema["type"]).iter().any(|one| one == "null");
        let main = self.main(schema);
        let values: Vec<String> = array(&main["enum"])
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        let base = match &main["type"] {
            Value::Array(list) => {
                list.iter().find_map(|one| one.as_str().filter(|one| *one != "null")).unwrap_or("any")
            }
            Value::String(one) => one,
            _ if !main["properties"].is_null() || !main["allOf"].is_null() => "object",
            _ => "any",
        };
        let mut kind = if !values.is_empty() {
            values.join(" | ")
        } else if base == "array" && main["items"].is_object() {
            format!("list of {}", self.kind(&main["items"]))
        } else if let Some(format) = main["format"].as_str().filter(|format| *format != "int64") {
            format!("{base} ({format})")
        } else {
            base.to_owned()
        };
        let bounds = (main["minimum"].as_i64(), main["maximum"].as_i64());
        if let (Some(least), Some(most)) = bounds {
            kind.push_str(&format!(", {least} to {most}"));
        }
        if nullable {
            kind.push_str(" or null");
        }
        kind
    }

    /// A value as a beginner would write it: the example, else something of the type; only what is required below the top.
    fn sample(&self, schema: &'a Value, depth: usize) -> Value {
        for one in [schema, self.main(schema)] {
            for word in ["example", "default"] {
                if !one[word].is_null() {
                    return one[word].clone();
                }
            }
            if let Some(first) = one["examples"].get(0).or_else(|| one["enum"].get(0)) {
                return first.clone();
            }
        }
        let main = self.main(schema);
        let properties = self.properties(schema);
        if !properties.is_empty() && depth < DEEPEST {
            let some: Vec<_> = properties.iter().filter(|(_, _, required)| *required).collect();
            let shown: Vec<_> = if some.is_empty() { properties.iter().take(2).collect() } else { some };
            let sampled =
                shown.iter().map(|(name, property, _)| ((*name).clone(), self.sample(property, depth + 1)));
            return Value::Object(sampled.collect::<Map<String, Value>>());
        }
        let kind = match &main["type"] {
            Value::Array(list) => list.iter().find(|one| *one != "null").and_then(Value::as_str),
            one => one.as_str(),
        };
        match (kind, main["format"].as_str()) {
            (Some("integer" | "number"), _) => json!(1),
            (Some("boolean"), _) => json!(true),
            (Some("array"), _) if main["items"].is_object() && depth < DEEPEST => {
                json!([self.sample(&main["items"], depth + 1)])
            }
            (Some("array"), _) => json!([]),
            (Some("string"), Some("date-time")) => json!("2026-02-14T10:30:00Z"),
            (Some("string"), Some("password")) => json!("…"),
            (Some("string"), _) => json!("text"),
            _ => json!({}),
        }
    }
}

/// What a status means where the document says no more.
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done",
        "201" => "Made",
        "202" => "Accepted",
        "400" => "The request cannot be read; `details` names the place",
        "401" => "No credentials, or none that are good",
        "403" => "The role does not suffice",
        "404" => "There is no such record",
        "409" => "It clashes with what is there",
        "413" => "Too long",
        "415" => "No JSON",
        "422" => "Well-formed, and not acceptable; `details` names the place",
        "429" => "Too often; `Retry-After` says when",
        "503" => "Not now; `Retry-After` says when",
        _ => "",
    }
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
