//! The catalogue: every action, found by its name.
//!
//! Each file of `catalog/` becomes a module by itself and registers its action when the program starts, so adding an
//! action is adding a file.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::LazyLock, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use model::Problem;
use rules::definition::ActionCatalog;
use serde_json::Value;

use crate::{
    action::{Action, ActionError, Context, ErrorKind, Metadata, Outcome},
    schema,
};

automod::dir!("src/catalog");

inventory::collect!(Registration);

/// What an action's file hands in: the action's functions, with its config type forgotten.
pub struct Registration {
    metadata: Metadata,
    schema: fn() -> Value,
    sample: fn() -> Value,
    check: fn(&Value) -> Vec<Problem>,
    parse: fn(Value) -> Result<(), ActionError>,
    literal_hosts: fn(&Value) -> Vec<String>,
    timeout: fn(&Value) -> Option<Duration>,
    run: for<'a> fn(Value, &'a Context<'_>) -> BoxFuture<'a, Result<Outcome, ActionError>>,
}

impl Registration {
    /// That of an action type.
    #[must_use]
    pub const fn of<A: Action>() -> Self {
        Self {
            metadata: A::METADATA,
            schema: schema::of::<A::Config>,
            sample: A::sample,
            check: A::check,
            parse: |config| typed::<A>(config).map(drop),
            literal_hosts: A::literal_hosts,
            timeout: A::timeout,
            run: run::<A>,
        }
    }
}

/// One action of the catalogue.
pub struct Entry {
    action: &'static Registration,
    schema: Value,
}

impl Entry {
    /// What the catalogue says about it.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.action.metadata
    }

    /// The JSON Schema of its config.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// A config as a beginner would write it.
    #[must_use]
    pub fn sample(&self) -> Value {
        (self.action.sample)()
    }

    /// What is wrong with an unrendered config; paths are relative to it.
    #[must_use]
    pub fn check(&self, config: &Value) -> Vec<Problem> {
        let mut problems = rules::schema::check(self.schema(), config, "");
        for problem in (self.action.check)(config) {
            if problems.iter().all(|known| known.path != problem.path) {
                problems.push(problem);
            }
        }
        // A config without templates is what will run: whatever the run would refuse is refused now.
        if problems.is_empty()
            && !schema::has_template(config)
            && let Err(error) = (self.action.parse)(config.clone())
        {
            problems.push(Problem::at("", error.message));
        }
        problems
    }

    /// The hosts that the unrendered config names literally (contract section 9).
    #[must_use]
    pub fn literal_hosts(&self, config: &Value) -> Vec<String> {
        (self.action.literal_hosts)(config)
    }

    /// How long a rendered config asks the step to take.
    #[must_use]
    pub fn timeout(&self, config: &Value) -> Option<Duration> {
        (self.action.timeout)(config)
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
        (self.action.run)(config, cx)
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
    if !config.is_object() {
        return Err(ActionError::new(
            ErrorKind::InvalidConfig,
            "the config is not valid: it must be an object",
        ));
    }
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
    entries: Vec<Entry>,
    by_name: BTreeMap<&'static str, usize>,
}

/// The catalogue of this program.
#[must_use]
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let registered = inventory::iter::<Registration>();
        let mut entries: Vec<Entry> =
            registered.map(|action| Entry { action, schema: (action.schema)() }).collect();
        entries.sort_by_key(|entry| (entry.metadata().group, entry.metadata().title));
        let by_name: BTreeMap<_, _> =
            entries.iter().enumerate().map(|(place, entry)| (entry.metadata().name, place)).collect();
        assert_eq!(by_name.len(), entries.len(), "two actions have the same name");
        Catalog { entries, by_name }
    });
    &CATALOG
}

impl Catalog {
    /// The action of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).map(|place| &self.entries[*place])
    }

    /// Every action, by group and title.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl ActionCatalog for Catalog {
    fn schema(&self, action_type: &str) -> Option<&Value> {
        self.get(action_type).map(Entry::schema)
    }

    fn types(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.metadata().name).collect()
    }

    fn check(&self, action_type: &str, config: &Value) -> Vec<Problem> {
        self.get(action_type).map(|entry| entry.check(config)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{EffectKind, workbench::Workbench};

    struct Faulty;

    impl Action for Faulty {
        const METADATA: Metadata = Metadata {
            name: "faulty",
            title: "",
            description: "",
            group: "",
            icon: "",
            effect: EffectKind::Internal,
            suggested_retry: None,
        };
        type Config = Value;

        fn sample() -> Value {
            Value::Null
        }

        async fn run(config: Value, _: &Context<'_>) -> Result<Outcome, ActionError> {
            panic!("with what it knows: {config}")
        }
    }

    #[tokio::test]
    async fn a_fault_ends_the_step_and_tells_nothing() {
        let bench = Workbench::new();
        let error = run::<Faulty>(json!({"secret": 1}), &bench.context()).await.unwrap_err();
        let expected =
            ActionError::new(ErrorKind::Panicked, "faulty stopped unexpectedly: a fault of this software");
        assert_eq!(error, expected);
    }
}
