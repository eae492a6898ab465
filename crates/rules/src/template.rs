//! Configs with `{{…}}` in them: compiled when a definition is saved, rendered for each run.
//!
//! A string that is exactly one `{{…}}` keeps the type of its value; any other is text. What is missing renders
//! as empty text with a warning. JSON null keeps its type where it stands alone and is nothing within text.
//! Object keys may hold templates too. Values that are put into a property of format `html` are escaped, unless
//! the author escaped them already; what the author wrote is not.
//!
//! Output is bounded ([`MAX_OUTPUT`]), intermediate texts too, and trees are of bounded depth, so that no
//! definition can exhaust memory or stack.

use std::borrow::Cow;

use model::Problem;
use serde_json::{Map, Value};

use crate::{
    Path, Scope,
    expression::{self, Expression, Operand, Part},
    filter::{Filter, escape},
    schema::{self, Schema},
    value::{print, printed, size},
};

/// The largest rendered config, in bytes of JSON (about).
pub const MAX_OUTPUT: usize = 256 * 1024;
/// The deepest tree of lists and objects.
pub const MAX_DEPTH: usize = 100;
/// The largest value between two filters: a long text may still be truncated.
const MAX_INTERMEDIATE: usize = 2 * 1024 * 1024;
/// Bytes that a value within a text is taken to need before it is known.
const USUAL_LENGTH: usize = 24;
/// The most warnings of one rendering.
const MAX_WARNINGS: usize = 100;

/// A compiled tree.
#[derive(Debug, Clone)]
pub struct Template {
    node: Node,
}

#[derive(Debug, Clone)]
enum Node {
    /// No braces in it.
    Constant(Value),
    /// A string that is one expression.
    Single {
        expression: Box<Expression>,
        html: bool,
    },
    Text {
        parts: Vec<Part>,
        html: bool,
    },
    List(Vec<Node>),
    Object(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
enum Key {
    Plain(String),
    Template(Vec<Part>),
}

/// A rendered tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The tree with all templates replaced.
    pub value: Value,
    /// What was missing or did not suit its filter: `{{submission.data.q_name}} is missing`.
    pub warnings: Vec<String>,
}

/// A template that cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// More than [`MAX_OUTPUT`].
    #[error("the rendered config is larger than {} KiB: shorten its values, for example with truncate(200)", MAX_OUTPUT / 1024)]
    TooLarge,
    /// A filter made more than two mebibytes.
    #[error("{{{{{written}}}}} is larger than 2 MiB: shorten it, for example with truncate(200)")]
    ValueTooLarge {
        /// The expression without its braces.
        written: String,
    },
}

impl Template {
    /// Compiles one text.
    ///
    /// # Errors
    /// What is wrong with it, at `path`, with the position in the text.
    pub fn compile_text(text: &str, path: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let node = compile_text(text, false, path, &mut problems);
        if problems.is_empty() { Ok(Self { node }) } else { Err(problems) }
    }

    /// Compiles a whole tree. `schema` is the tree's JSON Schema: strings that it gives the format `html` escape
    /// the values that are put into them.
    ///
    /// # Errors
    /// Every problem, at paths below `path`.
    pub fn compile(value: &Value, schema: Option<&Value>, path: &str) -> Result<Self, Vec<Problem>> {
        let (template, problems) = Self::compile_sound(value, schema, path);
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    /// What is sound in the tree, and every problem with the rest.
    pub(crate) fn compile_sound(value: &Value, schema: Option<&Value>, path: &str) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let node = compile(value, schema.map(Schema::root), path, 0, &mut problems);
        if size(value, MAX_OUTPUT) > MAX_OUTPUT {
            problems.push(Problem::at(path, format!("this is larger than {} KiB", MAX_OUTPUT / 1024)));
        }
        (Self { node }, problems)
    }

