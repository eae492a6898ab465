//! `/approve/{token}`: the page behind the link in a mail that asks for a decision. Fetching it changes nothing, for programs that scan mails fetch every link;
//! only its form decides. It is sent once and posts itself back, so it works without any script.

use axum::{
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use minijinja::context;
use model::{
    Problem, TenantId,
    approval::{Approval, ApprovalState, Decision},
};
use store::{
    StoreError,
    approval::{Admission, Decider, Known, Ruled, Ruling, approval_decide, approval_get, link},
};
use utoipa_axum::router::OpenApiRouter;

use super::form_page::{Field, STYLE, Typed, field, message, read, render};
use crate::{
    App,
    error::{ApiError, ApiResult},
    limit::PublicForm,
};

/// The routes of this file: a page for people, not a part of the API.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/approve/{token}", get(show).post(send))
}

/// Fields of the page itself. No question's key contains a dot.
const DECISION_FIELD: &str = ".decision";
const COMMENT_FIELD: &str = ".comment";

/// Who has a link, and to what.
struct Asked {
    tenant: TenantId,
    approval: Approval,
    decider: Decider,
}

async fn show(
    State(app): State<App>,
    token: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Response {
    let Ok(Path(token)) = token else { return nothing_here() };
    closed(match asked(&app, &token).await {
        Ok(Ok(asked)) => page(&asked.approval, &Typed::default(), &[], None),
        Ok(Err(said)) => said,
        Err(error) => fault(&error),
    })
}

async fn send(
    State(app): State<App>,
    token: Result<Path<String>, axum::extract::rejection::PathRejection>,
    limit: Result<PublicForm, ApiError>,
    request: Request,
) -> Response {
    let Ok(Path(token)) = token else { return nothing_here() };
    closed(match decided(&app, &token, limit, request).await {
        Ok(response) => response,
        Err(error) => fault(&error),
    })
}

async fn decided(
    app: &App,
    token: &str,
    limit: Result<PublicForm, ApiError>,
    request: Request,
) -> ApiResult<Response> {
    let Asked { tenant, approval, decider } = match asked(app, token).await? {
        Ok(asked) => asked,
        Err(said) => return Ok(said),
    };
    let typed = read(request).await?;
    limit?;
    let decision = match typed.first(DECISION_FIELD) {
        "approved" => Decision::Approved,
        "rejected" => Decision::Rejected,
        _ => return Ok(page(&approval, &typed, &[], Some("Please choose Approve or Reject."))),
    };
    let comment = Some(typed.first(COMMENT_FIELD).to_owned());
    let ruling = Ruling { decision, comment, form: typed.answers(&approval.form) };
    let id = approval.id;
    let ruled = app
        .store
        .write(move |tx| Box::pin(async move { approval_decide(tx, tenant, &decider, id, ruling).await }));
    match ruled.await {
        // The address alone: reloading the page that follows decides nothing again.
        Ok(Ruled::Done(_) | Ruled::NotAsked | Ruled::IsSelf) | Err(StoreError::Conflict { .. }) => {
            Ok(Redirect::to("?decided").into_response())
        }
        Err(StoreError::Refused(problems)) => {
            let fault = problems.iter().find(|problem| problem.path == "comment");
            let fault = fault.map(|problem| format!("Comment: {}.", problem.message));
            Ok(page(&approval, &typed, &problems, fault.as_deref()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a link is to, or the page that says why there is nothing to decide.
async fn asked(app: &App, token: &str) -> ApiResult<Result<Asked, Response>> {
    let Some((tenant, id, address)) = link::open(&app.secrets(), token) else {
        return Ok(Err(nothing_here()));
    };
    let mut connection = app.store.read(tenant).await?;
    let approval = match approval_get(&mut connection, tenant, id).await {
        Ok(approval) => approval,
        Err(StoreError::Missing(_)) => return Ok(Err(nothing_here())),
        Err(error) => return Err(error.into()),
    };
    let decider = Decider::Address(address);
    let who = match Known::of(&mut connection, tenant, &decider).await?.admission(&approval) {
        Admission::As(who) => who,
        Admission::NotAsked => return Ok(Err(nothing_here())),
        Admission::IsSelf => {
            let text = "It is about something that you have started yourself.";
            return Ok(Err(message(
                StatusCode::FORBIDDEN,
                &approval.title,
                "Somebody else has to decide this",
                text,
            )));
        }
    };
    if let Some(said) = over(&approval, &who, app) {
        return Ok(Err(said));
    }
    Ok(Ok(Asked { tenant, approval, decider }))
}

/// Why there is nothing to decide any more.
fn over(approval: &Approval, who: &str, app: &App) -> Option<Response> {
    let own = approval.decisions.iter().find(|decided| decided.by == who);
    let (heading, text) = match (approval.state, own) {
        (ApprovalState::Approved, _) => ("This was approved", "Thank you. There is nothing more to do."),
        (ApprovalState::Rejected, _) => ("This was rejected", "Thank you. There is nothing more to do."),
        (ApprovalState::Cancelled, _) => {
            ("This is not needed any more", "What it was about has ended or gone on without it.")
        }
        (ApprovalState::TimedOut, _) => ("The time for this is over", "It cannot be decided any more."),
        (ApprovalState::Open, Some(_)) => {
            ("Thank you", "Your decision has arrived. Others have yet to decide.")
        }
        (ApprovalState::Open, None) if app.store.now() >= approval.timeout_at => {
            ("The time for this is over", "It cannot be decided any more.")
        }
        (ApprovalState::Open, None) => return None,
    };
    Some(message(StatusCode::OK, &approval.title, heading, text))
}

fn page(approval: &Approval, typed: &Typed, problems: &[Problem], fault: Option<&str>) -> Response {
    // The page's fields are those of a form, where the answers are called data.
    let problems: Vec<Problem> = problems
        .iter()
        .map(|problem| Problem::at(problem.path.replacen("form.", "data.", 1), problem.message.clone()))
        .collect();
    let fields: Vec<Field<'_>> =
        approval.form.iter().map(|question| field(question, typed, &problems)).collect();
    let errors = fields.iter().filter(|field| field.error.is_some()).count();
    let status =
        if errors > 0 || fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let context = context! {
        style => STYLE,
        title => approval.title,
        description => approval.message,
        comment => typed.first(COMMENT_FIELD),
        comment_field => COMMENT_FIELD,
        decision_field => DECISION_FIELD,
        fault,
        errors,
        fields,
    };
    render(status, "approval.html", context)
}

fn nothing_here() -> Response {
    let text = "Please check the address: perhaps a part of the link is missing. Or it was a long time ago.";
    message(StatusCode::NOT_FOUND, "Nothing to decide", "There is nothing to decide here", text)
}

fn fault(error: &ApiError) -> Response {
    let (heading, text) = match error.status {
        StatusCode::TOO_MANY_REQUESTS => {
            ("Please wait a minute", "Much has come from your network just now.")
        }
        status if status.is_client_error() => {
            ("That did not work", "What was sent could not be read. Please go back and send it again.")
        }
        _ => ("Please try again", "This cannot be shown just now. Please try again in a moment."),
    };
    message(error.status, heading, heading, text)
}

/// The address holds the token: it must reach no other page.
pub(super) fn closed(mut response: Response) -> Response {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
