//! A JSON document that is read in many places and written into several rows: shared, and put into text once.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

/// A document. What it derefs to is read; to change it, take it out.
#[derive(Clone, Default)]
pub struct Document(Arc<Inner>);

#[derive(Default)]
struct Inner {
    value: Value,
    text: OnceLock<String>,
}

impl Document {
    /// As text, which is made the first time that somebody asks.
    #[must_use]
    pub fn text(&self) -> &str {
        let text = || serde_json::to_string(&self.0.value).expect("a document has text keys");
        self.0.text.get_or_init(text)
    }

    /// The document itself; a copy when others have it too.
    #[must_use]
    pub fn into_value(self) -> Value {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.value.clone(), |inner| inner.value)
    }
}

impl Deref for Document {
    type Target = Value;
    fn deref(&self) -> &Value {
        &self.0.value
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self(Arc::new(Inner { value, text: OnceLock::new() }))
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}
