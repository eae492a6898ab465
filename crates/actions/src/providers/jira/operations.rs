//! What can be done in Jira.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::site;
use crate::{
    action::ActionError,
    input::{Fields, List, Optional, Text},
    ledger::Reference,
    provider::{Client, Operate, Operation, Request, segment},
};

pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation::of::<CreateIssue>(),
        Operation::of::<AddComment>(),
        Operation::of::<Transition>(),
        Operation::of::<FindIssues>(),
    ]
}

/// An issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateIssue {
    /// The project's key, such as `CX`.
    #[schemars(extend("minLength" = 1))]
    project: Text,
    /// The kind of issue.
    #[serde(default)]
    #[schemars(extend("default" = "Task", "examples" = ["Task", "Bug", "Story"]))]
    issue_type: Optional<Text>,
    /// What it is about, in a line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    summary: Text,
    /// The whole story.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    description: Optional<Text>,
    /// Labels; one with the step's key is added.
    #[serde(default)]
    labels: List,
    /// How urgent it is, such as `High`.
    #[serde(default)]
    priority: Optional<Text>,
    /// Further fields by their ids, such as `customfield_10001`.
    #[serde(default)]
    fields: Optional<Fields>,
}

impl Operate for CreateIssue {
    const NAME: &'static str = "create_issue";
    const TITLE: &'static str = "Create an issue";
    const DESCRIPTION: &'static str =
        "Makes an issue, once: it carries the step's key as a label, by which an earlier attempt's is found.";

    fn sample() -> Value {
        json!({"project": "CX", "summary": "Friction: {{submission.data.q_topic}}", "description": "{{submission.data.q_feedback}}", "labels": "nps"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let summary = self.summary.line(255).ok_or_else(|| ActionError::invalid("payload.summary", "is empty"))?;
        let mark = client.cx.idempotency_key;
        let mut fields = self.fields.0.unwrap_or_default().0;
        fields.insert("project".into(), json!({"key": self.project.0.trim()}));
        let kind = self.issue_type.0.and_then(|text| text.line(100)).unwrap_or_else(|| "Task".to_owned());
        fields.insert("issuetype".into(), json!({"name": kind}));
        fields.insert("summary".into(), summary.into());
        if let Some(text) = self.description.0.and_then(|text| text.block(30_000)) {
            fields.insert("description".into(), document(&text));
        }
        // A label of Jira has no blanks.
        let own = self.labels.0.iter().map(|label| label.split_whitespace().collect::<Vec<_>>().join("_"));
        fields.insert("labels".into(), own.chain([mark.to_owned()]).collect());
        if let Some(priority) = self.priority.0 {
            fields.insert("priority".into(), json!({"name": priority.0.trim()}));
        }
        let look = async |since| {
            let found = search(client, &format!("labels = \"{mark}\"")).await?;
            client.only(since, found)?.map(|issue| reference(client, &issue)).transpose()
        };
        let request = |_| Request::post("issue", json!({"fields": fields}));
        client.make(look, request, |issue| reference(client, issue)).await
    }
}

/// A comment on an issue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddComment {
    /// The issue's key, such as `CX-12`.
    #[schemars(extend("minLength" = 1))]
    issue: Text,
    /// What it says.
    #[schemars(extend("format" = "multiline", "minLength" = 1))]
    text: Text,
}

impl Operate for AddComment {
    const NAME: &'static str = "add_comment";
    const TITLE: &'static str = "Add a comment";
    const DESCRIPTION: &'static str =
        "Writes a comment, once: it carries the step's key as a property, by which an earlier attempt's is found.";

