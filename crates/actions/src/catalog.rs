//! The catalogue: every action, found by its name.
//!
//! Each file of `catalog/` becomes a module by itself and registers its action when the program starts, so adding an
//! action is adding a file.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{LazyLock, OnceLock},
};

use futures_util::{FutureExt, future::BoxFuture};
use model::Problem;
use serde_json::Value;

use crate::{
    action::{Action, ActionError, Context, ErrorKind, Metadata, Outcome},
    schema,
};

automod::dir!("src/catalog");

inventory::collect!(Entry);

/// One action of the catalogue.
pub struct Entry {
    metadata: Metadata,
    schema_of: fn() -> Value,
    schema: OnceLock<Value>,
    sample: fn() -> Value,
    check: fn(&Value) -> Vec<Problem>,
    parse: fn(Value) -> Result<(), ActionError>,
    literal_hosts: fn(&Value) -> Vec<String>,
    run: for<'a> fn(Value, &'a Context<'_>) -> BoxFuture<'a, Result<Outcome, ActionError>>,
}

impl Entry {
    /// The entry of an action type.
    #[must_use]
    pub const fn of<A: Action>() -> Self {
        Self {
            metadata: A::METADATA,
            schema_of: schema::of::<A::Config>,
            schema: OnceLock::new(),
            sample: A::sample,
            check: A::check,
            parse: |config| typed::<A>(config).map(drop),
            literal_hosts: A::literal_hosts,
            run: run::<A>,
        }
    }

    /// What the catalogue says about it.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The JSON Schema of its config.
    #[must_use]
    pub fn schema(&self) -> &Value {
        self.schema.get_or_init(self.schema_of)
    }

    /// A config as a beginner would write it.
    #[must_use]
    pub fn sample(&self) -> Value {
        (self.sample)()
    }

    /// What is wrong with an unrendered config; paths are relative to it.
    #[must_use]
    pub fn check(&self, config: &Value) -> Vec<Problem> {
        let mut problems = schema::check(self.schema(), config);
        for problem in (self.check)(config) {
            if problems.iter().all(|known| known.path != problem.path) {
                problems.push(problem);
            }
        }
        // A config without templates is what will run: whatever the run would refuse is refused now.
        if problems.is_empty()
            && !schema::has_template(config)
            && let Err(error) = (self.parse)(config.clone())
        {
            problems.push(Problem::at("", error.message));
        }
        problems
    }

    /// The hosts that the unrendered config names literally (contract section 9).
    #[must_use]
    pub fn literal_hosts(&self, config: &Value) -> Vec<String> {
        (self.literal_hosts)(config)
    }

    /// A config, rendered or not, as a log may show it: without secrets.
    #[must_use]
    pub fn redact(&self, config: Value) -> Value {
        schema::redact(self.schema(), config)
    }

    /// Runs it with a rendered config. A panic inside becomes [`ErrorKind::Panicked`].
    pub fn run<'a>(
        &'a self,
        config: Value,
        cx: &'a Context<'_>,
    ) -> BoxFuture<'a, Result<Outcome, ActionError>> {
        (self.run)(config, cx)
    }
}

fn run<'a, A: Action>(config: Value, cx: &'a Context<'_>) -> BoxFuture<'a, Result<Outcome, ActionError>> {
    let run = async move { A::run(typed::<A>(config)?, cx).await };
    Box::pin(AssertUnwindSafe(run).catch_unwind().map(|outcome| {
        // What the panic said goes to the panic hook, not to the tenant: it may hold anything.
        outcome.unwrap_or_else(|_| {
            let message = format!("{} stopped unexpectedly: a fault of this software", A::METADATA.name);
            Err(ActionError::new(ErrorKind::Panicked, message))
        })
    }))
}

fn typed<A: Action>(config: Value) -> Result<A::Config, ActionError> {
    serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        match path.as_str() {
            "." => ActionError::new(ErrorKind::InvalidConfig, format!("the config is not valid: {message}")),
            path => ActionError::invalid(path, message),
        }
    })
}

/// Every action.
pub struct Catalog {
    by_name: BTreeMap<&'static str, &'static Entry>,
    sorted: Vec<&'static Entry>,
}

/// The catalogue of this program.
#[must_use]
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let mut sorted: Vec<&Entry> = inventory::iter::<Entry>().collect();
        sorted.sort_by_key(|entry| (entry.metadata.group, entry.metadata.title));
        let by_name: BTreeMap<_, _> = sorted.iter().map(|entry| (entry.metadata.name, *entry)).collect();
        assert_eq!(by_name.len(), sorted.len(), "two actions have the same name");
        Catalog { by_name, sorted }
    });
    &CATALOG
}

impl Catalog {
    /// The action of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static Entry> {
        self.by_name.get(name).copied()
    }

    /// Every action, by group and title.
    #[must_use]
    pub fn entries(&self) -> &[&'static Entry] {
        &self.sorted
    }

    /// Every name, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.by_name.keys().copied().collect()
    }
}
