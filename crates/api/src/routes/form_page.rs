//! `/f/{slug}`: the page where a person answers a form.
//!
//! Plain HTML that is sent once and posts itself back: it works without any script, on any phone, and with a screen reader. When
//! something does not fit, the same page comes back with what was typed and says what to mend. Each page carries an id of its own,
//! so that sending it twice is one submission.

use std::{fmt::Write, sync::LazyLock};

use axum::{
    extract::{RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{Environment, UndefinedBehavior, context};
use model::{
    Problem,
    form::{Form, Question, QuestionType},
    invitation::Invitation,
    submission::SubmissionStatus,
};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::submission::NewSubmission;
use utoipa_axum::router::OpenApiRouter;

use super::submissions::{FormAddress, open_form, take_public};
use crate::{
    App,
    body::{self, Id},
    error::{ApiError, ApiResult},
    limit::PublicForm,
};

/// The routes of this file: pages for people, not a part of the API.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/f/{slug}", get(show).post(send))
}

pub(super) const STYLE: &str = include_str!("form_page/style.css");
/// The field with the page's own id. No question's key contains a dot.
const ID_FIELD: &str = ".id";
/// A scale with more steps than this is asked for as a number.
const MOST_STEPS: f64 = 21.0;

/// The style stands in the page, known by its hash; nothing else is loaded, and nothing runs.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64 and plain text are a header's text")
});

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    pages.set_trim_blocks(true);
    pages.set_lstrip_blocks(true);
    for (name, text) in [
        ("page.html", include_str!("form_page/page.html")),
        ("fields.html", include_str!("form_page/fields.html")),
        ("form.html", include_str!("form_page/form.html")),
        ("approval.html", include_str!("form_page/approval.html")),
        ("unsubscribe.html", include_str!("form_page/unsubscribe.html")),
        ("message.html", include_str!("form_page/message.html")),
    ] {
        pages.add_template(name, text).expect("the page's templates are tested");
    }
    pages
});

/// What was typed or chosen, by question key: several values for a question with several choices.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Typed(Vec<(String, String)>);

impl Typed {
    /// From the body of a form or a query string. Text is text to its last character, but for U+0000, which nobody types.
    fn read(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.replace('\0', ""))).collect())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    /// The page's own id, when it is one that a page was given.
    fn page_id(&self) -> Option<String> {
        let id = self.first(ID_FIELD);
        (id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| id.to_owned())
    }

    /// The answers as the API takes them. What belongs to no question is not read: browsers and their helpers add fields.
    pub(super) fn answers(&self, questions: &[Question]) -> Map<String, Value> {
        let answers = questions.iter().filter_map(|question| {
            let text = self.first(&question.key);
            let answer = match question.kind {
                QuestionType::Consent => Value::Bool(!text.is_empty()),
                QuestionType::MultipleChoice => {
                    let chosen: Vec<Value> =
                        self.all(&question.key).filter(|text| !text.is_empty()).map(Value::from).collect();
                    if chosen.is_empty() {
                        return None;
                    }
                    Value::Array(chosen)
                }
                _ if text.trim().is_empty() => return None,
                QuestionType::Nps
                | QuestionType::Csat
                | QuestionType::Ces
                | QuestionType::Rating
                | QuestionType::Number => number(text),
                QuestionType::Email => Value::from(text.trim()),
                QuestionType::Text
                | QuestionType::LongText
                | QuestionType::SingleChoice
                | QuestionType::Date => Value::from(text),
            };
            Some((question.key.clone(), answer))
        });
        answers.collect()
    }
}

/// A number where the text is one; else the text, for the check to refuse. A comma is a decimal point to most of the world.
fn number(text: &str) -> Value {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    match text.replace(',', ".").parse::<f64>() {
        Ok(number) if number.is_finite() => Value::from(number),
        _ => Value::from(text),
    }
}

/// Shows the form. The query may bring answers along: `?q_nps=9` in a mail's link.
async fn show(
    State(app): State<App>,
    address: Result<Id<FormAddress>, ApiError>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    match found(&app, address).await {
        Ok(form) if query == "sent" => thanks(&form),
        Ok(form) => empty(&form, &query),
        Err(error) => fault(&error),
    }
}

/// The form to be answered, with what an address brings along.
pub(super) fn empty(form: &Form, query: &str) -> Response {
    let id = page_id();
    page(&Shown { form, typed: Typed::read(query.as_bytes()), id: &id, problems: &[], fault: None })
}

