//! `approval`: nothing until people have decided, or until a time.

use std::collections::HashSet;

use model::{
    Period, UserId,
    approval::Approver,
    field::looks_like_email,
    form::{Form, Question},
    user::Role,
};
use serde_json::{Map, Value, json};

use super::{
    Reader, Step,
    construct::{Config, ControlInfo, object, steps},
    wait::is_template,
};
use crate::value::quoted;

/// The most approvers of one step.
const MAX_APPROVERS: usize = 50;
/// The most questions of one step.
const MAX_QUESTIONS: usize = 50;
/// The longest title, in characters.
pub const MAX_TITLE: usize = 255;
/// The longest message, in characters.
pub const MAX_MESSAGE: usize = 4_096;

/// A compiled approval. Its title, message, approvers and times are rendered when it begins.
#[derive(Debug, Clone)]
pub struct Approval {
    /// How many have to approve.
    pub required: usize,
    /// What they are asked besides.
    pub form: Vec<Question>,
    /// Who started the run may approve it.
    pub allow_self: bool,
    /// What runs when it is approved.
    pub on_approved: Vec<Step>,
    /// What runs when it is rejected.
    pub on_rejected: Vec<Step>,
    /// What runs when nobody has decided in time.
    pub on_timeout: Vec<Step>,
}

impl Approval {
    pub(super) fn lists(&self) -> Vec<(String, &[Step])> {
        vec![
            ("onApproved".to_owned(), &self.on_approved),
            ("onRejected".to_owned(), &self.on_rejected),
            ("onTimeout".to_owned(), &self.on_timeout),
        ]
    }
}

pub(super) fn info() -> ControlInfo {
    let approver = object(
        json!({
            "userId": {"type": ["integer", "string"], "description": "The id of a user of this tenant."},
            "role": {"type": "string", "enum": ["viewer", "editor", "admin"], "description": "Whoever has this role or a higher one; API keys count."},
            "email": {"type": "string", "description": "Whoever gets the mail that is sent to this address."},
        }),
        &[],
    );
    let question = object(
        json!({
            "key": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The name of the answer in the output."},
            "type": {"type": "string", "enum": model::form::QuestionType::ALL, "description": "What it asks for."},
            "label": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "What the approver reads."},
            "required": {"type": "boolean", "default": false, "description": "Nobody approves without an answer."},
            "options": {"type": "array", "items": {"type": "string"}, "description": "The choices of a choice question."},
            "min": {"type": "number", "description": "The lowest number."},
            "max": {"type": "number", "description": "The highest number."},
            "personal": {"type": "boolean", "default": false, "description": "Masked for viewers and in exports."},
        }),
        &["key", "type", "label"],
    );
    ControlInfo {
        name: "approval",
        title: "Approval",
        description: "Suspends this branch until people have approved or rejected, in the app, by API or by the link in a mail, or until the time is over; each has its own steps.",
        group: "Flow",
        icon: "user-check",
        schema: object(
            json!({
                "title": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "What is to be decided, in one line."},
                "message": {"type": "string", "description": "What the approvers need to know."},
                "approvers": {"type": "array", "minItems": 1, "maxItems": MAX_APPROVERS, "items": approver, "description": "Who may decide: each names a user, a role or an address."},
                "required": {"type": "integer", "minimum": 1, "maximum": MAX_APPROVERS, "default": 1, "description": "How many have to approve."},
                "form": {"type": "array", "maxItems": MAX_QUESTIONS, "items": question, "description": "Questions that the approvers answer; the answers are in the output."},
                "reminder": {"type": ["integer", "string"], "description": "When those who have not decided are asked again, once: milliseconds or text such as \"1d\"."},
                "timeout": {"type": ["integer", "string"], "default": "366d", "description": "How long it can be decided: milliseconds or text such as \"2d\"; a year unless it says less."},
                "allowSelf": {"type": "boolean", "default": false, "description": "Who started the run, posted its event or published the version may approve it."},
                "onApproved": steps("What runs when it is approved."),
                "onRejected": steps("What runs when it is rejected."),
                "onTimeout": steps("What runs when nobody has decided in time."),
            }),
            &["title", "approvers"],
        ),
        sample: json!({
            "title": "Refund for {{contact.name}}",
            "message": "Ticket {{ticket.id}}: {{ticket.title}}",
            "approvers": [{"role": "admin"}],
            "timeout": "2d",
            "onApproved": [],
            "onRejected": [],
            "onTimeout": [],
        }),
    }
}

