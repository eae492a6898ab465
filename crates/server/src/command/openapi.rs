//! `vtrustx openapi`: the API's description, for generators and for the test that compares it with the committed one.

use crate::{
    error::{CommandError, Done},
    output,
};

/// Prints it; needs no store.
pub fn run() -> Done {
    let text = api::openapi().to_pretty_json().map_err(|error| CommandError::said(error.to_string()))?;
    output::say(text);
    Ok(())
}