pub(super) fn thanks(form: &Form) -> Response {
    message(StatusCode::OK, &form.name, "Thank you!", "Your answers have arrived.")
}

/// To the page that says thank you: the address alone, so that reloading it sends nothing again.
pub(super) fn sent() -> Response {
    with_policy(Redirect::to("?sent").into_response())
}

/// Who answers a form.
#[derive(Debug, Clone, Copy)]
pub(super) enum By<'a> {
    /// Whoever has the form's address.
    Anybody,
    /// The contact whom this invitation was for.
    Invited(&'a Invitation),
}

/// Takes the answers and says thank you, or shows the page again with what is to be mended.
async fn send(
    State(app): State<App>,
    address: Result<Id<FormAddress>, ApiError>,
    limit: Result<PublicForm, ApiError>,
    request: Request,
) -> Response {
    match found(&app, address).await {
        Ok(form) => take(&app, &form, By::Anybody, limit, request).await,
        Err(error) => fault(&error),
    }
}

/// Takes the answers that a page sends.
pub(super) async fn take(
    app: &App,
    form: &Form,
    by: By<'_>,
    limit: Result<PublicForm, ApiError>,
    request: Request,
) -> Response {
    let typed = match read(request).await {
        Ok(typed) => typed,
        Err(error) => return fault(&error),
    };
    let id = typed.page_id().unwrap_or_else(page_id);
    // An invitation is answered once, by however many pages.
    let (contact, origin, key) = match by {
        By::Anybody => (None, "page", id.clone()),
        By::Invited(invitation) => (Some(invitation.contact_id), "invitation", invitation.id.to_string()),
    };
    let taken = async {
        limit?;
        let new = NewSubmission {
            form: form.id,
            contact,
            external_id: None,
            status: SubmissionStatus::Completed,
            data: typed.answers(&form.questions),
            language: None,
            tags: Vec::new(),
        };
        take_public(app, form, new, Some(key), origin).await
    };
    match taken.await {
        Ok(_) => sent(),
        Err(error) if error.status == StatusCode::UNPROCESSABLE_ENTITY && !error.details.is_empty() => {
            page(&Shown { form, typed, id: &id, problems: &error.details, fault: None })
        }
        Err(error) => page(&Shown { form, typed, id: &id, problems: &[], fault: Some(&error) }),
    }
}

/// The form at an address that may be no text at all.
async fn found(app: &App, address: Result<Id<FormAddress>, ApiError>) -> ApiResult<Form> {
    let Id(FormAddress(slug)) = address?;
    open_form(app, &slug).await
}

pub(super) async fn read(request: Request) -> ApiResult<Typed> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "this page takes what its own form sends; programs send JSON to /public/forms/{slug}/submissions",
        ));
    }
    Ok(Typed::read(&body::bytes(request).await?))
}

/// Nobody guesses it: whoever knows it has the page.
fn page_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        write!(id, "{byte:02x}").expect("text takes text");
        id
    })
}

/// A form as it stands before the person.
struct Shown<'a> {
    form: &'a Form,
    typed: Typed,
    /// The page's own id.
    id: &'a str,
    /// What is wrong with the answers.
    problems: &'a [Problem],
    /// Why the answers could not be taken, whatever they are.
    fault: Option<&'a ApiError>,
}

/// A question as the template draws it.
#[derive(Debug, Serialize)]
pub(super) struct Field<'a> {
    key: &'a str,
    label: &'a str,
    required: bool,
    control: Control,
    /// What was typed, for controls of text.
    value: &'a str,
    /// What can be chosen.
    choices: Vec<Choice>,
    /// What the ends of a scale mean.
    ends: Option<(&'static str, &'static str)>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Control {
    Scale,
    Stars,
    Radios,
    Checks,
    Consent,
    Line,
    Lines,
    Email,
    Number,
    Date,
}

#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    chosen: bool,
}

