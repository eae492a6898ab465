//! Lists of conditions: compiled when a definition is saved, evaluated for each event.
//!
//! The list's elements are conditions or groups, to ten levels. `AND` holds when all elements hold, `OR` when one
//! does, and `NOT` when its elements, taken together as an `AND`, do not: `NOT` of one condition is its negation.
//! A missing side is decided inside its condition, so `NOT` of `score > 6` holds for a missing score.
//!
//! There are two ways to evaluate. [`Conditions::matches`] stops as soon as the verdict is known and reports
//! nothing: it picks the workflows of an event. [`Conditions::evaluate`] visits every condition and explains it:
//! it writes the log. They agree on the verdict, errors included: elements count in the order in which they are
//! written, and an error counts only where the ones before it have not decided.
//!
//! Constant values and patterns are prepared when compiling. A pattern that holds a template is the exception: it
//! is compiled at each evaluation, within the same limits.

mod compile;

use std::borrow::Cow;

use model::Problem;
use serde_json::Value;

use self::compile::Compiler;
use crate::{
    Operator, Path, Scope, Template,
    compare::{self, Left, Prepared, Right},
    value::{Kind, reported},
    verdict::{ConditionVerdict, Evaluation, Verdict, change_reason, reason},
};

/// Groups within groups.
pub const MAX_DEPTH: usize = 10;
/// Conditions in one list, those in groups included.
pub const MAX_CONDITIONS: usize = 300;

/// A compiled list of conditions.
#[derive(Debug, Clone)]
pub struct Conditions {
    any: bool,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Condition(Box<Condition>),
    Group(Logic, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Not,
}

#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// Where it is written: `conditions[1]`.
    place: Box<str>,
    pub(crate) field: Path,
    pub(crate) operator: Operator,
    /// The operator as written, for the log.
    written: String,
    pub(crate) value: Side,
    pub(crate) case_sensitive: bool,
    pub(crate) on_missing: Option<OnMissing>,
}

#[derive(Debug, Clone)]
pub(crate) enum Side {
    Constant(Value, Prepared),
    Template(Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnMissing {
    Verdict(bool),
    Error,
}

/// A condition that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the condition on {field} cannot be decided: {message}")]
pub struct ConditionError {
    /// The path as written.
    pub field: String,
    /// Why not.
    pub message: String,
}

impl Conditions {
    /// No conditions: everything matches.
    #[must_use]
    pub const fn none() -> Self {
        Self { any: false, nodes: Vec::new() }
    }

    /// Compiles a list; null counts as the empty list.
    ///
    /// # Errors
    /// Every problem, at paths below `path` such as `conditions[2].value`.
    pub fn compile(list: &Value, path: &str) -> Result<Self, Vec<Problem>> {
        let (conditions, problems) = Self::compile_sound(list, path);
        if problems.is_empty() { Ok(conditions) } else { Err(problems) }
    }

    /// What is sound in the list, and every problem with the rest.
    pub(crate) fn compile_sound(list: &Value, path: &str) -> (Self, Vec<Problem>) {
        let mut compiler = Compiler { problems: Vec::new(), conditions: 0 };
        let conditions = match list {
            Value::Null => Self::none(),
            Value::Array(elements) => compiler.list(elements, path),
            other => {
                let kind = Kind::of(other).article();
                compiler.refuse(path, format!("a list of conditions is needed, this is {kind}"));
                Self::none()
            }
        };
        (conditions, compiler.problems)
    }

    /// There is no condition: everything matches.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The verdict, reached as fast as possible.
    ///
    /// # Errors
    /// A condition that decides, but cannot be decided itself.
    pub fn matches(&self, scope: &Scope<'_>) -> Result<bool, ConditionError> {
        matches_all(self.logic(), &self.nodes, scope)
    }

    /// The verdict with the whole story.
    #[must_use]
    pub fn evaluate(&self, scope: &Scope<'_>) -> Evaluation {
        let mut warnings = Vec::new();
        let (result, conditions) = evaluate_all(self.logic(), &self.nodes, scope, &mut warnings);
        let mut seen = std::collections::HashSet::new();
        warnings.retain(|warning| seen.insert(warning.clone()));
        Evaluation { result, conditions, warnings }
    }

    /// Every path that the conditions read, in fields and in values.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.located().into_iter().map(|(_, path)| path)
    }

    /// Every path that the conditions read, with the place where it is written: `conditions[1].field`.
    pub(crate) fn located(&self) -> Vec<(String, &Path)> {
        let mut found = Vec::new();
        let mut pending: Vec<&Node> = self.nodes.iter().rev().collect();
        while let Some(node) = pending.pop() {
            match node {
                Node::Group(_, nodes) => pending.extend(nodes.iter().rev()),
                Node::Condition(condition) => {
                    found.push((format!("{}.field", condition.place), &condition.field));
                    if let Side::Template(template) = &condition.value {
                        found.extend(template.located(&format!("{}.value", condition.place)));
                    }
                }
            }
        }
        found
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) const fn logic(&self) -> Logic {
        // The empty list matches whatever its logic.
        if self.any && !self.nodes.is_empty() { Logic::Or } else { Logic::And }
    }
}

impl Logic {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "AND" | "and" => Some(Self::And),
            "OR" | "or" => Some(Self::Or),
            "NOT" | "not" => Some(Self::Not),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
        }
    }

    /// The element's verdict that decides the group.
    const fn decisive(self) -> bool {
        matches!(self, Self::Or)
    }

    /// The verdict of the group, from whether a decisive element was met.
    const fn verdict(self, decided: bool) -> bool {
        match self {
            Self::And => !decided,
            Self::Or | Self::Not => decided,
        }
    }
}

