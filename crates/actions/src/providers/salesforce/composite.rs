//! Several requests in one: <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm>.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Config, read};
use crate::{
    action::ActionError,
    capability::HttpResponse,
    input::{Flag, Optional, Text},
    ledger::Reference,
    provider::{Answer, Client, Operate},
};

/// Requests that belong together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Composite {
    /// The requests, at most 25, in the order in which they run.
    requests: Vec<Part>,
    /// When one fails, none is kept; the step fails in any case.
    #[serde(default = "yes")]
    #[schemars(extend("default" = true))]
    all_or_none: Flag,
}

const fn yes() -> Flag {
    Flag(true)
}

/// One request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Part {
    /// What later requests call it: `@{name.id}` stands for the id of its record.
    #[schemars(extend("minLength" = 1))]
    name: Text,
    /// The HTTP method.
    #[serde(default)]
    #[schemars(extend("default" = "POST", "examples" = ["POST", "PATCH", "GET", "DELETE"]))]
    method: Optional<Text>,
    /// The path below the interface's version, such as `sobjects/Contact`.
    #[schemars(extend("minLength" = 1))]
    path: Text,
    /// The fields.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    body: Value,
}

const MOST: usize = 25;

impl Operate for Composite {
    const NAME: &'static str = "composite";
    const TITLE: &'static str = "Several requests in one";
    const DESCRIPTION: &'static str =
        "Runs up to 25 requests together; when one fails, the step fails and says which. Not tried again when its end is not known.";

    fn sample() -> Value {
        json!({"requests": [
            {"name": "contact", "method": "PATCH", "path": "sobjects/Contact/VtxId__c/{{contact.id}}", "body": {"LastName": "{{contact.name}}"}},
            {"name": "task", "path": "sobjects/Task", "body": {"Subject": "NPS {{submission.data.q_nps}}", "WhoId": "@{contact.id}"}},
        ]})
    }

    async fn perform(self, client: &Client<'_>) -> Result<Value, ActionError> {
        let settings = Config::of(client.connection)?;
        if self.requests.is_empty() || self.requests.len() > MOST {
            return Err(ActionError::invalid("payload.requests", format!("must be 1 to {MOST}")));
        }
        let mut requests = Vec::new();
        for (index, part) in self.requests.into_iter().enumerate() {
            let method = part.method.0.map_or_else(|| "POST".to_owned(), |text| text.0.trim().to_uppercase());
            let path = part.path.0.trim().trim_start_matches('/').to_owned();
            if path.split('/').any(|segment| matches!(segment, "." | "..")) {
                return Err(ActionError::invalid(&format!("payload.requests[{index}].path"), "cannot climb"));
            }
            let mut request = json!({
                "method": method, "url": format!("/services/data/{}/{path}", settings.version()), "referenceId": part.name.0.trim(),
            });
            match part.body {
                Value::Null => {}
                Value::Object(fields) => request["body"] = settings.named(fields).into(),
                _ => return Err(ActionError::invalid(&format!("payload.requests[{index}].body"), "must be an object")),
            }
            requests.push(request);
        }
        // Without it, requests run in the order of Salesforce's choice.
        let body = json!({"allOrNone": self.all_or_none.0, "collateSubrequests": false, "compositeRequest": requests});
        let mut parts = Vec::new();
        let read = |answer: &Value| {
            parts = answer["compositeResponse"].as_array().cloned().unwrap_or_default();
            if let Some(error) = failure(client, &parts) {
                // Without all or none, the others were kept.
                return Err(client.in_doubt(ActionError { perhaps_done: !self.all_or_none.0, ..error }, false));
            }
            Ok(Reference::of(parts.iter().rev().find_map(|part| part["body"]["id"].as_str()).unwrap_or("done")))
        };
        let mut output = client.post_once("composite", body, false, read).await?;
        output["parts"] = parts
            .iter()
            .map(|part| json!({"name": part["referenceId"], "status": part["httpStatusCode"], "body": part["body"]}))
            .collect();
        Ok(output)
    }
}

/// The error of the part that failed by itself; the others were only taken back with it.
fn failure(client: &Client<'_>, parts: &[Value]) -> Option<ActionError> {
    let status = |part: &Value| part["httpStatusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
    let failed: Vec<&Value> = parts.iter().filter(|part| status(part) >= 300).collect();
    let own = failed.iter().find(|part| part["body"][0]["errorCode"] != "PROCESSING_HALTED").or(failed.first())?;
    let response = HttpResponse {
        status: status(own),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: own["body"].to_string().into(),
        truncated: false,
        not_followed: None,
    };
    let answer = match read(response.status, &own["body"], &response, client.cx.now) {
        // The request was let in, so this is about a record.
        Answer::Authentication { why } => Answer::Permanent { why, fields: Vec::new() },
        answer => answer,
    };
    let name = own["referenceId"].as_str().unwrap_or_default();
    Some(answer.error(&format!("{}, request {name:?},", client.who()), &response))
}
