//! `compare_scores`: how a form's score stands beside the time before.

use model::{FormId, Period, effect::{Effect, ScoreSpan}};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome},
    catalog::Registration,
    input::{Id, Span, Text},
};

struct CompareScores;

inventory::submit!(Registration::of::<CompareScores>());

/// Which answers are compared.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The form.
    #[schemars(extend("format" = "record-id"))]
    form_id: Id<FormId>,
    /// The key of its question with the score.
    #[schemars(extend("minLength" = 1))]
    question: Text,
    /// How far back: the last so many days, beside as many before them; 90 days at most.
    span: Span,
}

/// The longest span.
const LONGEST: Period = Period::days(90);

impl Action for CompareScores {
    const METADATA: Metadata = Metadata {
        name: "compare_scores",
        title: "Compare scores",
        description: "Reads how a form's score stands now and how it stood before: answers, average, NPS, and by how much they fell. The newest 10,000 answers of each span count.",
        group: "Records",
        icon: "chart-line",
        effect: EffectKind::Internal,
        suggested_retry: None,
    };
    type Config = Config;

    fn sample() -> Value {
        json!({"formId": 10, "question": "q_nps", "span": "7d"})
    }

    async fn run(config: Config, _: &Context<'_>) -> Result<Outcome, ActionError> {
        let question = config.question.line(255).ok_or_else(|| ActionError::invalid("question", "is empty"))?;
        let span = config.span.0;
        if span == Period::ZERO || span > LONGEST {
            return Err(ActionError::invalid("span", "must be up to 90d, such as 7d"));
        }
        Ok(Outcome::Apply(Effect::ScoresCompare(ScoreSpan { form: config.form_id.0, question, span })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn names_the_answers() {
        let bench = Workbench::new();
        let config = |span: &str| json!({"formId": "10", "question": " q_nps", "span": span});
        let outcome = bench.run("compare_scores", config("7d")).await.unwrap();
        let span = ScoreSpan { form: FormId::new(10), question: "q_nps".into(), span: Period::days(7) };
        assert_eq!(outcome, Outcome::Apply(Effect::ScoresCompare(span)));
        assert!(bench.run("compare_scores", config("91d")).await.unwrap_err().message.contains("span"));
    }
}
