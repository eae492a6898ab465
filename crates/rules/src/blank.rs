//! Filling in the blanks of a ready-made workflow: `[[key]]` stands for what a person chose.
//!
//! Blanks are filled once, when a workflow is made from its template; what is left is an ordinary definition, compiled
//! like any other. A string that is exactly one blank takes the value with its type; anywhere else the value is put in as
//! text. Object keys may hold blanks too.

use std::collections::BTreeSet;

use model::{
    Problem,
    field::looks_like_email,
    template::{Variable, VariableType},
};
use serde_json::{Map, Value};

use crate::{schema::below, suggest::among, value::printed};

/// The longest text that fits into a blank, in characters.
const MAX_TEXT: usize = 10_000;

/// Puts values into the blanks of a definition. An optional blank without a value and without a default leaves out the
/// property or the element that it is the whole of, and is nothing within text. Brackets that name no variable are text.
///
/// # Errors
/// Every problem at `variables.<key>`: a required value that is missing, one of the wrong type, one that no blank is for.
pub fn fill(
    definition: &Value,
    variables: &[Variable],
    values: &Map<String, Value>,
) -> Result<Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let keys = || variables.iter().map(|variable| variable.key.as_str());
    for key in values.keys().filter(|key| !keys().any(|known| known == **key)) {
        let among = among(key, keys());
        problems.push(Problem::at(
            below("variables", key),
            format!("the template has no variable \"{key}\"{among}"),
        ));
    }
    let mut filled = Map::new();
    for variable in variables {
        let value = values.get(&variable.key).filter(|value| !is_blank(value)).or(variable.default.as_ref());
        match value.map(|value| fit(variable.kind, value)) {
            Some(Ok(value)) => {
                filled.insert(variable.key.clone(), value);
            }
            Some(Err(message)) => problems.push(Problem::at(below("variables", &variable.key), message)),
            None if variable.required => problems.push(Problem::at(
                below("variables", &variable.key),
                format!("a value is needed: {}", variable.label),
            )),
            None => {
                filled.insert(variable.key.clone(), Value::Null);
            }
        }
    }
    if problems.is_empty() { Ok(replace(definition, &filled).unwrap_or_default()) } else { Err(problems) }
}

/// Values with which a template can be tried: the defaults, else something of the right type.
#[must_use]
pub fn samples(variables: &[Variable]) -> Map<String, Value> {
    let sample = |variable: &Variable| {
        variable.default.clone().unwrap_or_else(|| match variable.kind {
            VariableType::Text => Value::from("sample"),
            VariableType::Number | VariableType::Form | VariableType::User => Value::from(1),
            VariableType::Email => Value::from("someone@example.com"),
            VariableType::Url => Value::from("https://example.com/sample"),
            VariableType::Question => Value::from("q_sample"),
            VariableType::Integration => Value::from("sample"),
        })
    };
    variables.iter().map(|variable| (variable.key.clone(), sample(variable))).collect()
}

/// What is wrong with the variables of a template, and the blanks of its definition that no variable is for.
#[must_use]
pub fn check(definition: &Value, variables: &[Variable]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, variable) in variables.iter().enumerate() {
        let path = |field: &str| format!("variables[{at}].{field}");
        if !is_key(&variable.key) {
            problems.push(Problem::at(path("key"), "1 to 64 letters, digits or _ are needed"));
        } else if variables[..at].iter().any(|earlier| earlier.key == variable.key) {
            problems.push(Problem::at(path("key"), format!("\"{}\" is used twice", variable.key)));
        }
        if variable.label.trim().is_empty() {
            problems.push(Problem::at(path("label"), "must not be empty: it is what the person reads"));
        }
        if let Some(Err(message)) = variable.default.as_ref().map(|value| fit(variable.kind, value)) {
            problems.push(Problem::at(path("default"), message));
        }
    }
    for blank in blanks(definition) {
        if !variables.iter().any(|variable| variable.key == blank) {
            problems.push(Problem::at(
                "workflow_definition",
                format!("[[{blank}]] names no variable: add it to variables"),
            ));
        }
    }
    problems
}

