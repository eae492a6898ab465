//! Checks a step's config against the JSON Schema of its action, in plain words.
//!
//! Only the keywords that the actions' schemas use: `type`, `properties`, `required`, `additionalProperties`,
//! `items`, `enum`, `const`, `oneOf`/`anyOf`/`allOf`, lengths, bounds and `$ref` within the document. A general
//! validator would report in the words of the standard; this one reports what a person should change. Text with a
//! template in it is accepted wherever anything is expected: what it renders to is checked when it runs.

use model::Problem;
use serde_json::{Map, Value};

use crate::{
    suggest::{among, nearest},
    value::{Kind, quoted},
};

/// `$ref`s and variants that are followed within one schema before it counts as endless.
const MAX_HOPS: usize = 32;
/// The deepest config.
const MAX_DEPTH: usize = 100;

/// Everything wrong with `config`, at paths below `path`.
#[must_use]
pub fn check(schema: &Value, config: &Value, path: &str) -> Vec<Problem> {
    Schema::root(schema).check(config, path, 0)
}

/// The path of a property: `config.url`, or `config["x-key"]` for names that a path must quote.
#[must_use]
pub fn below(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{}]", Value::from(key)),
    }
}

/// A place in a schema document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'s> {
    document: &'s Value,
    node: &'s Value,
}

impl<'s> Schema<'s> {
    pub(crate) const fn root(document: &'s Value) -> Self {
        Self { document, node: document }
    }

    const fn at(self, node: &'s Value) -> Self {
        Self { document: self.document, node }
    }

    fn referred(self) -> Option<Self> {
        let pointer = self.node.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.document.pointer(pointer).map(|node| self.at(node))
    }

