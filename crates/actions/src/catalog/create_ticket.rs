//! `create_ticket`: a case for the team.

use model::{
    ContactId, SubmissionId, UserId,
    effect::{Effect, Link, NewTicket},
    entity::LONGEST_TAG,
    ticket::{TicketPriority, TicketStatus},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Choice, Fields, Id, List, Optional, Span, Text},
};

struct CreateTicket;

inventory::submit!(Registration::of::<CreateTicket>());

/// A new ticket.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// One line that says what it is about.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    title: Text,
    /// The whole story.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    description: Optional<Text>,
    /// How soon it needs attention.
    #[serde(default)]
    #[schemars(extend("default" = "normal"))]
    priority: Optional<Choice<TicketPriority>>,
    /// Where it stands at first.
    #[serde(default)]
    #[schemars(extend("default" = "open"))]
    status: Optional<Choice<TicketStatus>>,
    /// The user who shall work on it.
    #[serde(default)]
    #[schemars(extend("format" = "user-id"))]
    assignee: Optional<Id<UserId>>,
    /// How soon it is to be answered, such as `4h`. Left empty, it is as soon as the settings say for its priority (`sla.due_in`).
    #[serde(default)]
    due_in: Optional<Span>,
    /// Whom it is about. Left empty, it is the contact of the event.
    #[serde(default)]
    #[schemars(extend("format" = "contact-id"))]
    contact_id: Optional<Id<ContactId>>,
    /// The answer that caused it. Left empty, it is the submission of the event.
    #[serde(default)]
    #[schemars(extend("format" = "submission-id"))]
    submission_id: Optional<Id<SubmissionId>>,
    /// Tags: a list, or text with commas between.
    #[serde(default)]
    tags: Optional<List>,
    /// Whatever else shall be kept with it.
    #[serde(default)]
    attributes: Optional<Fields>,
}

impl Action for CreateTicket {
    const METADATA: Metadata = Metadata {
        name: "create_ticket",
        title: "Create a ticket",
        description: "Opens a ticket for the team, linked to the contact and the submission of the event.",
        group: "Records",
        icon: "ticket",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "title": "Unhappy customer: {{contact.name | default(\"unknown\")}}",
            "description": "Score {{submission.data.q_nps}}: {{submission.data.q_feedback}}",
            "priority": "high",
        })
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let title = config.title.line(255).ok_or_else(|| ActionError::invalid("title", "is empty"))?;
        let mut tags: Vec<String> = Vec::new();
        for tag in config.tags.0.unwrap_or_default().0 {
            let tag = Text(tag).line(LONGEST_TAG).unwrap_or_default();
            if !tag.is_empty() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Ok(Outcome::Apply(Effect::TicketCreate(NewTicket {
            title,
            description: config.description.0.and_then(|text| text.block(65_536)),
            status: config.status.0.map_or(TicketStatus::Open, |status| status.0),
            priority: config.priority.0.map_or(TicketPriority::Normal, |priority| priority.0),
            assignee_id: config.assignee.0.map(|id| id.0),
            contact: Link::new(config.contact_id.0.map(|id| id.0), cx.contact),
            due_at: config.due_in.0.map(|span| cx.now.plus(span.0)),
            submission: Link::new(config.submission_id.0.map(|id| id.0), cx.submission),
            tags,
            attributes: config.attributes.0.unwrap_or_default().0,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    async fn ticket(config: Value) -> NewTicket {
        match Workbench::new().run("create_ticket", config).await {
            Ok(Outcome::Apply(Effect::TicketCreate(ticket))) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn defaults_come_from_the_event() {
        let ticket = ticket(json!({"title": "Broken", "assignee": "", "priority": null})).await;
        assert_eq!(
            ticket,
            NewTicket {
                title: "Broken".into(),
                description: None,
                status: TicketStatus::Open,
                priority: TicketPriority::Normal,
                assignee_id: None,
                contact: Link::OfEvent(ContactId::new(7)),
                submission: Link::OfEvent(SubmissionId::new(70)),
                due_at: None,
                tags: Vec::new(),
                attributes: serde_json::Map::new(),
            }
        );
    }

    #[tokio::test]
    async fn what_is_given_wins() {
        let ticket = ticket(json!({
            "title": format!("Score\n{}", "9".repeat(300)), "description": {"q": 1}, "priority": "URGENT",
            "status": "pending", "assignee": "5", "contactId": 8.0, "submissionId": 80,
            "tags": "vip, nps,vip", "dueIn": "4h", "attributes": {"source": "survey"},
        }))
        .await;
        assert_eq!(ticket.title.chars().count(), 255);
        assert_eq!(ticket.description.as_deref(), Some(r#"{"q":1}"#));
        assert_eq!((ticket.priority, ticket.status), (TicketPriority::Urgent, TicketStatus::Pending));
        assert_eq!(ticket.assignee_id, Some(UserId::new(5)));
        let expected = (Link::Named(ContactId::new(8)), Link::Named(SubmissionId::new(80)));
        assert_eq!((ticket.contact, ticket.submission), expected);
        assert_eq!(ticket.tags, ["vip", "nps"]);
        assert_eq!(ticket.due_at, "2026-02-14T14:30:00Z".parse().ok());
    }

    #[tokio::test]
    async fn faults_are_named_by_their_path() {
        let bench = Workbench::new();
        for (config, message) in [
            (json!({"title": " "}), "title: is empty"),
            (json!({"title": "x", "assignee": "Ann"}), "assignee: \"Ann\" is not an id: a whole number from 1 to 9007199254740991 is needed"),
            (json!({"title": "x", "priority": "medium"}), "priority: \"medium\" is not one of low, normal, high, urgent"),
            (json!({"title": "x", "attributes": 3}), "attributes: 3 is not an object"),
        ] {
            let error = bench.run("create_ticket", config).await.unwrap_err();
            assert_eq!(error.message, format!("the config is not valid: {message}"));
        }
    }
}
