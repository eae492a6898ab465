//! Jira Cloud: issues and comments in Atlassian's document format, a workflow of three statuses, limits with their reasons.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{Answer, System, object, target};
use crate::sink::Request;

/// A site with the project `CX`.
#[derive(Debug, Default)]
pub struct Jira {
    /// Issues as they came, with `key`, `status` and `comments`.
    pub issues: Vec<Value>,
    /// The token was taken back.
    pub is_revoked: bool,
}

/// The account.
pub const EMAIL: &str = "bot@example.com";
/// Its API token.
pub const TOKEN: &str = "canary-5ecret";

/// Where an issue of a status may go: the transition's id and name, and the status.
const TRANSITIONS: [(&str, &str, &str, &str); 3] = [
    ("To Do", "11", "Start work", "In Progress"),
    ("In Progress", "21", "Finish", "Done"),
    ("Done", "31", "Reopen", "To Do"),
];

fn refused(status: u16, messages: &[&str], errors: Value) -> Answer {
    Answer::new(status, json!({"errorMessages": messages, "errors": errors}))
}

fn is_document(value: &Value) -> bool {
    value["type"] == "doc"
        && value["version"] == 1
        && value["content"].as_array().is_some_and(|content| !content.is_empty())
}

impl System for Jira {
    fn answer(&mut self, request: &Request) -> Answer {
        let wanted = format!("Basic {}", STANDARD.encode(format!("{EMAIL}:{TOKEN}")));
        if self.is_revoked || request.header("authorization") != Some(&wanted) {
            return Answer::new(401, "Client must be authenticated to access this resource.".into());
        }
        let (path, query) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let body = object(request).unwrap_or_default();
        if request.method != "GET" && body.is_empty() {
            return refused(400, &["There was an error parsing JSON."], json!({}))
                .violating("bodies are JSON");
        }
        let ["rest", "api", "3", path @ ..] = path.as_slice() else {
            return refused(404, &["no such path"], json!({})).violating(request.path.clone());
        };
        match (request.method.as_str(), path) {
            ("GET", ["myself"]) => Answer::new(200, json!({"accountId": "5b10", "active": true})),
            ("POST", ["issue"]) => self.create(&body),
            ("POST", ["search", "jql"]) => self.search(&body),
            (method, ["issue", key, rest @ ..]) => {
                let Some(issue) = self.issues.iter_mut().find(|issue| issue["key"] == *key) else {
                    return refused(
                        404,
                        &["Issue does not exist or you do not have permission to see it."],
                        json!({}),
                    );
                };
                on_issue(issue, method, rest, &body, &query)
            }
            _ => refused(404, &["no such path"], json!({}))
                .violating(format!("{} {}", request.method, request.path)),
        }
    }

    fn limited(&self) -> Answer {
        Answer::new(429, Value::Null)
            .header("retry-after", "4")
            .header("x-ratelimit-reset", "2026-02-14T10:30:09Z")
            .header("ratelimit-reason", "jira-burst-based")
    }
}

impl Jira {
    fn create(&mut self, body: &Map<String, Value>) -> Answer {
        let fields = body.get("fields").cloned().unwrap_or_default();
        let mut errors = Map::new();
        if fields["project"]["key"] != "CX" {
            errors.insert("project".into(), "valid project is required".into());
        }
        if !["Task", "Bug"].contains(&fields["issuetype"]["name"].as_str().unwrap_or_default()) {
            errors.insert("issuetype".into(), "The issue type selected is invalid.".into());
        }
        if fields["summary"].as_str().is_none_or(|text| text.is_empty() || text.contains('\n')) {
            errors.insert("summary".into(), "You must specify a summary of the issue.".into());
        }
        if fields.get("description").is_some_and(|document| !is_document(document)) {
            errors.insert("description".into(), "Operation value must be an Atlassian Document".into());
        }
        let labels = fields["labels"].as_array().into_iter().flatten();
        if labels.filter_map(Value::as_str).any(|label| label.contains(' ')) {
            errors.insert("labels".into(), "The label contains spaces which is invalid.".into());
        }
        if !errors.is_empty() {
            return refused(400, &[], errors.into());
        }
        let number = self.issues.len() + 1;
        let key = format!("CX-{number}");
        self.issues.push(json!({"id": (10_000 + number).to_string(), "key": key, "fields": fields, "status": "To Do", "comments": []}));
        Answer::new(
            201,
            json!({"id": (10_000 + number).to_string(), "key": key, "self": format!("https://acme.example/rest/api/3/issue/{number}")}),
        )
    }

    /// `labels = "…"`: as much of JQL as is asked for here.
    fn search(&self, body: &Map<String, Value>) -> Answer {
        let jql = body.get("jql").and_then(Value::as_str).unwrap_or_default();
        let Some(label) = jql.strip_prefix("labels = \"").and_then(|rest| rest.strip_suffix('"')) else {
            return refused(400, &["Error in the JQL Query"], json!({}));
        };
        let has = |issue: &&Value| {
            issue["fields"]["labels"].as_array().is_some_and(|labels| labels.contains(&label.into()))
        };
        let found: Vec<_> =
            self.issues.iter().filter(has).map(|issue| json!({"key": issue["key"]})).collect();
        Answer::new(200, json!({"issues": found}))
    }
}

fn on_issue(
    issue: &mut Value,
    method: &str,
    path: &[&str],
    body: &Map<String, Value>,
    query: &Map<String, Value>,
) -> Answer {
    let status = issue["status"].as_str().unwrap_or_default().to_owned();
    match (method, path) {
        ("GET", []) => Answer::new(200, json!({"key": issue["key"], "fields": {"status": {"name": status}}})),
        ("GET", ["transitions"]) => {
            let known = TRANSITIONS.iter().filter(|(from, ..)| *from == status);
            let known: Vec<_> =
                known.map(|(_, id, name, to)| json!({"id": id, "name": name, "to": {"name": to}})).collect();
            Answer::new(200, json!({"transitions": known}))
        }
        ("POST", ["transitions"]) => {
            let id =
                body.get("transition").and_then(|transition| transition["id"].as_str()).unwrap_or_default();
            match TRANSITIONS.iter().find(|(from, known, ..)| *from == status && *known == id) {
                Some((.., to)) => {
                    issue["status"] = (*to).into();
                    Answer::new(204, Value::Null)
                }
                None => refused(
                    400,
                    &["It seems that you have tried to perform an illegal workflow operation."],
                    json!({}),
                ),
            }
        }
        ("POST", ["comment"]) => {
            if !body.get("body").is_some_and(is_document) {
                return refused(400, &[], json!({"comment": "Comment body is not valid!"}));
            }
            let comments = issue["comments"].as_array_mut().expect("it is a list");
            let id = (20_000 + comments.len()).to_string();
            let mut comment = Value::from(body.clone());
            comment["id"] = id.into();
            comments.push(comment.clone());
            Answer::new(201, comment)
        }
        ("GET", ["comment"]) => {
            let mut comments = issue["comments"].clone();
            if query.get("expand").and_then(Value::as_str) != Some("properties") {
                for comment in comments.as_array_mut().into_iter().flatten() {
                    comment["properties"].take();
                }
            }
            Answer::new(200, json!({"comments": comments}))
        }
        _ => refused(404, &["no such path"], json!({})).violating(format!("{method} {path:?}")),
    }
}
