//! Workflows in files, read with the API's own functions.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use api::definition::{self, Sent};
use model::{Problem, effect::WorkflowName};
use serde_json::{Value, json};
use store::workflow::slug;

use crate::error::{CommandError, Done};

/// One workflow of a file.
#[derive(Debug)]
pub struct WorkflowFile {
    /// Where it is, for messages.
    pub place: String,
    /// By which it finds its workflow: as written, else made from the name.
    pub key: String,
    written: Value,
    sent: Result<Sent, Vec<Problem>>,
}

impl WorkflowFile {
    fn new(place: String, written: Value) -> Self {
        let sent = Sent::read_file(written.clone());
        let named = || slug(written["name"].as_str().unwrap_or_default());
        let key = written["key"].as_str().map_or_else(named, str::to_owned);
        Self { place, key, written, sent }
    }

    /// Everything that keeps it from running, with the place.
    pub fn problems(&self) -> Vec<(String, Problem)> {
        let problems = match &self.sent {
            Ok(sent) => definition::problems(&sent.whole()),
            Err(problems) => problems.clone(),
        };
        problems.into_iter().map(|problem| (self.place.clone(), problem)).collect()
    }

    /// The workflows that it names outright.
    pub fn calls(&self) -> Vec<WorkflowName> {
        api::callee::names(&self.written)
    }

    /// As it is sent.
    pub fn body(&self) -> Value {
        let mut body = self.written.clone();
        body["key"] = json!(self.key);
        body
    }
}

/// Every workflow of the files, in their order.
pub fn read_all(paths: &[PathBuf]) -> Done<Vec<WorkflowFile>> {
    let mut files = Vec::new();
    for path in paths {
        let text = text_of(path)?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| CommandError::file(path, format_args!("is not JSON: {error}")))?;
        let place = path.display().to_string();
        match value {
            Value::Array(list) => {
                let numbered = list.into_iter().enumerate();
                files.extend(numbered.map(|(at, one)| WorkflowFile::new(format!("{place}[{at}]"), one)));
            }
            // An answer of the API, saved as it came.
            Value::Object(mut answer) if answer.get("success").is_some() && answer.contains_key("data") => {
                files.push(WorkflowFile::new(place, answer.shift_remove("data").unwrap_or_default()));
            }
            one => files.push(WorkflowFile::new(place, one)),
        }
    }
    Ok(files)
}

fn text_of(path: &Path) -> Done<String> {
    if path.as_os_str() != "-" {
        return fs::read_to_string(path).map_err(|error| CommandError::file(path, error));
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| CommandError::file(path, error))?;
    Ok(text)
}
