//! The syntax of templates: text with `{{ path | filter("x") }}` in it (contract section 7).
//!
//! A parser of our own because the language is this small and must stay so: no loops, no calls, no arithmetic.
//! Only `{{` opens anything; `{%`, `${` and a lone `}}` are plain text. To write two braces: `{{ "{{" }}`.

use crate::{Path, filter::Filter};

/// Filters in a row: some double the length of their input.
pub(crate) const MAX_FILTERS: usize = 16;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Plain text.
    Text(String),
    /// `{{…}}`.
    Expression(Expression),
}

/// What stands between the braces.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    /// As written without braces and outer white space, for warnings.
    pub(crate) written: String,
    pub(crate) operand: Operand,
    pub(crate) filters: Vec<Filter>,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Path(Path),
    Literal(String),
}

impl Expression {
    /// The path that it reads; none for a literal.
    pub(crate) const fn path(&self) -> Option<&Path> {
        match &self.operand {
            Operand::Path(path) => Some(path),
            Operand::Literal(_) => None,
        }
    }

    /// It gives the same value in every scope; a date without a zone of its own does not.
    pub(crate) fn is_constant(&self) -> bool {
        let zoned = |filter: &Filter| matches!(filter, Filter::Date { zone: None, .. });
        self.path().is_none() && !self.filters.iter().any(zoned)
    }
}

/// An argument of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    Text(String),
    Number(i64),
}

/// A fault in a template: byte offset and message.
type Fault = (usize, String);

/// Splits a text into its parts.
///
/// The error is a sentence with the position: `at character 14: …`.
pub(crate) fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parser = Parser { text, at: 0 };
    parser.parts().map_err(|(at, message)| {
        let position = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        format!("at character {position}: {message}")
    })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn parts(&mut self) -> Result<Vec<Part>, Fault> {
        let mut parts = Vec::new();
        while let Some(open) = self.rest().find("{{") {
            if open > 0 {
                parts.push(Part::Text(self.rest()[..open].to_owned()));
            }
            self.at += open;
            parts.push(Part::Expression(self.expression()?));
        }
        if !self.rest().is_empty() {
            parts.push(Part::Text(self.rest().to_owned()));
        }
        Ok(parts)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expression(&mut self) -> Result<Expression, Fault> {
        let open = self.at;
        self.at += 2;
        let start = self.at;
        self.skip_space();
        let operand = match self.peek() {
            None => return Err(never_closed(open)),
            Some('"' | '\'') => Operand::Literal(self.literal()?),
            Some('}') => {
                return Err((open, "the braces are empty: write a path, as in {{contact.name}}".to_owned()));
            }
            Some('{') => {
                return Err((
                    open,
                    "there are three braces: two are needed, as in {{contact.name}}".to_owned(),
                ));
            }
            Some(sign @ ('#' | '/' | '^' | '!' | '&' | '>')) => {
                return Err((
                    open,
                    format!(
                        "{{{{{sign} is not supported: write a path with filters, and decide with conditions"
                    ),
                ));
            }
            Some(_) => Operand::Path(self.path(open)?),
        };
        let mut filters = Vec::new();
        loop {
            self.skip_space();
            let end = self.at;
            if self.take("}}") {
                let written = self.text[start..end].trim().to_owned();
                return Ok(Expression { written, operand, filters });
            }
            let at = self.at;
            if self.take("|") {
                filters.push(self.filter()?);
                if filters.len() > MAX_FILTERS {
                    return Err((at, format!("there are more than {MAX_FILTERS} filters")));
                }
                continue;
            }
            return Err(match self.peek() {
                None => never_closed(open),
                Some('}') => (at, "one } stands where }} is needed".to_owned()),
                Some(other) => (
                    at,
                    format!(
                        "`{other}` cannot stand here: a path is followed by | and a filter, or by }}}}; \
                         a name with spaces is written [\"first name\"]"
                    ),
                ),
            });
        }
    }

    /// Up to white space, `|` or `}`, but not within the quotes of `["…"]`.
    fn path(&mut self, open: usize) -> Result<Path, Fault> {
        let start = self.at;
        let mut quote = None;
        let mut escaped = false;
        let mut bracket = false;
        let mut end = self.text.len();
        for (at, character) in self.rest().char_indices() {
            match quote {
                Some(_) if escaped => escaped = false,
                Some(_) if character == '\\' => escaped = true,
                Some(open) if character == open => quote = None,
                Some(_) => {}
                None if bracket && matches!(character, '"' | '\'') => quote = Some(character),
                None if character.is_whitespace() || matches!(character, '|' | '}') => {
                    end = start + at;
                    break;
                }
                None => {}
            }
            bracket = character == '[';
        }
        if end == self.text.len() {
            return Err(never_closed(open));
        }
        let written = &self.text[start..end];
        self.at = end;
        Path::parse(written).map_err(|error| {
            let offset = written.char_indices().nth(error.position).map_or(written.len(), |(at, _)| at);
            (start + offset, error.message)
        })
    }

    fn filter(&mut self) -> Result<Filter, Fault> {
        self.skip_space();
        let start = self.at;
        let length =
            self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        if name.is_empty() {
            return Err((start, format!("a filter is needed after |: one of {}", Filter::names())));
        }
        self.at += length;
        self.skip_space();
        let arguments = if self.take("(") { self.arguments(start)? } else { Vec::new() };
        Filter::new(name, arguments).map_err(|message| (start, message))
    }

    fn arguments(&mut self, filter: usize) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::new();
        loop {
            self.skip_space();
            if arguments.is_empty() && self.take(")") {
                return Ok(arguments);
            }
            let at = self.at;
            arguments.push(match self.peek() {
                None => return Err((filter, "the filter's ( is never closed".to_owned())),
                Some('"' | '\'') => Argument::Text(self.literal()?),
                Some(_) => {
                    self.number().ok_or((at, "text in quotes or a whole number is needed here".to_owned()))?
                }
            });
            self.skip_space();
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err((self.at, "a , or ) is needed here".to_owned()));
            }
        }
    }

    fn number(&mut self) -> Option<Argument> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..sign + digits].parse().ok()?;
        self.at += sign + digits;
        Some(Argument::Number(number))
    }

    /// Text in quotes; `\n`, `\t` and a backslash before any other character.
    fn literal(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, character)) = chars.next() {
            match character {
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => break,
                },
                _ if Some(character) == quote => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err((start, "this quote is never closed".to_owned()))
    }
}

fn never_closed(open: usize) -> Fault {
    (open, "{{ is never closed by }}; to write two braces as text use {{ \"{{\" }}".to_owned())
}