    fn alternatives(self, keyword: &str) -> Vec<Self> {
        let list = self.node.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|node| self.at(node)).collect()
    }

    /// This place and all that it refers to or offers, nearest first.
    fn unfolded(self) -> Vec<Self> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(schema) = all.get(next).copied() {
            next += 1;
            all.extend(schema.referred());
            for keyword in ["anyOf", "oneOf", "allOf"] {
                all.extend(schema.alternatives(keyword));
            }
            if all.len() > MAX_HOPS {
                break;
            }
        }
        all
    }

    /// The schema of a property of an object.
    pub(crate) fn property(self, key: &str) -> Option<Self> {
        let all = self.unfolded();
        let named = all.iter().find_map(|schema| Some(schema.at(schema.node.get("properties")?.get(key)?)));
        named.or_else(|| {
            all.iter().find_map(|schema| {
                let other = schema.node.get("additionalProperties").filter(|other| other.is_object())?;
                Some(schema.at(other))
            })
        })
    }

    /// The schema of a list's elements.
    pub(crate) fn items(self) -> Option<Self> {
        self.unfolded().iter().find_map(|schema| Some(schema.at(schema.node.get("items")?)))
    }

    /// Text here has the format, such as `html` or `uri`.
    pub(crate) fn has_format(self, format: &str) -> bool {
        self.unfolded().iter().any(|schema| schema.node.get("format").and_then(Value::as_str) == Some(format))
    }

    fn check(self, value: &Value, path: &str, depth: usize) -> Vec<Problem> {
        if depth > MAX_DEPTH {
            return vec![Problem::at(path, "is nested too deeply")];
        }
        if matches!(value, Value::String(text) if text.contains("{{")) {
            return Vec::new();
        }
        let Value::Object(keywords) = self.node else {
            return if self.node == &Value::Bool(false) {
                vec![Problem::at(path, "is not accepted")]
            } else {
                Vec::new()
            };
        };
        if let Some(choices) = self.choices(0) {
            return check_choice(value, &choices, path);
        }
        let mut problems = Vec::new();
        if let Some(referred) = self.referred() {
            problems.extend(referred.check(value, path, depth + 1));
        }
        for part in self.alternatives("allOf") {
            problems.extend(part.check(value, path, depth + 1));
        }
        for keyword in ["anyOf", "oneOf"] {
            problems.extend(self.check_alternatives(&self.alternatives(keyword), value, path, depth));
        }
        let types = types(keywords);
        if !types.is_empty() && !types.iter().any(|name| is_type(value, name)) {
            problems.push(Problem::at(path, format!("must be {}, not {}", in_words(&types), kind(value))));
            return problems;
        }
        match value {
            Value::String(text) => {
                check_length(text.chars().count(), keywords, "Length", "characters", path, &mut problems);
            }
            Value::Number(_) => check_bounds(value, keywords, path, &mut problems),
            Value::Array(items) => {
                check_length(items.len(), keywords, "Items", "elements", path, &mut problems);
                if let Some(schema) = keywords.get("items") {
                    for (at, item) in items.iter().enumerate() {
                        problems.extend(self.at(schema).check(item, &format!("{path}[{at}]"), depth + 1));
                    }
                }
            }
            Value::Object(fields) => self.check_object(keywords, fields, path, depth, &mut problems),
            Value::Null | Value::Bool(_) => {}
        }
        problems
    }

    fn check_object(
        self,
        keywords: &Map<String, Value>,
        fields: &Map<String, Value>,
        path: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) {
        let nothing = Map::new();
        let properties = keywords.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        for (key, field) in fields {
            let path = below(path, key);
            match (properties.get(key), keywords.get("additionalProperties")) {
                (Some(schema), _) => problems.extend(self.at(schema).check(field, &path, depth + 1)),
                (None, Some(Value::Bool(false))) => {
                    let among = among(key, properties.keys().map(String::as_str));
                    problems.push(Problem::at(path, format!("there is no \"{key}\"{among}")));
                }
                (None, Some(schema)) => problems.extend(self.at(schema).check(field, &path, depth + 1)),
                (None, None) => {}
            }
        }
        let required =
            keywords.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for key in required.iter().filter_map(Value::as_str).filter(|key| !fields.contains_key(*key)) {
            let types = properties.get(key).and_then(Value::as_object).map(types).unwrap_or_default();
            let what = if types.is_empty() { String::new() } else { format!(": {}", in_words(&types)) };
            problems.push(Problem::at(below(path, key), format!("\"{key}\" is required{what}")));
        }
    }

    /// The value must suit one of the alternatives; else the faults of the one that it comes nearest to.
    fn check_alternatives(
        self,
        alternatives: &[Self],
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Vec<Problem> {
        let mut nearest: Option<Vec<Problem>> = None;
        for alternative in alternatives {
            let problems = alternative.check(value, path, depth + 1);
            if problems.is_empty() {
                return problems;
            }
            let fits = alternative.kinds().iter().any(|name| is_type(value, name));
            if fits && nearest.as_ref().is_none_or(|best| problems.len() < best.len()) {
                nearest = Some(problems);
            }
        }
        if alternatives.is_empty() {
            return Vec::new();
        }
        nearest.unwrap_or_else(|| {
            let mut names: Vec<&str> = Vec::new();
            for name in alternatives.iter().flat_map(|alternative| alternative.kinds()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            vec![Problem::at(path, format!("must be {}, not {}", in_words(&names), kind(value)))]
        })
    }

    /// The JSON types that are accepted here.
    fn kinds(self) -> Vec<&'s str> {
        self.unfolded().iter().filter_map(|schema| schema.node.as_object()).flat_map(types).collect()
    }

    /// The accepted values, when the schema is nothing but a list of them.
    fn choices(self, hops: usize) -> Option<Vec<&'s Value>> {
        if hops > MAX_HOPS {
            return None;
        }
        if let Some(constant) = self.node.get("const") {
            return Some(vec![constant]);
        }
        if let Some(values) = self.node.get("enum").and_then(Value::as_array) {
            return Some(values.iter().collect());
        }
        if let Some(referred) = self.referred() {
            return referred.choices(hops + 1);
        }
        if self.node.get("type").and_then(Value::as_str) == Some("null") {
            return Some(vec![&Value::Null]);
        }
        let mut choices = Vec::new();
        for keyword in ["anyOf", "oneOf"] {
            for alternative in self.alternatives(keyword) {
                choices.extend(alternative.choices(hops + 1)?);
            }
        }
        if choices.is_empty() { None } else { Some(choices) }
    }
}

