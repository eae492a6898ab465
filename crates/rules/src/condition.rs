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

use std::borrow::Cow;

use model::Problem;
use serde_json::{Map, Value};

use crate::{
    Operator, Path, Scope, Template,
    compare::{self, Prepared, Right},
    fold, pattern,
    suggest::hint,
    value::{Kind, reported, text},
    verdict::{ConditionVerdict, Evaluation, Verdict, reason},
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
enum Node {
    Condition(Box<Condition>),
    Group(Logic, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logic {
    And,
    Or,
    Not,
}

#[derive(Debug, Clone)]
struct Condition {
    /// Where it is written: `conditions[1]`.
    place: Box<str>,
    field: Path,
    operator: Operator,
    /// The operator as written, for the log.
    written: String,
    value: Side,
    case_sensitive: bool,
    on_missing: Option<OnMissing>,
}

#[derive(Debug, Clone)]
enum Side {
    Constant(Value, Prepared),
    Template(Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnMissing {
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
        if compiler.problems.is_empty() { Ok(conditions) } else { Err(compiler.problems) }
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

    const fn logic(&self) -> Logic {
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

/// Both sides of a condition, null where missing.
struct Sides<'a> {
    left: &'a Value,
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
        match &self.value {
            Side::Constant(value, prepared) => Ok(Sides {
                left,
                right: Cow::Borrowed(value),
                prepared: Some(prepared),
                right_unresolved: false,
            }),
            Side::Template(template) => {
                let right =
                    template.resolve(scope, warnings).map_err(|error| self.undecided(error.to_string()))?;
                let right_unresolved = right.is_null();
                Ok(Sides { left, right, prepared: None, right_unresolved })
            }
        }
    }

    fn decide(&self, sides: &Sides<'_>) -> Result<bool, ConditionError> {
        let Sides { left, right, .. } = sides;
        if left.is_null() || sides.right_unresolved {
            match self.on_missing {
                Some(OnMissing::Verdict(verdict)) => return Ok(verdict),
                Some(OnMissing::Error) => return Err(self.undecided(sides.missing().to_owned())),
                None => {}
            }
        }
        let takes_value = self.operator.info().takes_value;
        if left.is_null() || (takes_value && right.is_null()) {
            let both = left.is_null() && right.is_null();
            return Ok(match self.operator {
                Operator::Equals => both,
                Operator::NotEquals => !both,
                operator => operator.on_missing(),
            });
        }
        let right = Right { value: right, prepared: sides.prepared };
        compare::holds(self.operator, left, right, self.case_sensitive)
            .map_err(|message| self.undecided(message))
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
        let missing = sides.left.is_null() || (self.operator.info().takes_value && sides.right.is_null());
        if !missing {
            return reason(self.operator, sides.left, &sides.right, result);
        }
        match self.on_missing {
            Some(OnMissing::Verdict(verdict)) if sides.left.is_null() || sides.right_unresolved => {
                format!("{}, which this condition counts as {verdict}", sides.missing())
            }
            _ => sides.missing().to_owned(),
        }
    }
}

impl Sides<'_> {
    fn missing(&self) -> &'static str {
        match (self.left.is_null(), self.right_unresolved) {
            (true, true) => "both sides are missing",
            (true, false) => "left side is missing",
            (false, true) => "right side is missing",
            (false, false) => "right side is null",
        }
    }
}

struct Compiler {
    problems: Vec<Problem>,
    conditions: usize,
}

const CONDITION_KEYS: [&str; 5] = ["field", "operator", "value", "caseSensitive", "onMissing"];
const GROUP_KEYS: [&str; 2] = ["logic", "conditions"];

impl Compiler {
    fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    fn list(&mut self, elements: &[Value], path: &str) -> Conditions {
        let mut any = false;
        let mut nodes = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match element {
                Value::Object(fields) if at == 0 && is_logic(fields) => match self.logic(fields, &path) {
                    Some(Logic::Not) => self.refuse(
                        format!("{path}.logic"),
                        "a list is joined by AND or OR: put NOT on a group, {\"logic\":\"NOT\",\"conditions\":[…]}",
                    ),
                    Some(logic) => any = logic == Logic::Or,
                    None => {}
                },
                element => nodes.extend(self.node(element, &path, 1)),
            }
        }
        Conditions { any, nodes }
    }

    fn node(&mut self, element: &Value, path: &str, depth: usize) -> Option<Node> {
        let Value::Object(fields) = element else {
            let kind = Kind::of(element).article();
            self.refuse(
                path,
                format!("a condition is needed, {{\"field\",\"operator\",\"value\"}}; this is {kind}"),
            );
            return None;
        };
        if is_logic(fields) {
            self.refuse(path, "a logic without conditions can only be the first element of the whole list");
            return None;
        }
        if fields.contains_key("conditions")
            || (fields.contains_key("logic") && !fields.contains_key("field"))
        {
            return self.group(fields, path, depth);
        }
        self.conditions += 1;
        if self.conditions == MAX_CONDITIONS + 1 {
            self.refuse(path, format!("there are more than {MAX_CONDITIONS} conditions"));
        }
        if self.conditions > MAX_CONDITIONS {
            return None;
        }
        self.condition(fields, path)
    }

    fn logic(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Logic> {
        let logic = match fields.get("logic") {
            None => return Some(Logic::And),
            Some(value) => value.as_str().and_then(Logic::parse),
        };
        if logic.is_none() {
            self.refuse(format!("{path}.logic"), "AND, OR or NOT is needed");
        }
        logic
    }

    fn group(&mut self, fields: &Map<String, Value>, path: &str, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            self.refuse(path, format!("groups are nested more than {MAX_DEPTH} levels deep"));
            return None;
        }
        self.unknown_keys(fields, path, &GROUP_KEYS, "a group");
        let logic = self.logic(fields, path);
        let path = format!("{path}.conditions");
        match fields.get("conditions") {
            Some(Value::Array(elements)) if elements.is_empty() => {
                self.refuse(path, "the group is empty: add a condition or remove the group");
                None
            }
            Some(Value::Array(elements)) => {
                let nodes = elements
                    .iter()
                    .enumerate()
                    .filter_map(|(at, element)| self.node(element, &format!("{path}[{at}]"), depth + 1))
                    .collect();
                Some(Node::Group(logic?, nodes))
            }
            _ => {
                self.refuse(path, "a list of conditions is needed");
                None
            }
        }
    }

    fn unknown_keys(&mut self, fields: &Map<String, Value>, path: &str, known: &[&'static str], what: &str) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = hint(key, known.iter().copied());
            self.refuse(
                crate::schema::below(path, key),
                format!("{what} has no \"{key}\"{hint}; it has {}", known.join(", ")),
            );
        }
    }

    fn condition(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Node> {
        self.unknown_keys(fields, path, &CONDITION_KEYS, "a condition");
        let field = self.field(fields.get("field"), &format!("{path}.field"));
        let operator = self.operator(fields.get("operator"), &format!("{path}.operator"));
        let case_sensitive = match fields.get("caseSensitive") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.refuse(format!("{path}.caseSensitive"), "true or false is needed");
                None
            }
        };
        let on_missing = match fields.get("onMissing") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_str() {
                Some("true") => Some(OnMissing::Verdict(true)),
                Some("false") => Some(OnMissing::Verdict(false)),
                Some("error") => Some(OnMissing::Error),
                _ => {
                    self.refuse(
                        format!("{path}.onMissing"),
                        "\"true\", \"false\" or \"error\" is needed, as text",
                    );
                    None
                }
            },
        };
        let operator = operator?;
        let case_sensitive = case_sensitive.unwrap_or(operator.case_sensitive());
        let value = self.value(operator, fields.get("value"), case_sensitive, &format!("{path}.value"));
        let written = fields.get("operator").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Node::Condition(Box::new(Condition {
            place: path.into(),
            field: field?,
            operator,
            written,
            value: value?,
            case_sensitive,
            on_missing,
        })))
    }

    fn field(&mut self, value: Option<&Value>, path: &str) -> Option<Path> {
        match value {
            Some(Value::String(text)) if text.contains("{{") => {
                self.refuse(path, "a field is a path without braces, such as submission.data.q_nps");
                None
            }
            Some(Value::String(text)) => match Path::parse(text) {
                Ok(path) => Some(path),
                Err(error) => {
                    self.refuse(path, error.to_string());
                    None
                }
            },
            _ => {
                self.refuse(path, "a path to a value is needed, such as submission.data.q_nps");
                None
            }
        }
    }

    fn operator(&mut self, value: Option<&Value>, path: &str) -> Option<Operator> {
        let names = || crate::operators().iter().map(|info| info.name);
        let Some(Value::String(text)) = value else {
            self.refuse(
                path,
                format!("an operator is needed: one of {}", names().collect::<Vec<_>>().join(", ")),
            );
            return None;
        };
        let operator = Operator::parse(text);
        if operator.is_none() {
            let hint = hint(text, names());
            let names = names().collect::<Vec<_>>().join(", ");
            self.refuse(path, format!("there is no operator \"{text}\"{hint}; there are {names}"));
        }
        operator
    }

    fn value(
        &mut self,
        operator: Operator,
        value: Option<&Value>,
        sensitive: bool,
        path: &str,
    ) -> Option<Side> {
        let info = operator.info();
        if !info.takes_value {
            return Some(Side::Constant(Value::Null, Prepared::default()));
        }
        let value = match value {
            Some(value) => value,
            None if matches!(operator, Operator::Equals | Operator::NotEquals) => &Value::Null,
            None => {
                self.refuse(path, format!("{} needs a value to compare with", info.name));
                return None;
            }
        };
        let template = match Template::compile(value, None, path) {
            Ok(template) => template,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        if info.value_is_list && !value.is_array() && !template.is_single() {
            let name = info.name;
            self.refuse(path, format!("{name} needs a list of values, such as [\"active\", \"pending\"]"));
            return None;
        }
        if !template.is_constant() {
            return Some(Side::Template(template));
        }
        // Rendering a constant writes `{{ "{{" }}` as the braces that it stands for.
        let value =
            template.render(&Scope::of_trigger(&Value::Null)).map_or(Value::Null, |rendered| rendered.value);
        let mut prepared = Prepared::default();
        match operator {
            Operator::Contains | Operator::NotContains => {
                prepared.folded = text(&value).map(|text| fold::fold(&text));
            }
            Operator::MatchesRegex => {
                let compiled = match text(&value) {
                    Some(written) => pattern::compile(&written, sensitive),
                    None => Err("a regular expression is needed, as text".to_owned()),
                };
                match compiled {
                    Ok(pattern) => prepared.pattern = Some(pattern),
                    Err(message) => {
                        self.refuse(path, message);
                        return None;
                    }
                }
            }
            _ => {}
        }
        Some(Side::Constant(value, prepared))
    }
}

fn is_logic(fields: &Map<String, Value>) -> bool {
    fields.contains_key("logic") && !fields.contains_key("conditions") && !fields.contains_key("field")
}