    /// Replaces every template by its value.
    ///
    /// # Errors
    /// When the result would be too large.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Rendered, RenderError> {
        let mut renderer = Renderer {
            scope,
            left: MAX_OUTPUT,
            warnings: Some(Vec::new()),
            missing: Value::String(String::new()),
        };
        let value = renderer.node(&self.node)?;
        Ok(Rendered { value, warnings: renderer.warnings.unwrap_or_default() })
    }

    /// The value as the right side of a condition: missing is null and not empty text. Borrows where it can.
    pub(crate) fn resolve<'v>(
        &'v self,
        scope: &Scope<'v>,
        warnings: Option<&mut Vec<String>>,
    ) -> Result<Cow<'v, Value>, RenderError> {
        if let Node::Single { expression, .. } = &self.node
            && let (Operand::Path(path), []) = (&expression.operand, expression.filters.as_slice())
            && let Some(value) = scope.lookup(path)
        {
            return Ok(Cow::Borrowed(value));
        }
        let collected = warnings.is_some().then(Vec::new);
        let mut renderer = Renderer { scope, left: MAX_OUTPUT, warnings: collected, missing: Value::Null };
        let value = renderer.node(&self.node)?;
        if let (Some(warnings), Some(collected)) = (warnings, renderer.warnings) {
            warnings.extend(collected);
        }
        Ok(Cow::Owned(value))
    }

    /// Nothing in it depends on the scope; `{{ "{{" }}` may still stand for braces.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.expressions("").iter().all(|(_, expression)| expression.is_constant())
    }

    /// It is one string that is one `{{…}}`.
    pub(crate) const fn is_single(&self) -> bool {
        matches!(self.node, Node::Single { .. })
    }

    /// The path when the whole of it is `{{path}}`, without filters.
    pub(crate) fn single_path(&self) -> Option<&Path> {
        match &self.node {
            Node::Single { expression, .. } if expression.filters.is_empty() => expression.path(),
            _ => None,
        }
    }

    /// Every path that it reads, in the order in which they are written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.located("").into_iter().map(|(_, path)| path)
    }

    /// Every path that it reads, with the place of the string that holds it: `config.items[0].name`.
    pub(crate) fn located(&self, place: &str) -> Vec<(String, &Path)> {
        let expressions = self.expressions(place).into_iter();
        expressions.filter_map(|(place, expression)| Some((place, expression.path()?))).collect()
    }

    fn expressions(&self, place: &str) -> Vec<(String, &Expression)> {
        let mut found = Vec::new();
        self.node.collect(place, &mut found);
        found
    }
}

impl Node {
    fn collect<'n>(&'n self, place: &str, found: &mut Vec<(String, &'n Expression)>) {
        match self {
            Self::Constant(_) => {}
            Self::Single { expression, .. } => found.push((place.to_owned(), expression)),
            Self::Text { parts, .. } => collect_parts(parts, place, found),
            Self::List(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    node.collect(&format!("{place}[{at}]"), found);
                }
            }
            Self::Object(fields) => {
                for (key, node) in fields {
                    match key {
                        Key::Plain(key) => node.collect(&schema::below(place, key), found),
                        Key::Template(parts) => {
                            collect_parts(parts, place, found);
                            node.collect(place, found);
                        }
                    }
                }
            }
        }
    }
}

fn collect_parts<'n>(parts: &'n [Part], place: &str, found: &mut Vec<(String, &'n Expression)>) {
    for part in parts {
        if let Part::Expression(expression) = part {
            found.push((place.to_owned(), expression));
        }
    }
}

fn compile(
    value: &Value,
    schema: Option<Schema<'_>>,
    path: &str,
    depth: usize,
    problems: &mut Vec<Problem>,
) -> Node {
    if depth > MAX_DEPTH {
        problems.push(Problem::at(
            path,
            format!("lists and objects are nested more than {MAX_DEPTH} levels deep"),
        ));
        return Node::Constant(Value::Null);
    }
    match value {
        Value::String(text) => {
            compile_text(text, schema.is_some_and(|schema| schema.has_format("html")), path, problems)
        }
        Value::Array(items) => {
            let item_schema = schema.and_then(Schema::items);
            let nodes: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(at, item)| compile(item, item_schema, &format!("{path}[{at}]"), depth + 1, problems))
                .collect();
            if nodes.iter().all(is_constant) { Node::Constant(value.clone()) } else { Node::List(nodes) }
        }
        Value::Object(fields) => {
            let nodes: Vec<(Key, Node)> = fields
                .iter()
                .map(|(key, field)| {
                    let path = schema::below(path, key);
                    let node = compile(
                        field,
                        schema.and_then(|schema| schema.property(key)),
                        &path,
                        depth + 1,
                        problems,
                    );
                    (compile_key(key, &path, problems), node)
                })
                .collect();
            let constant = nodes.iter().all(|(key, node)| matches!(key, Key::Plain(_)) && is_constant(node));
            if constant { Node::Constant(value.clone()) } else { Node::Object(nodes) }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Constant(value.clone()),
    }
}

const fn is_constant(node: &Node) -> bool {
    matches!(node, Node::Constant(_))
}

fn compile_text(text: &str, html: bool, path: &str, problems: &mut Vec<Problem>) -> Node {
    if !text.contains("{{") {
        return Node::Constant(Value::String(text.to_owned()));
    }
    match expression::parse(text) {
        Err(message) => {
            problems.push(Problem::at(path, message));
            Node::Constant(Value::Null)
        }
        Ok(mut parts) => match parts.pop() {
            Some(Part::Expression(expression)) if parts.is_empty() => {
                Node::Single { expression: Box::new(expression), html }
            }
            last => {
                parts.extend(last);
                Node::Text { parts, html }
            }
        },
    }
}

