//! The operators: their names, and what the builder shows about them (`GET /operators`).
//!
//! What they mean is in `compare`.

use serde::Serialize;

/// An operator of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// The same value.
    Equals,
    /// Not the same value.
    NotEquals,
    /// Text within text, or an element of a list.
    Contains,
    /// Not [`Operator::Contains`].
    NotContains,
    /// Text begins with text.
    StartsWith,
    /// Text ends with text.
    EndsWith,
    /// A larger number.
    GreaterThan,
    /// A smaller number.
    LessThan,
    /// A number at least as large.
    GreaterThanOrEqual,
    /// A number at most as large.
    LessThanOrEqual,
    /// No value, or nothing in it.
    IsEmpty,
    /// Not [`Operator::IsEmpty`].
    IsNotEmpty,
    /// A regular expression finds a match.
    MatchesRegex,
    /// One of a list.
    In,
    /// Not [`Operator::In`].
    NotIn,
    /// The event tells another value before.
    Changed,
    /// It changed and has this value now.
    ChangedTo,
    /// It changed and had this value before.
    ChangedFrom,
    /// A number that was smaller before.
    Increased,
    /// A number that was larger before.
    Decreased,
}

/// What the builder and the reference show about an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorInfo {
    /// The operator itself.
    #[serde(skip)]
    pub operator: Operator,
    /// The canonical name.
    pub name: &'static str,
    /// Other spellings that are accepted.
    pub aliases: &'static [&'static str],
    /// What a person chooses from.
    pub title: &'static str,
    /// One sentence with the rule.
    pub description: &'static str,
    /// A `value` is needed.
    pub takes_value: bool,
    /// The `value` is a list.
    pub value_is_list: bool,
    /// The kinds of questions that it suits.
    pub types: &'static [&'static str],
}

const ANY: &[&str] = &[
    "nps",
    "csat",
    "ces",
    "rating",
    "text",
    "long_text",
    "email",
    "number",
    "single_choice",
    "multiple_choice",
    "date",
    "consent",
];
const TEXT: &[&str] = &["text", "long_text", "email", "single_choice", "date"];
const SEARCHABLE: &[&str] = &["text", "long_text", "email", "single_choice", "multiple_choice"];
const NUMERIC: &[&str] = &["nps", "csat", "ces", "rating", "number"];
const CHOICE: &[&str] =
    &["nps", "csat", "ces", "rating", "text", "email", "number", "single_choice", "multiple_choice"];
/// What compares with before suits records that are updated, not answers.
const NO_QUESTION: &[&str] = &[];

const fn info(
    operator: Operator,
    name: &'static str,
    aliases: &'static [&'static str],
    title: &'static str,
    description: &'static str,
    types: &'static [&'static str],
) -> OperatorInfo {
    let takes_value = !matches!(
        operator,
        Operator::IsEmpty
            | Operator::IsNotEmpty
            | Operator::Changed
            | Operator::Increased
            | Operator::Decreased
    );
    let value_is_list = matches!(operator, Operator::In | Operator::NotIn);
    OperatorInfo { operator, name, aliases, title, description, takes_value, value_is_list, types }
}

