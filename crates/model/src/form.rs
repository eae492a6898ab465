//! A form (survey), its questions, and the check of answers against them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, FormId, Problem, TenantId, Timestamp,
    field::{self, Fields, Refused},
    named,
};

named! {
    /// What a question asks for.
    QuestionType {
        /// 0 to 10: how likely is it that you would recommend us?
        Nps = "nps",
        /// Satisfaction, 1 to 5 unless `min` and `max` say otherwise.
        Csat = "csat",
        /// Effort, 1 to 7 unless `min` and `max` say otherwise.
        Ces = "ces",
        /// Stars, 1 to 5 unless `min` and `max` say otherwise.
        Rating = "rating",
        /// One line of text.
        Text = "text",
        /// Several lines of text.
        LongText = "long_text",
        /// An email address.
        Email = "email",
        /// Any number.
        Number = "number",
        /// One of the options.
        SingleChoice = "single_choice",
        /// Any of the options.
        MultipleChoice = "multiple_choice",
        /// A day, `2026-02-14`.
        Date = "date",
        /// A box that is ticked or not.
        Consent = "consent",
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The stable name under which the answer is kept.
    pub key: String,
    /// What it asks for.
    #[serde(rename = "type")]
    pub kind: QuestionType,
    /// What the person reads.
    pub label: String,
    /// No answer, no submission.
    #[serde(default)]
    pub required: bool,
    /// The choices of a choice question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The lowest number that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The highest number that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The answer says something about the person: it is masked for viewers and in exports.
    #[serde(default)]
    pub personal: bool,
}

impl Question {
    /// The lowest and the highest number that the question accepts.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let (min, max) = match self.kind {
            QuestionType::Nps => (0.0, 10.0),
            QuestionType::Csat | QuestionType::Rating => (1.0, 5.0),
            QuestionType::Ces => (1.0, 7.0),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        (self.min.unwrap_or(min), self.max.unwrap_or(max))
    }

    /// Why the answer does not fit; `None` when it does.
    fn fault(&self, answer: &Value) -> Option<String> {
        match self.kind {
            QuestionType::Nps
            | QuestionType::Csat
            | QuestionType::Ces
            | QuestionType::Rating
            | QuestionType::Number => {
                let number = match answer {
                    Value::Number(number) => number.as_f64(),
                    Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
                    _ => None,
                };
                let Some(number) = number else { return Some("must be a number".to_owned()) };
                let (min, max) = self.range();
                let whole = self.kind != QuestionType::Number;
                if number < min || number > max {
                    Some(match (min.is_finite(), max.is_finite()) {
                        (true, false) => format!("must be at least {min}"),
                        (false, true) => format!("must be at most {max}"),
                        _ => format!("must be from {min} to {max}"),
                    })
                } else if whole && number.fract() != 0.0 {
                    Some("must be a whole number".to_owned())
                } else {
                    None
                }
            }
            QuestionType::Text | QuestionType::LongText => {
                (!answer.is_string() && !answer.is_number()).then(|| "must be text".to_owned())
            }
            QuestionType::Email => match answer.as_str() {
                Some(text) if field::looks_like_email(text.trim()) => None,
                _ => Some("must be an email address".to_owned()),
            },
            QuestionType::SingleChoice => match answer.as_str() {
                Some(text) if self.options.iter().any(|option| option == text) => None,
                _ => Some(format!("must be one of: {}", self.options.join(", "))),
            },
            QuestionType::MultipleChoice => {
                let known =
                    |value: &Value| value.as_str().is_some_and(|text| self.options.iter().any(|o| o == text));
                match answer {
                    Value::Array(list) if list.iter().all(known) => None,
                    _ => Some(format!("must be a list of: {}", self.options.join(", "))),
                }
            }
            QuestionType::Date => match answer.as_str().map(str::parse::<jiff::civil::Date>) {
                Some(Ok(_)) => None,
                _ => Some("must be a date such as 2026-02-14".to_owned()),
            },
            QuestionType::Consent => match answer {
                Value::Bool(false) if self.required => Some("must be accepted".to_owned()),
                Value::Bool(_) => None,
                _ => Some("must be true or false".to_owned()),
            },
        }
    }
}

/// A form as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// Unique over all tenants.
    pub id: FormId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// What the team calls it.
    pub name: String,
    /// The name in the public address `/f/:slug`; unique over the installation.
    pub slug: String,
    /// What the person reads first.
    pub description: Option<String>,
    /// The questions in order.
    pub questions: Vec<Question>,
    /// Answers are taken.
    pub is_active: bool,
    /// Tag names.
    pub tags: Vec<String>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
    /// When it was deleted; history still refers to it.
    pub archived_at: Option<Timestamp>,
}

impl Form {
    /// Checks answers against the questions (contract section 4). A missing, null or blank answer to an optional
    /// question is an unanswered one; a partial submission may leave required ones out too.
    #[must_use]
    pub fn check(&self, answers: &Map<String, Value>, partial: bool) -> Vec<Problem> {
        Self::check_answers(&self.questions, answers, partial)
    }

