//! From the JSON of a list of conditions to what is evaluated; names every problem instead of the first.

use model::Problem;
use serde_json::{Map, Value};

use super::{Condition, Conditions, Logic, MAX_CONDITIONS, MAX_DEPTH, Node, OnMissing, Side};
use crate::{
    Operator, Path, Scope, Template,
    compare::Prepared,
    fold, pattern,
    schema::below,
    suggest::among,
    value::{Kind, text},
};

pub(super) struct Compiler {
    pub(super) problems: Vec<Problem>,
    pub(super) conditions: usize,
}

const CONDITION_KEYS: [&str; 5] = ["field", "operator", "value", "caseSensitive", "onMissing"];
const GROUP_KEYS: [&str; 2] = ["logic", "conditions"];

impl Compiler {
    pub(super) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    pub(super) fn list(&mut self, elements: &[Value], path: &str) -> Conditions {
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
            let among = among(key, known.iter().copied());
            self.refuse(below(path, key), format!("{what} has no \"{key}\"{among}"));
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
            self.refuse(path, format!("there is no operator \"{text}\"{}", among(text, names())));
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