static OPERATORS: [OperatorInfo; 20] = [
    info(
        Operator::Equals,
        "equals",
        &["=="],
        "is",
        "The same value; numbers compare as numbers (5 is \"5.0\"), text with upper and lower case distinct.",
        ANY,
    ),
    info(
        Operator::NotEquals,
        "not_equals",
        &["!="],
        "is not",
        "Not the same value; true when the field is missing.",
        ANY,
    ),
    info(
        Operator::Contains,
        "contains",
        &[],
        "contains",
        "The text occurs in the field, in upper or lower case; or the list has it as an element.",
        SEARCHABLE,
    ),
    info(
        Operator::NotContains,
        "not_contains",
        &[],
        "does not contain",
        "Not contains; true when the field is missing.",
        SEARCHABLE,
    ),
    info(
        Operator::StartsWith,
        "starts_with",
        &[],
        "starts with",
        "The field's text begins so; upper and lower case are distinct.",
        TEXT,
    ),
    info(
        Operator::EndsWith,
        "ends_with",
        &[],
        "ends with",
        "The field's text ends so; upper and lower case are distinct.",
        TEXT,
    ),
    info(
        Operator::GreaterThan,
        "greater_than",
        &[">"],
        "is greater than",
        "Both are numbers and the field's is larger; false when the field is missing or not a number.",
        NUMERIC,
    ),
    info(
        Operator::LessThan,
        "less_than",
        &["<"],
        "is less than",
        "Both are numbers and the field's is smaller; false when the field is missing or not a number.",
        NUMERIC,
    ),
    info(
        Operator::GreaterThanOrEqual,
        "greater_than_or_equal",
        &[">="],
        "is at least",
        "Both are numbers and the field's is larger or the same; false when the field is missing or not a number.",
        NUMERIC,
    ),
    info(
        Operator::LessThanOrEqual,
        "less_than_or_equal",
        &["<="],
        "is at most",
        "Both are numbers and the field's is smaller or the same; false when the field is missing or not a number.",
        NUMERIC,
    ),
    info(
        Operator::IsEmpty,
        "is_empty",
        &[],
        "is empty",
        "Missing, null, blank text, an empty list or object; 0 and false are not empty.",
        ANY,
    ),
    info(Operator::IsNotEmpty, "is_not_empty", &[], "is not empty", "Something was answered.", ANY),
    info(
        Operator::MatchesRegex,
        "matches_regex",
        &[],
        "matches the pattern",
        "A regular expression finds a match anywhere in the field's text (use ^ and $ for the whole).",
        TEXT,
    ),
    info(
        Operator::In,
        "in",
        &[],
        "is one of",
        "The field is one of the list; for a field that is a list, one of its elements is.",
        CHOICE,
    ),
    info(
        Operator::NotIn,
        "not_in",
        &[],
        "is none of",
        "The field is none of the list; true when the field is missing.",
        CHOICE,
    ),
    info(
        Operator::Changed,
        "changed",
        &[],
        "changed",
        "The event tells that the field had another value before; false when it tells nothing of before.",
        NO_QUESTION,
    ),
    info(
        Operator::ChangedTo,
        "changed_to",
        &[],
        "changed to",
        "The field changed and is this value now.",
        NO_QUESTION,
    ),
    info(
        Operator::ChangedFrom,
        "changed_from",
        &[],
        "changed from",
        "The field changed and was this value before.",
        NO_QUESTION,
    ),
    info(
        Operator::Increased,
        "increased",
        &[],
        "increased",
        "The field is a larger number than before; false when one of them is no number.",
        NO_QUESTION,
    ),
    info(
        Operator::Decreased,
        "decreased",
        &[],
        "decreased",
        "The field is a smaller number than before; false when one of them is no number.",
        NO_QUESTION,
    ),
];

/// All operators, in the order in which they are offered.
#[must_use]
pub fn operators() -> &'static [OperatorInfo] {
    &OPERATORS
}

impl Operator {
    /// The operator of a canonical name or an alias.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        OPERATORS
            .iter()
            .find(|info| info.name == text || info.aliases.contains(&text))
            .map(|info| info.operator)
    }

    /// What is shown about it.
    #[must_use]
    pub fn info(self) -> &'static OperatorInfo {
        // The table is in the order of the variants (tested).
        &OPERATORS[self as usize]
    }

    /// The canonical name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Upper and lower case are distinct unless the condition says otherwise.
    #[must_use]
    pub const fn case_sensitive(self) -> bool {
        !matches!(self, Self::Contains | Self::NotContains)
    }

    /// The verdict when a side is missing (the last column of the truth table); `equals` and `not_equals` of
    /// two missing sides are the exception, handled where both sides are known.
    #[must_use]
    pub const fn on_missing(self) -> bool {
        matches!(self, Self::NotEquals | Self::NotContains | Self::NotIn | Self::IsEmpty)
    }

    /// It compares the field with what the event tells of its value before.
    #[must_use]
    pub const fn looks_back(self) -> bool {
        matches!(
            self,
            Self::Changed | Self::ChangedTo | Self::ChangedFrom | Self::Increased | Self::Decreased
        )
    }

    /// The verdict is the opposite of what the operator tests: `not_…`, and `is_not_empty`.
    #[must_use]
    pub const fn is_negation(self) -> bool {
        matches!(self, Self::NotEquals | Self::NotContains | Self::NotIn | Self::IsNotEmpty)
    }
}