/// The keys of all blanks in a definition.
fn blanks(definition: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut pending = vec![definition];
    while let Some(value) = pending.pop() {
        match value {
            Value::String(text) => found.extend(pieces(text).filter_map(Piece::key)),
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => {
                found.extend(fields.keys().flat_map(|key| pieces(key)).filter_map(Piece::key));
                pending.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// The value as it is put in, or why it does not fit.
fn fit(kind: VariableType, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let plain = |needed: &str| match text {
        Some(text) if text.chars().count() > MAX_TEXT => {
            Err(format!("at most {MAX_TEXT} characters are accepted"))
        }
        Some(text) => Ok(text),
        None => Err(needed.to_owned()),
    };
    match kind {
        VariableType::Text => match value {
            Value::Number(number) => Ok(Value::from(number.to_string())),
            _ => plain("text is needed").map(Value::from),
        },
        VariableType::Number => {
            let number = match text {
                Some(text) => serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number),
                None => Some(value.clone()).filter(Value::is_number),
            };
            number.ok_or_else(|| "a number is needed".to_owned())
        }
        VariableType::Form | VariableType::User => {
            let id = match text {
                Some(text) => text.parse().ok(),
                None => value.as_i64(),
            };
            let what = if kind == VariableType::Form { "form" } else { "user" };
            id.filter(|id| (1..=model::MAX_ID).contains(id))
                .map(Value::from)
                .ok_or_else(|| format!("the id of a {what} is needed, a whole number such as 10"))
        }
        VariableType::Email => {
            let needed = "an email address is needed, such as care@example.com";
            plain(needed)
                .and_then(|text| looks_like_email(text).then(|| text.into()).ok_or_else(|| needed.to_owned()))
        }
        VariableType::Url => {
            let needed = "a web address is needed, such as https://example.com/review";
            let fits = |text: &str| {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                rest.is_some_and(|rest| !rest.is_empty()) && !text.contains(char::is_whitespace)
            };
            plain(needed).and_then(|text| fits(text).then(|| text.into()).ok_or_else(|| needed.to_owned()))
        }
        VariableType::Question => {
            let needed = "the key of a question is needed, such as q_nps";
            let fits = |text: &str| {
                text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            };
            plain(needed).and_then(|text| fits(text).then(|| text.into()).ok_or_else(|| needed.to_owned()))
        }
        VariableType::Integration => plain("the name of a connection is needed").map(Value::from),
    }
}

/// Null and blank text are no answer, as in a form.
fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn is_key(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value with its blanks filled; `None` when it is a blank that stays empty.
fn replace(value: &Value, filled: &Map<String, Value>) -> Option<Value> {
    Some(match value {
        Value::String(text) => {
            let mut all = pieces(text);
            if let (Some(Piece::Blank(key)), None) = (all.next(), all.next())
                && let Some(value) = filled.get(key)
            {
                return Some(value.clone()).filter(|value| !value.is_null());
            }
            Value::String(replace_text(text, filled))
        }
        Value::Array(items) => items.iter().filter_map(|item| replace(item, filled)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter_map(|(key, value)| Some((replace_text(key, filled), replace(value, filled)?)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn replace_text(text: &str, filled: &Map<String, Value>) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Blank(key) => match filled.get(key) {
                Some(value) => out.push_str(&printed(value)),
                None => out.extend(["[[", key, "]]"]),
            },
        }
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'t> {
    Plain(&'t str),
    Blank(&'t str),
}

impl<'t> Piece<'t> {
    const fn key(self) -> Option<&'t str> {
        match self {
            Self::Plain(_) => None,
            Self::Blank(key) => Some(key),
        }
    }
}

/// A text as what stands between the blanks, and the blanks.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(open) = rest[from..].find("[[").map(|at| from + at) {
            let inside = &rest[open + 2..];
            match inside.find("]]").map(|end| &inside[..end]).filter(|key| is_key(key)) {
                Some(key) if open == 0 => {
                    rest = &rest[key.len() + 4..];
                    return Some(Piece::Blank(key));
                }
                Some(_) => {
                    let (before, after) = rest.split_at(open);
                    rest = after;
                    return Some(Piece::Plain(before));
                }
                // Brackets of something else: a regular expression, a position in a list.
                None => from = open + 1,
            }
        }
        let plain = std::mem::take(&mut rest);
        Some(Piece::Plain(plain))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Vec<Variable> {
        serde_json::from_value(json!([
            {"key": "form", "label": "Which form", "type": "form", "required": true},
            {"key": "limit", "label": "At most", "type": "number", "default": 6},
            {"key": "owner", "label": "Who is told", "type": "user"},
            {"key": "nps", "label": "The score's question", "type": "question", "required": true},
            {"key": "from", "label": "Sender", "type": "email"},
            {"key": "link", "label": "Where to", "type": "url"},
        ]))
        .unwrap()
    }

    fn values(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn blanks_take_values_with_their_types() {
        let definition = json!({
            "trigger_config": {"formId": "[[form]]"},
            "field": "submission.data.[[nps]]",
            "value": "[[limit]]",
            "assignee": "[[owner]]",
            "list": ["[[owner]]", "a[[0]]", "[[[nps]]]", "at most [[limit]], for [[owner]]!", "[[a]]"],
            "[[nps]]_at": null,
        });
        let filled =
            fill(&definition, &variables(), &values(json!({"form": "10", "nps": "q_nps", "owner": ""})));
        assert_eq!(
            filled.unwrap(),
            json!({
                "trigger_config": {"formId": 10},
                "field": "submission.data.q_nps",
                "value": 6,
                "list": ["a[[0]]", "[q_nps]", "at most 6, for !", "[[a]]"],
                "q_nps_at": null,
            })
        );
    }

    #[test]
    fn every_wrong_value_is_named() {
        let wrong = json!({"limit": "six", "owner": 0, "from": "nobody", "link": "ftp://x", "form_id": 3, "nps": "a b"});
        let problems = fill(&json!({}), &variables(), &values(wrong)).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "variables.form_id: the template has no variable \"form_id\": did you mean \"form\"?",
                "variables.form: a value is needed: Which form",
                "variables.limit: a number is needed",
                "variables.owner: the id of a user is needed, a whole number such as 10",
                "variables.nps: the key of a question is needed, such as q_nps",
                "variables.from: an email address is needed, such as care@example.com",
                "variables.link: a web address is needed, such as https://example.com/review",
            ]
        );
    }

    #[test]
    fn variables_and_blanks_belong_together() {
        let mut variables = variables();
        variables[1].key = "form".to_owned();
        variables[1].default = Some(json!("six"));
        variables[2].label = " ".to_owned();
        variables[3].key = "n.p.s".to_owned();
        let problems = check(&json!({"a": ["[[form]]", {"[[other]]": 1}]}), &variables);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "variables[1].key: \"form\" is used twice",
                "variables[1].default: a number is needed",
                "variables[2].label: must not be empty: it is what the person reads",
                "variables[3].key: 1 to 64 letters, digits or _ are needed",
                "workflow_definition: [[other]] names no variable: add it to variables",
            ]
        );
    }
}
