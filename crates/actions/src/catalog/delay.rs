//! `delay`: the execution is suspended for a while.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::Span,
};

struct Delay;

inventory::submit!(Registration::of::<Delay>());

/// How long to wait.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Milliseconds, or a number with a unit: `90s`, `24h`, `7d`, `2w`. At most a year.
    duration: Span,
}

impl Action for Delay {
    const METADATA: Metadata = Metadata {
        name: "delay",
        title: "Wait for a while",
        description: "Suspends the workflow. Nothing is held while it waits, and a restart does not disturb it.",
        group: "Flow",
        icon: "clock-pause",
        effect: EffectKind::Wait,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"duration": "24h"})
    }

    fn check(config: &Value) -> Vec<model::Problem> {
        let literal = config.get("duration").filter(|value| !crate::schema::is_template(value));
        literal
            .and_then(|value| serde_json::from_value::<Span>(value.clone()).err())
            .map(|error| model::Problem::at("duration", error.to_string()))
            .into_iter()
            .collect()
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let Span(period) = config.duration;
        Ok(Outcome::Wait(period))
    }
}

#[cfg(test)]
mod tests {
    use model::Period;

    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn waits_as_long_as_it_says() {
        let bench = Workbench::new();
        for (duration, period) in [
            (json!(3_600_000), Period::hours(1)),
            (json!("3600000"), Period::hours(1)),
            (json!("24h"), Period::hours(24)),
            (json!(0), Period::ZERO),
            (json!("366d"), Period::YEAR),
        ] {
            let outcome = bench.run("delay", json!({"duration": duration})).await;
            assert_eq!(outcome, Ok(Outcome::Wait(period)));
        }
        for duration in [json!(-1), json!("2y"), json!("367d"), json!(""), json!(null), json!(1.5), json!(1e300), json!([1])] {
            let config = json!({"duration": duration});
            let error = bench.run("delay", config.clone()).await.unwrap_err();
            assert!(error.message.starts_with("the config is not valid: duration: "), "{error}");
            let problems = crate::catalog().get("delay").unwrap().check(&config);
            assert_eq!(problems[0].path, "duration", "{duration}");
        }
    }
}