fn matches_all(logic: Logic, nodes: &[Node], scope: &Scope<'_>) -> Result<bool, ConditionError> {
    for node in nodes {
        let result = match node {
            Node::Condition(condition) => condition.matches(scope)?,
            Node::Group(logic, nodes) => matches_all(*logic, nodes, scope)?,
        };
        if result == logic.decisive() {
            return Ok(logic.verdict(true));
        }
    }
    Ok(logic.verdict(false))
}

fn evaluate_all(
    logic: Logic,
    nodes: &[Node],
    scope: &Scope<'_>,
    warnings: &mut Vec<String>,
) -> (Result<bool, ConditionError>, Vec<Verdict>) {
    let mut decided = None;
    let mut verdicts = Vec::with_capacity(nodes.len());
    for node in nodes {
        let (result, verdict) = match node {
            Node::Condition(condition) => condition.evaluate(scope, warnings),
            Node::Group(logic, nodes) => {
                let (result, conditions) = evaluate_all(*logic, nodes, scope, warnings);
                let verdict = Verdict::Group { logic: logic.name(), result: result.clone().ok(), conditions };
                (result, verdict)
            }
        };
        verdicts.push(verdict);
        if decided.is_none() {
            decided = match result {
                Ok(result) if result != logic.decisive() => None,
                Ok(_) => Some(Ok(logic.verdict(true))),
                Err(error) => Some(Err(error)),
            };
        }
    }
    (decided.unwrap_or(Ok(logic.verdict(false))), verdicts)
}

/// What the left side was.
#[derive(Debug, Clone, Copy)]
enum Before<'a> {
    /// The operator does not look back.
    Unasked,
    /// The event tells nothing of before.
    Untold,
    Was(&'a Value),
}

/// Both sides of a condition, null where missing.
struct Sides<'a> {
    left: &'a Value,
    before: Before<'a>,
    right: Cow<'a, Value>,
    prepared: Option<&'a Prepared>,
    /// The right side is a template that led nowhere: as missing as a field can be.
    right_unresolved: bool,
}

impl Condition {
    fn matches(&self, scope: &Scope<'_>) -> Result<bool, ConditionError> {
        self.decide(&self.sides(scope, None)?)
    }