fn compile_key(key: &str, path: &str, problems: &mut Vec<Problem>) -> Key {
    if !key.contains("{{") {
        return Key::Plain(key.to_owned());
    }
    match expression::parse(key) {
        Ok(parts) => Key::Template(parts),
        Err(message) => {
            problems.push(Problem::at(path, format!("in the name of the property, {message}")));
            Key::Plain(key.to_owned())
        }
    }
}

struct Renderer<'r, 'v> {
    scope: &'r Scope<'v>,
    /// Bytes of output that may still be made.
    left: usize,
    /// `None`: nobody will read them.
    warnings: Option<Vec<String>>,
    /// What a single expression without a value becomes.
    missing: Value,
}

impl<'v> Renderer<'_, 'v> {
    fn node(&mut self, node: &Node) -> Result<Value, RenderError> {
        match node {
            Node::Constant(value) => {
                self.spend(size(value, self.left))?;
                Ok(value.clone())
            }
            Node::Single { expression, html } => {
                let value = match self.value(expression)? {
                    None => self.missing.clone(),
                    Some(value) => match value.as_ref() {
                        Value::String(text) if must_escape(*html, expression) => Value::String(escape(text)),
                        Value::Array(_) | Value::Object(_) if must_escape(*html, expression) => {
                            Value::String(escape(&printed(&value)))
                        }
                        _ => {
                            self.spend(size(&value, self.left))?;
                            return Ok(value.into_owned());
                        }
                    },
                };
                self.spend(size(&value, self.left))?;
                Ok(value)
            }
            Node::Text { parts, html } => self.text(parts, *html).map(Value::String),
            Node::List(nodes) => {
                self.spend(2)?;
                nodes.iter().map(|node| self.node(node)).collect::<Result<_, _>>().map(Value::Array)
            }
            Node::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (key, node) in fields {
                    let key = match key {
                        Key::Plain(key) => {
                            self.spend(key.len() + 4)?;
                            key.clone()
                        }
                        Key::Template(parts) => self.text(parts, false)?,
                    };
                    object.insert(key, self.node(node)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    fn text(&mut self, parts: &[Part], html: bool) -> Result<String, RenderError> {
        let length = |part: &Part| match part {
            Part::Text(plain) => plain.len(),
            Part::Expression(_) => USUAL_LENGTH,
        };
        let mut text = String::with_capacity(parts.iter().map(length).sum());
        for part in parts {
            let before = text.len();
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Expression(expression) => {
                    let Some(value) = self.value(expression)? else { continue };
                    if value.is_null() {
                        self.warn(|| format!("{{{{{}}}}} is null", expression.written));
                    }
                    if must_escape(html, expression) {
                        text.push_str(&escape(&printed(&value)));
                    } else {
                        print(&value, &mut text);
                    }
                }
            }
            self.spend(text.len() - before)?;
        }
        Ok(text)
    }

    /// The expression's value after its filters; `None`, with a warning, when it is missing.
    #[inline]
    fn value<'e>(&mut self, expression: &'e Expression) -> Result<Option<Cow<'e, Value>>, RenderError>
    where
        'v: 'e,
    {
        let mut value: Option<Cow<'e, Value>> = match &expression.operand {
            Operand::Path(path) => self.scope.lookup(path).map(Cow::Borrowed),
            Operand::Literal(text) => Some(Cow::Owned(Value::String(text.clone()))),
        };
        let found = value.is_some();
        if found && expression.filters.is_empty() {
            return Ok(value);
        }
        for filter in &expression.filters {
            match filter.apply(value.as_ref(), self.scope.time_zone) {
                Ok(filtered) => value = filtered,
                Err(complaint) => self.warn(|| format!("{{{{{}}}}}: {complaint}", expression.written)),
            }
            if value.as_ref().is_some_and(|value| size(value, MAX_INTERMEDIATE) > MAX_INTERMEDIATE) {
                return Err(RenderError::ValueTooLarge { written: expression.written.clone() });
            }
        }
        let is_default = |filter: &Filter| matches!(filter, Filter::Default(_));
        if !found && !expression.filters.iter().any(is_default) {
            self.warn(|| format!("{{{{{}}}}} is missing", expression.written));
        }
        Ok(value)
    }

    fn warn(&mut self, warning: impl FnOnce() -> String) {
        if let Some(warnings) = &mut self.warnings
            && warnings.len() < MAX_WARNINGS
        {
            let warning = warning();
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.left = self.left.checked_sub(bytes).ok_or(RenderError::TooLarge)?;
        Ok(())
    }
}

/// The author's own text, and what the author has escaped, is put in as it is.
fn must_escape(html: bool, expression: &Expression) -> bool {
    html && matches!(expression.operand, Operand::Path(_))
        && !matches!(expression.filters.last(), Some(Filter::Escape))
}
