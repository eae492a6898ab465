//! Field paths: `a.b.c`, `items[0].name`, `items.0.name`, `["key.with.dots"]` (contract section 6).
//!
//! A path is parsed once and then walked without allocation. Names are matched exactly. A bare number between
//! dots is a position in a list and a name in an object; in brackets it is a position only.

use std::{
    fmt,
    iter::Peekable,
    str::CharIndices,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Map, Value};

/// The longest path, in characters.
pub const MAX_LENGTH: usize = 500;
/// The most steps that a path may take.
pub const MAX_SEGMENTS: usize = 50;

/// A parsed path; prints as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    written: Box<str>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A name; `position` when it could as well be a place in a list.
    Name { name: Box<str>, position: Option<usize>, seen: Seen },
    /// `[3]`.
    Position(usize),
}

/// Where in its object a name was found last: the same path is looked up in one event's data after another's, and they are mostly written
/// in the same order. Only a guess, so it has no part in what a path is.
#[derive(Debug, Default)]
pub(crate) struct Seen(AtomicU32);

impl Clone for Seen {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Ordering::Relaxed)))
    }
}

impl PartialEq for Seen {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seen {}

/// Text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {message}", position + 1)]
pub struct PathError {
    /// Characters before the fault.
    pub position: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Path {
    /// Reads a path; white space around it does not count.
    ///
    /// # Errors
    /// The first fault with its position in `text`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let written = text.trim();
        let before = text.len() - text.trim_start().len();
        let skipped = text[..before].chars().count();
        let fault = |byte: usize, message: String| PathError {
            position: skipped + written[..byte].chars().count(),
            message,
        };
        if written.is_empty() {
            return Err(fault(0, "a path is needed, such as submission.data.q_nps".to_owned()));
        }
        if written.chars().count() > MAX_LENGTH {
            return Err(fault(0, format!("a path has at most {MAX_LENGTH} characters")));
        }
        let mut segments = Vec::new();
        let mut chars = written.char_indices().peekable();
        while let Some(&(at, first)) = chars.peek() {
            let segment = match first {
                '[' => bracketed(written, &mut chars),
                '.' if segments.is_empty() => Err((at, "a path cannot start with a dot".to_owned())),
                '.' => {
                    chars.next();
                    name(written, &mut chars)
                }
                _ if segments.is_empty() => name(written, &mut chars),
                other => Err((at, format!("a dot or [ is needed before `{other}`"))),
            };
            segments.push(segment.map_err(|(at, message)| fault(at, message))?);
            if segments.len() > MAX_SEGMENTS {
                return Err(fault(at, format!("a path has at most {MAX_SEGMENTS} steps")));
            }
        }
        Ok(Self { written: written.into(), segments })
    }

    /// The value at this path below `root`; `None` when it leads nowhere.
    #[must_use]
    pub fn lookup<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        walk(root, &self.segments)
    }

