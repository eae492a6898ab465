//! The report of an evaluation: every condition with both sides, its verdict and a reason that a person
//! understands. It becomes the log of the condition step.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    ConditionError, Decimal, Operator,
    value::{Kind, quoted},
};

/// All conditions of a list, each evaluated whether or not it decided the matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The verdict on the whole, exactly as [`crate::Conditions::matches`] gives it.
    pub result: Result<bool, ConditionError>,
    /// The list's elements in order.
    pub conditions: Vec<Verdict>,
    /// Templates that led nowhere, and the like.
    pub warnings: Vec<String>,
}

/// What came of one element.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Verdict {
    /// Of a condition.
    Condition(ConditionVerdict),
    /// Of a group.
    Group {
        /// `AND`, `OR` or `NOT`.
        logic: &'static str,
        /// `null` when it could not be decided.
        result: Option<bool>,
        /// Its elements in order.
        conditions: Vec<Verdict>,
    },
}

/// What came of one condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionVerdict {
    /// The path as written.
    pub field: String,
    /// The operator as written.
    pub operator: String,
    /// The field's value; cut after 1 KiB.
    pub left: Value,
    /// What it is.
    pub left_type: Kind,
    /// The resolved `value`; absent for operators that take none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_type: Option<Kind>,
    /// `null` when it could not be decided.
    pub result: Option<bool>,
    /// Why, in a sentence.
    pub reason: String,
}

impl Evaluation {
    /// The output of the log step: `{"result","conditions"}`, with `error` when it could not be decided.
    #[must_use]
    pub fn to_output(&self) -> Value {
        let conditions = serde_json::to_value(&self.conditions).unwrap_or_default();
        match &self.result {
            Ok(result) => json!({"result": result, "conditions": conditions}),
            Err(error) => json!({"result": null, "error": error.to_string(), "conditions": conditions}),
        }
    }
}

impl Serialize for Evaluation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_output().serialize(serializer)
    }
}

/// Why the operator holds or not between two sides that are there.
pub(crate) fn reason(operator: Operator, left: &Value, right: &Value, result: bool) -> String {
    // What is tested, whether or not the operator then negates it.
    let held = result != operator.is_negation();
    let (a, b) = (quoted(left), quoted(right));
    match operator {
        Operator::IsEmpty | Operator::IsNotEmpty => empty_reason(left, held),
        Operator::GreaterThan => ordering_reason(left, right, held, "greater than"),
        Operator::LessThan => ordering_reason(left, right, held, "less than"),
        Operator::GreaterThanOrEqual => ordering_reason(left, right, held, "at least"),
        Operator::LessThanOrEqual => ordering_reason(left, right, held, "at most"),
        Operator::Equals | Operator::NotEquals => match (held, left, right) {
            (true, ..) => format!("{a} equals {b}"),
            (false, Value::String(_), Value::String(_))
                if Decimal::of(left).is_some() && Decimal::of(left) == Decimal::of(right) =>
            {
                format!("{a} and {b} are both text and not the same text")
            }
            (false, ..) => format!("{a} does not equal {b}"),
        },
        Operator::Contains | Operator::NotContains => match left {
            Value::Object(_) => "the left side is an object, neither text nor a list".to_owned(),
            _ if held => format!("{a} contains {b}"),
            _ => not_text(right, "right")
                .filter(|_| !left.is_array())
                .unwrap_or(format!("{a} does not contain {b}")),
        },
        Operator::StartsWith => text_reason(left, right, held, "starts with", "does not start with"),
        Operator::EndsWith => text_reason(left, right, held, "ends with", "does not end with"),
        Operator::MatchesRegex => text_reason(left, right, held, "matches", "does not match"),
        Operator::Changed
        | Operator::ChangedTo
        | Operator::ChangedFrom
        | Operator::Increased
        | Operator::Decreased => change_reason(operator, (left, left), right, result),
        Operator::In | Operator::NotIn => match (right, left) {
            (Value::Array(_), Value::Array(_)) if held => {
                "an element of the left side is in the list".to_owned()
            }
            (Value::Array(_), Value::Array(_)) => "no element of the left side is in the list".to_owned(),
            (Value::Array(_), _) if held => format!("{a} is in the list"),
            (Value::Array(_), _) => format!("{a} is not in the list"),
            _ => format!("the right side is {}, not a list", Kind::of(right).article()),
        },
    }
}

/// Why an operator that looks back holds or not.
pub(crate) fn change_reason(
    operator: Operator,
    (before, now): (&Value, &Value),
    right: &Value,
    result: bool,
) -> String {
    if before == now {
        return format!("it was {} before and is so now", quoted(now));
    }
    let story = format!("it was {} before and is {} now", quoted(before), quoted(now));
    let numbers = matches!(operator, Operator::Increased | Operator::Decreased)
        .then(|| not_a_number(before, "earlier").or_else(|| not_a_number(now, "left")))
        .flatten();
    match (operator, numbers) {
        (_, Some(not_a_number)) => not_a_number,
        (Operator::ChangedTo, None) if !result => format!("{story}, not {}", quoted(right)),
        (Operator::ChangedFrom, None) if !result => format!("{story}; it was not {}", quoted(right)),
        (_, None) => story,
    }
}

fn empty_reason(left: &Value, held: bool) -> String {
    match (held, left) {
        (true, Value::String(_)) => "the left side is blank text".to_owned(),
        (true, _) => format!("{} is empty", quoted(left)),
        (false, _) => format!("{} is not empty", quoted(left)),
    }
}

fn ordering_reason(left: &Value, right: &Value, held: bool, words: &str) -> String {
    not_a_number(left, "left").or_else(|| not_a_number(right, "right")).unwrap_or_else(|| {
        let (a, b) = (unquoted(left), unquoted(right));
        if held { format!("{a} is {words} {b}") } else { format!("{a} is not {words} {b}") }
    })
}

/// Numeric text reads as the number that it is.
fn unquoted(value: &Value) -> String {
    quoted(value).trim_matches('"').trim().to_owned()
}

fn not_a_number(value: &Value, side: &str) -> Option<String> {
    if Decimal::of(value).is_some() {
        return None;
    }
    Some(match value {
        Value::String(text) if text.trim().is_empty() => {
            format!("the {side} side is empty text, not a number")
        }
        Value::String(_) => format!("{} is text, not a number", quoted(value)),
        _ => format!("the {side} side is {}, not a number", Kind::of(value).article()),
    })
}

fn text_reason(left: &Value, right: &Value, held: bool, yes: &str, no: &str) -> String {
    if held {
        return format!("{} {yes} {}", quoted(left), quoted(right));
    }
    not_text(left, "left")
        .or_else(|| not_text(right, "right"))
        .unwrap_or_else(|| format!("{} {no} {}", quoted(left), quoted(right)))
}

fn not_text(value: &Value, side: &str) -> Option<String> {
    matches!(value, Value::Array(_) | Value::Object(_))
        .then(|| format!("the {side} side is {}, not text", Kind::of(value).article()))
}
