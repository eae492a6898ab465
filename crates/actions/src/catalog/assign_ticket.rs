//! `assign_ticket`: a ticket to whoever of a team has least to do.

use model::{Problem, TicketId, UserId, effect::{Effect, Team}, user::Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Choice, Id, List, Optional},
};

struct AssignTicket;

inventory::submit!(Registration::of::<AssignTicket>());

/// A ticket and who may get it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The ticket.
    #[schemars(extend("format" = "record-id"))]
    ticket_id: Id<TicketId>,
    /// The users among whom it is given: their ids, a list or with commas between. Left empty, it is everybody of the role.
    #[serde(default)]
    users: Optional<List>,
    /// Everybody with this role. With users as well, those of them who have it.
    #[serde(default)]
    role: Optional<Choice<Role>>,
    /// Who gets it when everybody of the team is away. Left empty, the ticket stays as it is, and the output says why: `assigneeId` is null.
    #[serde(default)]
    #[schemars(extend("format" = "user-id"))]
    stand_in: Optional<Id<UserId>>,
}

impl Action for AssignTicket {
    const METADATA: Metadata = Metadata {
        name: "assign_ticket",
        title: "Assign a ticket in turn",
        description: "Gives a ticket to the one of a team who has the fewest open tickets; of several, to the one whose last ticket is the oldest. Who is away, or no member any more, is passed over.",
        group: "Records",
        icon: "user-check",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"ticketId": "{{steps.s1.output.ticketId}}", "role": "editor"})
    }

    fn check(config: &Value) -> Vec<Problem> {
        let given = |field: &str| config.get(field).is_some_and(|value| !value.is_null() && value != "" && *value != json!([]));
        if config.is_object() && !given("users") && !given("role") {
            return vec![Problem::at("users", "is missing: users among whom the ticket is given, or a role")];
        }
        Vec::new()
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let users = config.users.0.unwrap_or_default().0;
        let users: Result<Vec<UserId>, ActionError> = users
            .iter()
            .map(|text| text.trim().parse().map_err(|error| ActionError::invalid("users", format!("{text:?} {error}"))))
            .collect();
        let team = Team { users: users?, role: config.role.0.map(|role| role.0), stand_in: config.stand_in.0.map(|id| id.0) };
        if team.users.is_empty() && team.role.is_none() {
            return Err(ActionError::invalid("users", "is empty: users among whom the ticket is given, or a role"));
        }
        Ok(Outcome::Apply(Effect::TicketAssign { ticket: config.ticket_id.0, team }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_ticket_and_the_team() {
        let bench = Workbench::new();
        let outcome = bench.run("assign_ticket", json!({"ticketId": "9", "users": "3, 4", "role": "", "standIn": "5"})).await.unwrap();
        let team = Team { users: vec![UserId::new(3), UserId::new(4)], role: None, stand_in: Some(UserId::new(5)) };
        assert_eq!(outcome, Outcome::Apply(Effect::TicketAssign { ticket: TicketId::new(9), team }));
        for (config, message) in [
            (json!({"ticketId": 9, "users": "me"}), "users: \"me\" is not an id"),
            (json!({"ticketId": 9, "users": ""}), "users: is empty: users among"),
        ] {
            let error = bench.run("assign_ticket", config).await.unwrap_err();
            assert!(error.message.contains(message), "{}", error.message);
        }
    }
}
