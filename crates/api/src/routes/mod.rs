//! One file for each resource: what goes in and out, the handlers, and `routes()`.

pub mod alerts;
pub mod api_keys;
pub mod approval_page;
pub mod approvals;
pub mod authorizations;
pub mod catalogue;
pub mod contacts;
pub mod decisions;
pub mod docs;
pub mod email_reports;
pub mod events;
pub mod executions;
pub mod form_page;
pub mod forms;
pub mod front_page;
pub mod health;
pub mod hooks;
pub mod integrations;
pub mod invitation_page;
pub mod invitations;
pub mod jobs;
pub mod live;
pub mod metrics;
pub mod notifications;
pub mod outbox;
pub mod session;
pub mod settings;
pub mod sign_in;
pub mod statistics;
pub mod submissions;
pub mod suppressions;
pub mod tags;
pub mod templates;
pub mod tickets;
pub mod unsubscribe_page;
pub mod users;
pub mod workflow_files;
pub mod workflow_moves;
pub mod workflow_runs;
pub mod workflow_versions;
pub mod workflows;

use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// Every route with its description.
pub(crate) fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(alerts::routes())
        .merge(api_keys::routes())
        .merge(authorizations::routes())
        .merge(approval_page::routes())
        .merge(approvals::routes())
        .merge(catalogue::routes())
        .merge(contacts::routes())
        .merge(decisions::routes())
        .merge(docs::routes())
        .merge(email_reports::routes())
        .merge(events::routes())
        .merge(executions::routes())
        .merge(form_page::routes())
        .merge(forms::routes())
        .merge(health::routes())
        .merge(hooks::routes())
        .merge(integrations::routes())
        .merge(invitation_page::routes())
        .merge(invitations::routes())
        .merge(jobs::routes())
        .merge(live::routes())
        .merge(metrics::routes())
        .merge(notifications::routes())
        .merge(outbox::routes())
        .merge(session::routes())
        .merge(settings::routes())
        .merge(sign_in::routes())
        .merge(statistics::routes())
        .merge(submissions::routes())
        .merge(suppressions::routes())
        .merge(tags::routes())
        .merge(templates::routes())
        .merge(tickets::routes())
        .merge(unsubscribe_page::routes())
        .merge(users::routes())
        .merge(workflow_files::routes())
        .merge(workflow_moves::routes())
        .merge(workflow_runs::routes())
        .merge(workflow_versions::routes())
        .merge(workflows::routes())
}