fn check_choice(value: &Value, choices: &[&Value], path: &str) -> Vec<Problem> {
    if choices.contains(&value) {
        return Vec::new();
    }
    let names: Vec<String> =
        choices.iter().filter(|choice| !choice.is_null()).map(ToString::to_string).collect();
    let needed = match names.as_slice() {
        [one] => format!("must be {one}"),
        names => format!("must be one of {}", names.join(", ")),
    };
    let written = value.as_str().unwrap_or_default();
    let meant = match nearest(written, choices.iter().filter_map(|choice| choice.as_str())) {
        Some(name) => format!(": did you mean \"{name}\"?"),
        None => String::new(),
    };
    vec![Problem::at(path, format!("{needed}, not {}{meant}", quoted(value)))]
}

fn types(keywords: &Map<String, Value>) -> Vec<&str> {
    match keywords.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => true,
    }
}

/// `text or a whole number`; null is not offered, it only means that the property may be left out.
fn in_words(types: &[&str]) -> String {
    let words: Vec<&str> = types
        .iter()
        .filter_map(|name| match *name {
            "string" => Some("text"),
            "integer" => Some("a whole number"),
            "number" => Some("a number"),
            "boolean" => Some("true or false"),
            "array" => Some("a list"),
            "object" => Some("an object"),
            _ => None,
        })
        .collect();
    match words.as_slice() {
        [] => "null".to_owned(),
        words => words.join(" or "),
    }
}

fn kind(value: &Value) -> String {
    match Kind::of(value) {
        Kind::Missing => "null".to_owned(),
        Kind::Number | Kind::Boolean => value.to_string(),
        kind => kind.article().to_owned(),
    }
}

fn check_length(
    length: usize,
    keywords: &Map<String, Value>,
    suffix: &str,
    unit: &str,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let limit = |name: &str| {
        let limit = keywords.get(&format!("{name}{suffix}")).and_then(Value::as_u64)?;
        usize::try_from(limit).ok()
    };
    if let Some(min) = limit("min").filter(|min| length < *min) {
        let message = if min == 1 {
            "must not be empty".to_owned()
        } else {
            format!("must have at least {min} {unit}")
        };
        problems.push(Problem::at(path, message));
    }
    if let Some(max) = limit("max").filter(|max| length > *max) {
        problems.push(Problem::at(path, format!("has {length} {unit}, at most {max} are accepted")));
    }
}

fn check_bounds(value: &Value, keywords: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let Some(number) = value.as_f64() else { return };
    let bound = |name: &str| keywords.get(name).and_then(|bound| Some((bound.as_f64()?, bound)));
    let faults = [
        bound("minimum")
            .filter(|(bound, _)| number < *bound)
            .map(|(_, bound)| format!("must be at least {bound}")),
        bound("maximum")
            .filter(|(bound, _)| number > *bound)
            .map(|(_, bound)| format!("must be at most {bound}")),
        bound("exclusiveMinimum")
            .filter(|(bound, _)| number <= *bound)
            .map(|(_, bound)| format!("must be more than {bound}")),
        bound("exclusiveMaximum")
            .filter(|(bound, _)| number >= *bound)
            .map(|(_, bound)| format!("must be less than {bound}")),
    ];
    problems.extend(
        faults.into_iter().flatten().map(|message| Problem::at(path, format!("{message}, not {value}"))),
    );
}