    /// As [`Form::check`], for questions that belong to no form.
    #[must_use]
    pub fn check_answers(
        questions: &[Question],
        answers: &Map<String, Value>,
        partial: bool,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for key in answers.keys() {
            if !questions.iter().any(|question| question.key == *key) {
                problems.push(Problem::at(format!("data.{key}"), "the form has no question with this key"));
            }
        }
        for question in questions {
            let path = || format!("data.{}", question.key);
            match answers.get(&question.key).filter(|answer| !is_blank(answer)) {
                None if question.required && !partial => {
                    problems.push(Problem::at(path(), "is required: the form cannot be sent without it"));
                }
                None => {}
                Some(answer) => {
                    problems.extend(question.fault(answer).map(|fault| Problem::at(path(), fault)));
                }
            }
        }
        problems
    }

    /// Checks the questions themselves: keys present and unique, choices where they are needed, a sensible range.
    #[must_use]
    pub fn check_questions(questions: &[Question]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            let path = |field: &str| format!("questions[{index}].{field}");
            let key_is_plain = !question.key.is_empty()
                && question.key.len() <= 100
                && question.key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            if !key_is_plain {
                problems.push(Problem::at(path("key"), "must be 1 to 100 letters, digits, _ or -"));
            }
            if questions[..index].iter().any(|earlier| earlier.key == question.key) {
                problems.push(Problem::at(path("key"), format!("{:?} is used twice", question.key)));
            }
            if question.label.trim().is_empty() {
                problems.push(Problem::at(path("label"), "must not be empty: it is what the person reads"));
            }
            let is_choice =
                matches!(question.kind, QuestionType::SingleChoice | QuestionType::MultipleChoice);
            if is_choice && question.options.is_empty() {
                problems.push(Problem::at(path("options"), "a choice question needs at least one option"));
            }
            let (min, max) = question.range();
            if min > max {
                problems.push(Problem::at(path("min"), "is greater than max"));
            }
        }
        problems
    }

    /// The keys of the questions whose answers are personal.
    pub fn personal_keys(&self) -> impl Iterator<Item = &str> {
        self.questions.iter().filter(|question| question.personal).map(|question| question.key.as_str())
    }
}

fn is_blank(answer: &Value) -> bool {
    match answer {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

impl Fields for Form {
    fn set(&mut self, field: &str, value: &Value) -> Result<(), Refused> {
        match field {
            "name" => self.name = field::text(value, 255)?,
            "description" => self.description = field::optional_text(value, 4_096)?,
            "is_active" => {
                self.is_active =
                    value.as_bool().ok_or_else(|| Refused::Invalid("must be true or false".to_owned()))?;
            }
            "tags" => self.tags = field::tags(value)?,
            "id" | "tenant_id" | "slug" | "questions" | "created_at" | "updated_at" | "created_by"
            | "updated_by" | "version" | "archived_at" => return Err(Refused::ReadOnly),
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    crate::field::changing! {
        name, slug, description, questions, is_active, tags;
        not id, tenant_id, created_at, updated_at, created_by, updated_by, version, archived_at
    }

    fn attributes(&mut self) -> Option<&mut Map<String, Value>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(questions: Value) -> Form {
        serde_json::from_value(json!({
            "id": 1, "tenant_id": 1, "name": "n", "slug": "s", "description": null, "questions": questions,
            "is_active": true, "tags": [], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            "created_by": null, "updated_by": null, "version": 1, "archived_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn answers_are_checked_against_the_questions() {
        let form = form(json!([
            {"key": "q_nps", "type": "nps", "label": "How likely?", "required": true},
            {"key": "q_email", "type": "email", "label": "Email"},
            {"key": "q_how", "type": "single_choice", "label": "How", "options": ["web", "shop"]},
            {"key": "q_what", "type": "multiple_choice", "label": "What", "options": ["a", "b"]},
            {"key": "q_day", "type": "date", "label": "Day"},
            {"key": "q_nights", "type": "number", "label": "Nights", "min": 1},
            {"key": "q_ok", "type": "consent", "label": "OK?", "required": true},
        ]));
        let check = |answers: Value| -> Vec<String> {
            form.check(answers.as_object().unwrap(), false).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            check(json!({"q_nps": "7", "q_ok": true, "q_email": "", "q_what": [], "q_day": null})),
            [""; 0]
        );
        assert_eq!(
            check(
                json!({"q_nps": 11, "q_email": "x", "q_how": "mail", "q_what": ["c"], "q_day": "soon", "q_ok": false,
                "q_nights": 0, "other": 1})
            ),
            [
                "data.other: the form has no question with this key",
                "data.q_nps: must be from 0 to 10",
                "data.q_email: must be an email address",
                "data.q_how: must be one of: web, shop",
                "data.q_what: must be a list of: a, b",
                "data.q_day: must be a date such as 2026-02-14",
                "data.q_nights: must be at least 1",
                "data.q_ok: must be accepted",
            ]
        );
        assert_eq!(
            check(json!({"q_nps": "seven"})),
            ["data.q_nps: must be a number", "data.q_ok: is required: the form cannot be sent without it"]
        );
        assert!(form.check(&Map::new(), true).is_empty());
    }
}
