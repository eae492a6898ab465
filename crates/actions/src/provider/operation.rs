//! What a provider can do: a payload type whose schema is the form, and what is done with it.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Client;
use crate::{
    action::{ActionError, ErrorKind},
    input::{Fields, Optional, Text},
    schema,
};

/// Something that a provider can do. The type is its payload; its doc comments are what people read in the form.
pub trait Operate: DeserializeOwned + JsonSchema + Send {
    /// The `action` of a step.
    const NAME: &'static str;
    /// A few words for a person.
    const TITLE: &'static str;
    /// One or two sentences for a person: also what happens when it is done again.
    const DESCRIPTION: &'static str;

    /// A payload as a beginner would write it.
    fn sample() -> Value;

    /// Does it. The value has at least `id` and `created` where it is about one record.
    fn perform(self, client: &Client<'_>) -> impl Future<Output = Result<Value, ActionError>> + Send;
}

/// An operation with its payload type forgotten.
pub struct Operation {
    /// The `action` of a step.
    pub name: &'static str,
    /// A few words for a person.
    pub title: &'static str,
    /// One or two sentences for a person.
    pub description: &'static str,
    /// The JSON Schema of the payload.
    pub schema: Value,
    /// A payload as a beginner would write it.
    pub sample: Value,
    perform: for<'a> fn(Value, &'a Client<'a>) -> BoxFuture<'a, Result<Value, ActionError>>,
}

impl Operation {
    /// That of a payload type.
    #[must_use]
    pub fn of<O: Operate>() -> Self {
        Self {
            name: O::NAME,
            title: O::TITLE,
            description: O::DESCRIPTION,
            schema: schema::of::<O>(),
            sample: O::sample(),
            perform: perform::<O>,
        }
    }

    /// Does it with a rendered payload.
    pub fn perform<'a>(
        &self,
        payload: Value,
        client: &'a Client<'a>,
    ) -> BoxFuture<'a, Result<Value, ActionError>> {
        (self.perform)(payload, client)
    }
}

fn perform<'a, O: Operate>(
    payload: Value,
    client: &'a Client<'a>,
) -> BoxFuture<'a, Result<Value, ActionError>> {
    Box::pin(async move {
        let payload: O = serde_path_to_error::deserialize(payload).map_err(|error| {
            let path = error.path().to_string();
            let at = if path == "." { "payload".to_owned() } else { format!("payload.{path}") };
            ActionError::new(
                ErrorKind::InvalidConfig,
                format!("the config is not valid: {at}: {}", error.into_inner()),
            )
        })?;
        payload.perform(client).await
    })
}

/// What stands beside a payload's own fields, with what stands in its `fields`, which counts more.
pub(crate) fn merged(mut further: Map<String, Value>, fields: Optional<Fields>) -> Map<String, Value> {
    further.extend(fields.0.unwrap_or_default().0);
    further
}

/// An address by which somebody is found.
pub(crate) fn email(text: &Text) -> Result<String, ActionError> {
    let email = text.0.trim().to_lowercase();
    if email.contains('@') {
        Ok(email)
    } else {
        Err(ActionError::invalid("payload.email", "is not an e-mail address"))
    }
}

/// Where an interface is: at its own address where one is given.
pub(crate) fn endpoint(own: Optional<Text>, standard: impl Into<String>) -> String {
    let own = own.0.and_then(|text| text.line(2_000)).unwrap_or_else(|| standard.into());
    own.trim_end_matches('/').to_owned()
}