impl Reader<'_> {
    pub(super) fn approval(&mut self, config: &Config<'_>) -> Option<Approval> {
        if config
            .get("title")
            .and_then(Value::as_str)
            .is_some_and(|title| !title.is_empty() && title.trim().is_empty())
        {
            self.refuse(config.place("title"), "a title is needed: what is to be decided, in one line");
        }
        let anybody = self.written_approvers(config);
        let required = self.number(config, "required", 1);
        if let Some(most) = anybody.filter(|most| required > *most) {
            self.refuse(
                config.place("required"),
                format!("there are {most} approvers: {most} can approve at most"),
            );
        }
        let form = self.questions(config);
        let allow_self = match config.get("allowSelf") {
            Some(value) => {
                self.literal(value, config.place("allowSelf"));
                value == &Value::Bool(true)
            }
            None => false,
        };
        let reminder = self.length(config, "reminder");
        let timeout = self.length(config, "timeout");
        let last = timeout.or_else(|| config.get("timeout").is_none().then_some(Period::YEAR));
        if let (Some(reminder), Some(last)) = (reminder, last)
            && reminder >= last
        {
            self.refuse(
                config.place("reminder"),
                "comes when the time is over: a reminder shorter than the timeout is needed",
            );
        }
        let on_approved = self.block(config.get("onApproved"), &config.place("onApproved"));
        let on_rejected = self.block(config.get("onRejected"), &config.place("onRejected"));
        let on_timeout = self.block(config.get("onTimeout"), &config.place("onTimeout"));
        Some(Approval { required, form, allow_self, on_approved, on_rejected, on_timeout })
    }

    /// Checks the approvers as written; how many people they are, where that is known when it is saved.
    fn written_approvers(&mut self, config: &Config<'_>) -> Option<usize> {
        let path = config.place("approvers");
        let value = config.get("approvers")?;
        self.literal(value, path.clone());
        let mut most = Some(0_usize);
        for (at, written) in value.as_array()?.iter().enumerate() {
            let path = format!("{path}[{at}]");
            self.literal(written, path.clone());
            // What is no object the schema has refused.
            let Value::Object(fields) = written else { return None };
            if fields.values().any(is_template) && fields.len() == 1 {
                most = most.map(|most| most + 1);
                continue;
            }
            match approver(written) {
                Ok(Approver::Role(_)) => most = None,
                Ok(Approver::User(_) | Approver::Email(_)) => most = most.map(|most| most + 1),
                // The schema has said which roles there are.
                Err(_) if fields.len() == 1 && fields.contains_key("role") => most = None,
                Err(message) => {
                    self.refuse(path, message);
                    most = None;
                }
            }
        }
        most.filter(|most| *most > 0)
    }

    fn questions(&mut self, config: &Config<'_>) -> Vec<Question> {
        let path = config.place("form");
        let Some(Value::Array(list)) = config.get("form") else {
            if let Some(value) = config.get("form") {
                self.literal(value, path);
            }
            return Vec::new();
        };
        // What does not read the schema has refused, at its place.
        let Some(questions) = list
            .iter()
            .map(|question| serde_json::from_value(question.clone()).ok())
            .collect::<Option<Vec<Question>>>()
        else {
            return Vec::new();
        };
        for problem in Form::check_questions(&questions) {
            let inner = problem.path.strip_prefix("questions").unwrap_or(&problem.path);
            self.refuse(format!("{path}{inner}"), problem.message);
        }
        questions
    }
}

/// One approver as rendered: an object with one of the three keys.
fn approver(value: &Value) -> Result<Approver, String> {
    const NEEDED: &str = "one of {\"userId\"}, {\"role\"} and {\"email\"} is needed";
    let fields = value.as_object().ok_or(NEEDED)?;
    let given: Vec<(&str, &Value)> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let [(key, value)] = given.as_slice() else { return Err(NEEDED.to_owned()) };
    match *key {
        "userId" => {
            let id = crate::Decimal::of(value).and_then(|number| number.to_i64());
            let id = id.and_then(|id| UserId::try_from(id).ok());
            id.map(Approver::User)
                .ok_or_else(|| format!("userId is {}: the id of a user is needed", quoted(value)))
        }
        "role" => {
            let role = value.as_str().and_then(|role| role.parse::<Role>().ok());
            role.map(Approver::Role)
                .ok_or_else(|| format!("role is {}: viewer, editor or admin is needed", quoted(value)))
        }
        "email" => match value.as_str().map(str::trim).filter(|address| looks_like_email(address)) {
            Some(address) => Ok(Approver::Email(address.to_owned())),
            None => Err(format!("email is {}: an email address is needed", quoted(value))),
        },
        _ => Err(NEEDED.to_owned()),
    }
}

/// The approvers of a rendered config, each once.
///
/// # Errors
/// What is wrong with one of them.
pub fn approvers(rendered: &Value) -> Result<Vec<Approver>, String> {
    let list = rendered.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let one = approver(value).map_err(|message| format!("approvers[{at}]: {message}"))?;
        let same = match &one {
            Approver::Email(address) => Approver::Email(address.to_lowercase()),
            other => other.clone(),
        };
        if seen.insert(same) {
            found.push(one);
        }
    }
    Ok(found)
}

/// What of the config is rendered.
pub(super) fn rendered(config: &Map<String, Value>) -> Value {
    let kept = ["title", "message", "approvers", "required", "reminder", "timeout"];
    let fields = config.iter().filter(|(key, value)| kept.contains(&key.as_str()) && !value.is_null());
    Value::Object(fields.map(|(key, value)| (key.clone(), value.clone())).collect())
}
