//! Microsoft Teams: a Workflows address that takes an adaptive card. It says yes with 202, and the older kind said no with 200 and a text.

use serde_json::Value;

use super::{Answer, System, object, target};
use crate::sink::Request;

/// A channel with one workflow.
#[derive(Debug, Default)]
pub struct Teams {
    /// The cards that were posted.
    pub cards: Vec<Value>,
    /// The workflow was turned off.
    pub is_off: bool,
    /// The next post answers so.
    pub says: Option<Answer>,
}

/// The path of the workflow, whose query is its secret.
pub const WEBHOOK: &str = "/workflows/abc/triggers/manual/paths/invoke?api-version=1&sig=canary-5ecret";

impl System for Teams {
    fn answer(&mut self, request: &Request) -> Answer {
        let error = |status, code: &str, message: &str| {
            Answer::new(status, serde_json::json!({"error": {"code": code, "message": message}}))
        };
        let (_, query) = target(request);
        if query.get("sig").and_then(Value::as_str) != Some("canary-5ecret") {
            return error(401, "DirectApiAuthorizationRequired", "The request must be authenticated.");
        }
        if self.is_off {
            return error(404, "WorkflowNotFound", "The workflow was not found.");
        }
        if let Some(answer) = self.says.take() {
            return answer;
        }
        if request.method != "POST" {
            return error(405, "MethodNotAllowed", "The method is not allowed.");
        }
        if request.body.len() > 28 * 1024 {
            let said = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x";
            return Answer::new(200, said.into());
        }
        let message = object(request).unwrap_or_default();
        let attachment = message.get("attachments").and_then(|list| list.get(0)).cloned().unwrap_or_default();
        let card = &attachment["content"];
        let is_card = message.get("type").and_then(Value::as_str) == Some("message")
            && attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
            && card["type"] == "AdaptiveCard"
            && card["version"].is_string()
            && card["body"].as_array().is_some_and(|body| !body.is_empty());
        if !is_card {
            return error(400, "InvalidCard", "The card is not valid.")
                .violating("a message is an adaptive card");
        }
        self.cards.push(card.clone());
        Answer::new(202, Value::Null)
    }

    fn limited(&self) -> Answer {
        let said = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
        Answer::new(200, said.into())
    }
}