pub(super) fn field<'a>(question: &'a Question, typed: &'a Typed, problems: &[Problem]) -> Field<'a> {
    let (min, max) = question.range();
    let steps = max - min;
    let control = match question.kind {
        QuestionType::Nps | QuestionType::Csat | QuestionType::Ces | QuestionType::Rating
            if steps >= MOST_STEPS || min.fract() != 0.0 =>
        {
            Control::Number
        }
        QuestionType::Rating => Control::Stars,
        QuestionType::Nps | QuestionType::Csat | QuestionType::Ces => Control::Scale,
        QuestionType::Text => Control::Line,
        QuestionType::LongText => Control::Lines,
        QuestionType::Email => Control::Email,
        QuestionType::Number => Control::Number,
        QuestionType::SingleChoice => Control::Radios,
        QuestionType::MultipleChoice => Control::Checks,
        QuestionType::Date => Control::Date,
        QuestionType::Consent => Control::Consent,
    };
    let values: Vec<String> = match control {
        Control::Scale | Control::Stars => {
            (0..=steps as i64).map(|step| (min as i64 + step).to_string()).collect()
        }
        Control::Radios | Control::Checks => question.options.clone(),
        Control::Consent => vec!["yes".to_owned()],
        Control::Line | Control::Lines | Control::Email | Control::Number | Control::Date => Vec::new(),
    };
    let is_chosen = |value: &str| typed.all(&question.key).any(|typed| typed == value);
    let choices = values.into_iter().map(|value| Choice { chosen: is_chosen(&value), value }).collect();
    let ends = match question.kind {
        QuestionType::Nps => Some(("Not at all likely", "Extremely likely")),
        QuestionType::Csat => Some(("Very dissatisfied", "Very satisfied")),
        _ => None,
    };
    let path = format!("data.{}", question.key);
    let error =
        problems.iter().find(|problem| problem.path == path).map(|problem| in_words(&problem.message));
    Field {
        key: &question.key,
        label: &question.label,
        required: question.required,
        control,
        value: typed.first(&question.key),
        choices,
        ends: ends.filter(|_| control == Control::Scale),
        error,
    }
}

/// The message of a check as a sentence for the person who answers.
fn in_words(message: &str) -> String {
    if message.starts_with("is required") {
        return "Please answer this question.".to_owned();
    }
    format!("This {message}.")
}

fn page(shown: &Shown<'_>) -> Response {
    let fields: Vec<Field<'_>> = {
        let questions = shown.form.questions.iter();
        questions.map(|question| field(question, &shown.typed, shown.problems)).collect()
    };
    let status = match shown.fault {
        Some(error) => error.status,
        None if shown.problems.is_empty() => StatusCode::OK,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let errors = fields.iter().filter(|field| field.error.is_some()).count();
    let context = context! {
        style => STYLE,
        title => shown.form.name,
        description => shown.form.description,
        id_field => ID_FIELD,
        id => shown.id,
        fault => shown.fault.map(apology),
        errors,
        fields,
    };
    let mut response = render(status, "form.html", context);
    if let Some(after) = shown.fault.and_then(|error| error.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// Why the answers could not be taken, for the person who gave them.
fn apology(error: &ApiError) -> &'static str {
    match error.status {
        StatusCode::TOO_MANY_REQUESTS => {
            "Many answers have come from your network just now. Please wait a minute and send yours again."
        }
        StatusCode::CONFLICT | StatusCode::GONE => "This form was closed in the meantime.",
        _ => "Your answers could not be saved just now. Please send them again in a moment.",
    }
}

/// A page that says why there is no form.
pub(super) fn fault(error: &ApiError) -> Response {
    let (heading, text) = match error.status {
        StatusCode::NOT_FOUND => {
            ("There is no form here", "Please check the address: perhaps a part of the link is missing.")
        }
        StatusCode::GONE => ("This form is closed", "It takes no more answers. Thank you for your interest!"),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "That was too long",
            "Your answers are longer than we can take. Please go back and shorten them.",
        ),
        status if status.is_client_error() => {
            ("That did not work", "Your answers could not be read. Please go back and send them again.")
        }
        _ => ("Please try again", "The form cannot be shown just now. Please try again in a moment."),
    };
    message(error.status, heading, heading, text)
}

pub(super) fn message(status: StatusCode, title: &str, heading: &str, text: &str) -> Response {
    render(status, "message.html", context! { style => STYLE, title, heading, text })
}

pub(super) fn render(status: StatusCode, template: &str, context: minijinja::Value) -> Response {
    match PAGES.get_template(template).and_then(|template| template.render(context)) {
        Ok(html) => with_policy((status, Html(html)).into_response()),
        Err(error) => ApiError::internal(error).into_response(),
    }
}

fn with_policy(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    // Each page has an id of its own, and may hold what someone typed.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
