//! R: conditions and templates over a document of 40 fields, in this process and on one thread, beside datalogic-rs with the same rules over the
//! same document in its own form. Both have compiled their rule and parsed the document beforehand.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use datalogic_rs::{Engine, Logic, ParsedData};
use rules::{Conditions, Scope, Template};
use serde_json::{Map, Value, json};

use crate::report::{Figure, Floor, Report};

const LENGTH: Duration = Duration::from_secs(2);
/// Evaluations between two looks at the clock.
const ROUND: u32 = 1_000;

/// Both, and both.
pub fn run(report: &mut Report) -> Result<(), String> {
    let document = document();
    let conditions = json!([
        {"logic": "AND"},
        {"field": "submission.data.q_nps", "operator": "<=", "value": 6},
        {"field": "submission.data.field_17", "operator": "equals", "value": "value 17"},
        {"field": "submission.data.field_30", "operator": "not_equals", "value": "nothing"},
        {"field": "submission.data.q_feedback", "operator": "contains", "value": "slow"},
        {"field": "formId", "operator": "equals", "value": 10},
    ]);
    let logic = r#"{"and": [
        {"<=": [{"var": "submission.data.q_nps"}, 6]},
        {"==": [{"var": "submission.data.field_17"}, "value 17"]},
        {"!=": [{"var": "submission.data.field_30"}, "nothing"]},
        {"in": ["slow", {"var": "submission.data.q_feedback"}]},
        {"==": [{"var": "formId"}, 10]}]}"#;
    let text =
        "NPS {{submission.data.q_nps}} from {{submission.data.q_name}}: {{submission.data.q_feedback}}";
    let logic_text = r#"{"cat": ["NPS ", {"var": "submission.data.q_nps"}, " from ", {"var": "submission.data.q_name"}, ": ",
        {"var": "submission.data.q_feedback"}]}"#;
    let scope = Scope::of_trigger(&document);
    let conditions =
        Conditions::compile(&conditions, "conditions").map_err(|problems| format!("{problems:?}"))?;
    let template = Template::compile_text(text, "text").map_err(|problems| format!("{problems:?}"))?;
    let written = document.to_string();
    let other = Other::new(&written)?;
    let (logic, logic_text) = (other.compile(logic)?, other.compile(logic_text)?);
    let rendered = template.render(&scope).map_err(|error| error.to_string())?.value.to_string();
    if conditions.matches(&scope) != Ok(true)
        || other.evaluate(&logic)? != "true"
        || other.evaluate(&logic_text)? != rendered
    {
        return Err("the two do not say the same of the document".to_owned());
    }
    let ours = rate(|| drop(black_box(conditions.matches(black_box(&scope)))));
    report.add(against("R five conditions over 40 fields", ours, other.rate(&logic)?));
    let ours = rate(|| drop(black_box(template.render(black_box(&scope)))));
    report.add(against("R a text with three values", ours, other.rate(&logic_text)?));
    Ok(())
}

fn document() -> Value {
    let mut data: Map<String, Value> =
        (0..36).map(|number| (format!("field_{number}"), json!(format!("value {number}")))).collect();
    data.insert("q_nps".to_owned(), json!(3));
    data.insert("q_name".to_owned(), json!("Ada"));
    data.insert("q_feedback".to_owned(), json!("the checkout was slow again"));
    json!({"formId": 10, "submission": {"contactId": 7, "data": data}})
}

/// The yardstick.
struct Other {
    engine: Engine,
    document: ParsedData,
}

impl Other {
    fn new(document: &str) -> Result<Self, String> {
        let document = ParsedData::from_json(document).map_err(|error| error.to_string())?;
        Ok(Self { engine: Engine::new(), document })
    }

    fn compile(&self, rule: &str) -> Result<Logic, String> {
        self.engine.compile(rule).map_err(|error| error.to_string())
    }

    fn evaluate(&self, logic: &Logic) -> Result<String, String> {
        self.engine.session().eval_str(logic, &self.document).map_err(|error| error.to_string())
    }

    /// In the way that its documentation recommends for many evaluations.
    fn rate(&self, logic: &Logic) -> Result<f64, String> {
        let mut session = self.engine.session();
        self.evaluate(logic)?;
        Ok(rate(|| {
            drop(black_box(session.eval_borrowed(logic, black_box(&self.document)).map(|_| ())));
            session.reset();
        }))
    }
}

fn rate(mut evaluate: impl FnMut()) -> f64 {
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < LENGTH {
        for _ in 0..ROUND {
            evaluate();
        }
        count += ROUND;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

fn against(name: &str, ours: f64, theirs: f64) -> Figure {
    let figure = Figure::new(name, ours, "evaluations/s").floor(Floor::AtLeast(theirs));
    Figure { limit: Some(theirs), ..figure }.note("the limit is datalogic-rs")
}