    fn sample() -> Value {
        json!({"issue": "{{steps.s1.output.result.id}}", "text": "Another customer: {{submission.data.q_feedback}}"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let text = self.text.block(30_000).ok_or_else(|| ActionError::invalid("payload.text", "is empty"))?;
        let (path, key) = (format!("issue/{}/comment", segment("issue", &self.issue.0)?), client.cx.idempotency_key);
        let look = async |_| {
            let request = Request::get(&path).query("orderBy", "-created").query("expand", "properties");
            let known = client.send(request).await?.done()?.body;
            let has_ours = |comment: &&Value| {
                let properties = comment["properties"].as_array().into_iter().flatten();
                properties.into_iter().any(|property| property["value"]["key"] == key)
            };
            let found = known["comments"].as_array().into_iter().flatten().find(has_ours);
            found.map(comment_of).transpose()
        };
        let body = json!({"body": document(&text), "properties": [{"key": "vtrustx", "value": {"key": key}}]});
        client.make(look, |_| Request::post(&path, body), comment_of).await
    }
}

fn comment_of(comment: &Value) -> Result<Reference, ActionError> {
    comment["id"].as_str().map(Reference::of).ok_or_else(|| ActionError::without_id("Jira"))
}

/// The status that an issue shall have.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Transition {
    /// The issue's key, such as `CX-12`.
    #[schemars(extend("minLength" = 1))]
    issue: Text,
    /// The name of the status, or of the transition that leads there.
    #[schemars(extend("minLength" = 1))]
    status: Text,
}

impl Operate for Transition {
    const NAME: &'static str = "transition";
    const TITLE: &'static str = "Move an issue";
    const DESCRIPTION: &'static str = "Moves an issue to a status. One that is there already stays where it is.";

    fn sample() -> Value {
        json!({"issue": "{{steps.s1.output.result.id}}", "status": "In Progress"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let issue = segment("issue", &self.issue.0)?;
        let wanted = self.status.0.trim().to_lowercase();
        let is = |name: &Value| name.as_str().is_some_and(|name| name.to_lowercase() == wanted);
        let request = Request::get(format!("issue/{issue}")).query("fields", "status");
        let before = client.send(request).await?.done()?.body;
        let done = |moved: bool| json!({"id": self.issue.0.trim(), "created": false, "moved": moved});
        if is(&before["fields"]["status"]["name"]) {
            return Ok(done(false));
        }
        let path = format!("issue/{issue}/transitions");
        let known = client.send(Request::get(&path)).await?.done()?.body;
        let transitions: Vec<&Value> = known["transitions"].as_array().into_iter().flatten().collect();
        let found = transitions.iter().find(|transition| is(&transition["to"]["name"]) || is(&transition["name"]));
        let Some(found) = found else {
            let names: Vec<_> = transitions.iter().filter_map(|transition| transition["to"]["name"].as_str()).collect();
            let status = before["fields"]["status"]["name"].as_str().unwrap_or("its status");
            let message = format!("leads nowhere from {status:?}; from there an issue can become {}", names.join(", "));
            return Err(ActionError::invalid("payload.status", message));
        };
        let body = json!({"transition": {"id": found["id"]}});
        client.send(Request::post(&path, body)).await?.done()?;
        Ok(done(true))
    }
}

/// Issues by a query.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FindIssues {
    /// A query in JQL.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    jql: Text,
}

impl Operate for FindIssues {
    const NAME: &'static str = "find_issues";
    const TITLE: &'static str = "Find issues";
    const DESCRIPTION: &'static str = "Finds up to ten issues by a query; finding none is no error.";

    fn sample() -> Value {
        json!({"jql": "project = CX AND labels = nps AND statusCategory != Done"})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let found = search(client, self.jql.0.trim()).await?;
        Ok(json!({"found": !found.is_empty(), "id": found.first().map(|issue| issue["key"].clone()), "issues": found}))
    }
}

async fn search(client: &Client<'_>, jql: &str) -> Result<Vec<Value>, ActionError> {
    let body = json!({"jql": jql, "maxResults": 10, "fields": ["summary", "status"]});
    let reply = client.send(Request::post("search/jql", body)).await?.done()?;
    Ok(reply.body["issues"].as_array().cloned().unwrap_or_default())
}

fn reference(client: &Client<'_>, issue: &Value) -> Result<Reference, ActionError> {
    let key = issue["key"].as_str().ok_or_else(|| ActionError::without_id("Jira"))?;
    let url = format!("{}/browse/{key}", site(client.connection)?);
    Ok(Reference { id: key.to_owned(), url: Some(url) })
}

/// Text as an Atlassian document: a paragraph for each block, lines kept.
fn document(text: &str) -> Value {
    let paragraph = |block: &str| {
        let mut content = Vec::new();
        for line in block.lines().filter(|line| !line.is_empty()) {
            if !content.is_empty() {
                content.push(json!({"type": "hardBreak"}));
            }
            content.push(json!({"type": "text", "text": line}));
        }
        json!({"type": "paragraph", "content": content})
    };
    let text = text.replace("\r\n", "\n");
    let blocks: Vec<Value> = text.split("\n\n").filter(|block| !block.trim().is_empty()).map(paragraph).collect();
    json!({"type": "doc", "version": 1, "content": blocks})
}