    /// The path as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The step whose output the path reads: the second name of `steps.<id>…`.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match (self.root()?, self.segments.get(1)?) {
            ("steps", Segment::Name { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// The variable that the path reads: the second name of `vars.<name>…`.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match (self.root()?, self.segments.get(1)?) {
            ("vars", Segment::Name { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// The second name: the field that `trigger.<name>…` reads.
    pub(crate) fn second(&self) -> Option<&str> {
        match self.segments.get(1) {
            Some(Segment::Name { name, .. }) => Some(name),
            Some(Segment::Position(_)) | None => None,
        }
    }

    /// The first name; `None` when the path starts with a position.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Name { name, .. }) => Some(name),
            Some(Segment::Position(_)) | None => None,
        }
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The path below its first name.
    pub(crate) fn rest(&self) -> &[Segment] {
        self.segments.get(1..).unwrap_or_default()
    }
}

pub(crate) fn walk<'v>(root: &'v Value, segments: &[Segment]) -> Option<&'v Value> {
    segments.iter().try_fold(root, |value, segment| match (segment, value) {
        (Segment::Name { name, seen, .. }, Value::Object(fields)) => seen.field(fields, name),
        (
            Segment::Name { position: Some(position), .. } | Segment::Position(position),
            Value::Array(items),
        ) => items.get(*position),
        _ => None,
    })
}

/// Up to this many names, looking at each is faster than hashing the one that is sought.
const FEW: usize = 8;

/// Up to this many, walking to where the name was the last time is faster than hashing it.
const MANY: usize = 64;

impl Seen {
    fn field<'v>(&self, fields: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
        if fields.len() <= FEW || fields.len() > MANY {
            return field(fields, name);
        }
        let at = usize::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0);
        // From the nearer end.
        let guess = match fields.len().checked_sub(at + 1) {
            Some(after) if after < at => fields.iter().nth_back(after),
            _ => fields.iter().nth(at),
        };
        if let Some((key, value)) = guess
            && key == name
        {
            return Some(value);
        }
        let value = fields.get(name)?;
        let at = fields.keys().position(|key| key == name).and_then(|at| u32::try_from(at).ok());
        self.0.store(at.unwrap_or(0), Ordering::Relaxed);
        Some(value)
    }
}

/// The value of a name in an object.
pub(crate) fn field<'v>(fields: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    if fields.len() > FEW {
        return fields.get(name);
    }
    fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

type Fault = (usize, String);

fn name(written: &str, chars: &mut Peekable<CharIndices<'_>>) -> Result<Segment, Fault> {
    let start = chars.peek().map_or(written.len(), |(at, _)| *at);
    let mut end = written.len();
    while let Some(&(at, character)) = chars.peek() {
        if matches!(character, '.' | '[') {
            end = at;
            break;
        }
        if character.is_whitespace() || character.is_control() || "]{}()|\"'`,".contains(character) {
            let advice = "write such a name in brackets, as in [\"first name\"]";
            let what = if character.is_whitespace() || character.is_control() {
                "a space".to_owned()
            } else {
                format!("`{character}`")
            };
            return Err((at, format!("{what} cannot be part of a path: {advice}")));
        }
        chars.next();
    }
    let name = &written[start..end];
    if name.is_empty() {
        return Err((start, "a name is missing".to_owned()));
    }
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    let position = if digits { name.parse().ok() } else { None };
    Ok(Segment::Name { name: name.into(), position, seen: Seen::default() })
}

fn bracketed(written: &str, chars: &mut Peekable<CharIndices<'_>>) -> Result<Segment, Fault> {
    let open = chars.next().map_or(0, |(at, _)| at);
    let never_closed = || (open, "this [ is never closed".to_owned());
    let segment = match chars.peek() {
        Some(&(_, quote @ ('"' | '\''))) => {
            chars.next();
            let mut name = String::new();
            loop {
                match chars.next().ok_or_else(never_closed)? {
                    (_, '\\') => name.push(chars.next().ok_or_else(never_closed)?.1),
                    (_, character) if character == quote => break,
                    (_, character) => name.push(character),
                }
            }
            Segment::Name { name: name.into(), position: None, seen: Seen::default() }
        }
        Some(&(start, digit)) if digit.is_ascii_digit() => {
            let mut end = start;
            while let Some((at, _)) = chars.next_if(|(_, character)| character.is_ascii_digit()) {
                end = at + 1;
            }
            let position = &written[start..end];
            Segment::Position(position.parse().map_err(|_| (start, format!("{position} is too large")))?)
        }
        Some(&(at, _)) => {
            return Err((
                at,
                "a position or a name in quotes is needed here, as in [0] or [\"name\"]".to_owned(),
            ));
        }
        None => return Err(never_closed()),
    };
    match chars.next() {
        Some((_, ']')) => Ok(segment),
        Some((at, _)) => Err((at, "a ] is needed here".to_owned())),
        None => Err(never_closed()),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