    fn sides<'a>(
        &'a self,
        scope: &Scope<'a>,
        warnings: Option<&mut Vec<String>>,
    ) -> Result<Sides<'a>, ConditionError> {
        let left = scope.lookup(&self.field).unwrap_or(&Value::Null);
        let before = if self.operator.looks_back() {
            scope.before(&self.field).map_or(Before::Untold, Before::Was)
        } else {
            Before::Unasked
        };
        match &self.value {
            Side::Constant(value, prepared) => Ok(Sides {
                left,
                before,
                right: Cow::Borrowed(value),
                prepared: Some(prepared),
                right_unresolved: false,
            }),
            Side::Template(template) => {
                let right =
                    template.resolve(scope, warnings).map_err(|error| self.undecided(error.to_string()))?;
                let right_unresolved = right.is_null();
                Ok(Sides { left, before, right, prepared: None, right_unresolved })
            }
        }
    }

    fn decide(&self, sides: &Sides<'_>) -> Result<bool, ConditionError> {
        let Sides { left, before, right, .. } = sides;
        if sides.are_missing() {
            match self.on_missing {
                Some(OnMissing::Verdict(verdict)) => return Ok(verdict),
                Some(OnMissing::Error) => return Err(self.undecided(sides.missing().to_owned())),
                None => {}
            }
        }
        if self.has_nothing(sides) {
            let both = left.is_null() && right.is_null();
            return Ok(match self.operator {
                Operator::Equals => both,
                Operator::NotEquals => !both,
                operator => operator.on_missing(),
            });
        }
        let right = Right { value: right, prepared: sides.prepared };
        let left = Left {
            value: left,
            before: match *before {
                Before::Was(before) => before,
                Before::Unasked | Before::Untold => left,
            },
        };
        compare::holds(self.operator, left, right, self.case_sensitive)
            .map_err(|message| self.undecided(message))
    }

    /// A side has no value that the operator could compare. One that looks back compares with null as well: a field may become empty.
    fn has_nothing(&self, sides: &Sides<'_>) -> bool {
        let takes_value = self.operator.info().takes_value && !self.operator.looks_back();
        sides.are_missing() || (takes_value && sides.right.is_null())
    }

    fn undecided(&self, message: String) -> ConditionError {
        ConditionError { field: self.field.to_string(), message }
    }

    fn evaluate(
        &self,
        scope: &Scope<'_>,
        warnings: &mut Vec<String>,
    ) -> (Result<bool, ConditionError>, Verdict) {
        let takes_value = self.operator.info().takes_value;
        let verdict = |left: &Value, right: &Value, result: &Result<bool, ConditionError>, reason: String| {
            Verdict::Condition(ConditionVerdict {
                field: self.field.to_string(),
                operator: self.written.clone(),
                left: reported(left),
                left_type: Kind::of(left),
                right: takes_value.then(|| reported(right)),
                right_type: takes_value.then(|| Kind::of(right)),
                result: result.as_ref().ok().copied(),
                reason,
            })
        };
        match self.sides(scope, Some(warnings)) {
            Err(error) => {
                let left = scope.lookup(&self.field).unwrap_or(&Value::Null);
                let message = error.message.clone();
                let result = Err(error);
                let verdict = verdict(left, &Value::Null, &result, message);
                (result, verdict)
            }
            Ok(sides) => {
                let result = self.decide(&sides);
                let reason = self.reason(&sides, &result);
                let verdict = verdict(sides.left, &sides.right, &result, reason);
                (result, verdict)
            }
        }
    }

    fn reason(&self, sides: &Sides<'_>, result: &Result<bool, ConditionError>) -> String {
        let result = match result {
            Ok(result) => *result,
            Err(error) => return error.message.clone(),
        };
        if !self.has_nothing(sides) {
            return match sides.before {
                Before::Was(before) => {
                    change_reason(self.operator, (before, sides.left), &sides.right, result)
                }
                Before::Unasked | Before::Untold => reason(self.operator, sides.left, &sides.right, result),
            };
        }
        match self.on_missing {
            Some(OnMissing::Verdict(verdict)) if sides.are_missing() => {
                format!("{}, which this condition counts as {verdict}", sides.missing())
            }
            _ => sides.missing().to_owned(),
        }
    }
}

impl Sides<'_> {
    /// One of them is missing, as `onMissing` means it.
    fn are_missing(&self) -> bool {
        self.right_unresolved
            || match self.before {
                Before::Unasked => self.left.is_null(),
                Before::Untold => true,
                Before::Was(_) => false,
            }
    }

    fn missing(&self) -> &'static str {
        if matches!(self.before, Before::Untold) {
            return "the event tells nothing of values before";
        }
        match (self.left.is_null(), self.right_unresolved) {
            (true, true) => "both sides are missing",
            (true, false) => "left side is missing",
            (false, true) => "right side is missing",
            (false, false) => "right side is null",
        }
    }
}
