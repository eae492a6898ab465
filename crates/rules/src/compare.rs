//! The truth table of the operators on values that are there (contract section 6). Missing sides are decided
//! before, in `condition`; what looks back knows no missing sides, only values of before that are not told.

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

use crate::{Decimal, Operator, fold, pattern, value::text};

/// Comparisons that `in` may take; beyond, the lists are refused rather than compared for seconds.
const MAX_COMPARISONS: usize = 10_000_000;

/// What was made of a constant right side when the condition was compiled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared {
    /// The folded text, for `contains`.
    pub(crate) folded: Option<String>,
    /// The compiled pattern.
    pub(crate) pattern: Option<Regex>,
}

/// The right side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right<'a> {
    pub(crate) value: &'a Value,
    pub(crate) prepared: Option<&'a Prepared>,
}

/// The left side of a comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) value: &'a Value,
    /// Its value before, for operators that look back.
    pub(crate) before: &'a Value,
}

/// Whether the operator holds between two sides that are there; an error when it cannot be decided.
pub(crate) fn holds(
    operator: Operator,
    Left { value: left, before }: Left<'_>,
    right: Right<'_>,
    sensitive: bool,
) -> Result<bool, String> {
    let changed = || !equal(before, left, true);
    Ok(match operator {
        Operator::Equals => equal(left, right.value, sensitive),
        Operator::NotEquals => !equal(left, right.value, sensitive),
        Operator::Contains => contains(left, right, sensitive),
        Operator::NotContains => !contains(left, right, sensitive),
        Operator::StartsWith => {
            both_texts(left, right.value, sensitive, |left, right| left.starts_with(right))
        }
        Operator::EndsWith => both_texts(left, right.value, sensitive, |left, right| left.ends_with(right)),
        Operator::GreaterThan => ordered(left, right.value).is_some_and(std::cmp::Ordering::is_gt),
        Operator::LessThan => ordered(left, right.value).is_some_and(std::cmp::Ordering::is_lt),
        Operator::GreaterThanOrEqual => ordered(left, right.value).is_some_and(std::cmp::Ordering::is_ge),
        Operator::LessThanOrEqual => ordered(left, right.value).is_some_and(std::cmp::Ordering::is_le),
        Operator::IsEmpty => is_empty(left),
        Operator::IsNotEmpty => !is_empty(left),
        Operator::MatchesRegex => matches_regex(left, right, sensitive)?,
        Operator::In => is_in(left, right.value, sensitive)?,
        Operator::NotIn => !is_in(left, right.value, sensitive)?,
        Operator::Changed => changed(),
        Operator::ChangedTo => changed() && equal(left, right.value, sensitive),
        Operator::ChangedFrom => changed() && equal(before, right.value, sensitive),
        Operator::Increased => ordered(left, before).is_some_and(std::cmp::Ordering::is_gt),
        Operator::Decreased => ordered(left, before).is_some_and(std::cmp::Ordering::is_lt),
    })
}

fn equal(left: &Value, right: &Value, sensitive: bool) -> bool {
    let same_text = |left: &str, right: &str| left == right || (!sensitive && fold::equal(left, right));
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => numbers_equal(left, right),
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            Decimal::parse(text).is_some_and(|decimal| decimal == Decimal::of_number(number))
        }
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => {
            same_text(text, if *flag { "true" } else { "false" })
        }
        (Value::String(left), Value::String(right)) => same_text(left, right),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => deep_equal(left, right),
        _ => false,
    }
}

fn numbers_equal(left: &serde_json::Number, right: &serde_json::Number) -> bool {
    left == right || Decimal::of_number(left) == Decimal::of_number(right)
}

/// Arrays and objects, with `1` the same as `1.0` within; a list of work instead of recursion, for any depth.
fn deep_equal(left: &Value, right: &Value) -> bool {
    let mut pending = vec![(left, right)];
    while let Some(pair) = pending.pop() {
        match pair {
            (Value::Number(left), Value::Number(right)) => {
                if !numbers_equal(left, right) {
                    return false;
                }
            }
            (Value::Array(left), Value::Array(right)) => {
                if left.len() != right.len() {
                    return false;
                }
                pending.extend(left.iter().zip(right));
            }
            (Value::Object(left), Value::Object(right)) => {
                if left.len() != right.len() {
                    return false;
                }
                for (key, value) in left {
                    match right.get(key) {
                        Some(other) => pending.push((value, other)),
                        None => return false,
                    }
                }
            }
            (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
                return false;
            }
            (left, right) => {
                if left != right {
                    return false;
                }
            }
        }
    }
    true
}

fn contains(left: &Value, right: Right<'_>, sensitive: bool) -> bool {
    if let Value::Array(items) = left {
        return items.iter().any(|item| equal(item, right.value, sensitive));
    }
    let (Some(left), Some(needle)) = (text(left), text(right.value)) else { return false };
    if sensitive {
        return left.contains(&*needle);
    }
    match right.prepared.and_then(|prepared| prepared.folded.as_deref()) {
        Some(folded) => fold::contains(&left, folded),
        None => fold::contains(&left, &fold::fold(&needle)),
    }
}

fn both_texts(left: &Value, right: &Value, sensitive: bool, test: impl Fn(&str, &str) -> bool) -> bool {
    let (Some(left), Some(right)) = (text(left), text(right)) else { return false };
    if sensitive { test(&left, &right) } else { test(&fold::fold(&left), &fold::fold(&right)) }
}

fn ordered(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    Some(Decimal::of(left)?.cmp(&Decimal::of(right)?))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn matches_regex(left: &Value, right: Right<'_>, sensitive: bool) -> Result<bool, String> {
    let Some(left) = text(left) else { return Ok(false) };
    let pattern = match right.prepared.and_then(|prepared| prepared.pattern.as_ref()) {
        Some(pattern) => Cow::Borrowed(pattern),
        None => match text(right.value) {
            Some(written) => Cow::Owned(pattern::compile(&written, sensitive)?),
            None => return Ok(false),
        },
    };
    Ok(pattern.is_match(&left))
}

fn is_in(left: &Value, right: &Value, sensitive: bool) -> Result<bool, String> {
    let Value::Array(list) = right else { return Ok(false) };
    let listed = |value: &Value| list.iter().any(|element| equal(value, element, sensitive));
    let Value::Array(items) = left else { return Ok(listed(left)) };
    if items.len().saturating_mul(list.len()) > MAX_COMPARISONS {
        return Err(format!("lists of {} and {} elements are too long to compare", items.len(), list.len()));
    }
    Ok(items.iter().any(listed))
}
