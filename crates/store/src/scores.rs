//! A form's score in one span of time beside the span before it.

use model::{TenantId, Timestamp, effect::ScoreSpan};
use serde_json::{Value, json};

use crate::{Connection, StoreResult, form::form_get, params};

/// Answers of one span that count: the newest.
const MOST: i64 = 10_000;

/// What a span's answers say.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Scores {
    count: i64,
    sum: f64,
    /// 9 and 10, as NPS has it.
    promoters: i64,
    /// 0 to 6.
    detractors: i64,
}

impl Scores {
    fn add(&mut self, score: f64) {
        self.count += 1;
        self.sum += score;
        self.promoters += i64::from(score >= 9.0);
        self.detractors += i64::from(score <= 6.0);
    }

    fn average(self) -> Option<f64> {
        (self.count > 0).then(|| tenth(self.sum / self.count as f64))
    }

    fn nps(self) -> Option<f64> {
        (self.count > 0).then(|| tenth((self.promoters - self.detractors) as f64 * 100.0 / self.count as f64))
    }

    fn shown(self) -> Value {
        json!({"count": self.count, "average": self.average(), "nps": self.nps()})
    }
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// By how much a number fell; nothing when one of them is not known.
fn drop(before: Option<f64>, now: Option<f64>) -> Option<f64> {
    Some(tenth(before? - now?))
}

/// Reads both spans: `{"form","current":{"count","average","nps"},"previous":{…},"drop":{"average","nps"}}`.
pub(crate) async fn scores_compare(
    connection: &mut Connection,
    tenant: TenantId,
    wanted: &ScoreSpan,
    now: Timestamp,
) -> StoreResult<Value> {
    let form = form_get(connection, tenant, wanted.form).await?;
    let middle = now.minus(wanted.span);
    let current = scores(connection, tenant, wanted, (middle, now)).await?;
    let previous = scores(connection, tenant, wanted, (middle.minus(wanted.span), middle)).await?;
    Ok(json!({
        "form": {"id": form.id, "name": form.name},
        "current": current.shown(),
        "previous": previous.shown(),
        "drop": {
            "average": drop(previous.average(), current.average()),
            "nps": drop(previous.nps(), current.nps()),
        },
    }))
}

async fn scores(
    connection: &mut Connection,
    tenant: TenantId,
    wanted: &ScoreSpan,
    (from, until): (Timestamp, Timestamp),
) -> StoreResult<Scores> {
    let rows = connection
        .query(
            "SELECT data FROM submissions WHERE tenant_id = ?1 AND form_id = ?2 AND status = 'completed' AND archived_at IS NULL
                AND submitted_at > ?3 AND submitted_at <= ?4 ORDER BY id DESC LIMIT ?5",
            params![tenant, wanted.form, from, until, MOST],
        )
        .await?;
    let mut scores = Scores::default();
    for row in rows {
        let data: Value = row.first()?;
        let answer = data.get(&wanted.question);
        let score =
            answer.and_then(|answer| answer.as_f64().or_else(|| answer.as_str()?.trim().parse().ok()));
        if let Some(score) = score.filter(|score: &f64| score.is_finite()) {
            scores.add(score);
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_counted_as_nps_has_it() {
        let mut scores = Scores::default();
        [10.0, 9.0, 8.0, 6.0].into_iter().for_each(|score| scores.add(score));
        assert_eq!(scores.shown(), json!({"count": 4, "average": 8.3, "nps": 25.0}));
        assert_eq!(Scores::default().shown(), json!({"count": 0, "average": null, "nps": null}));
        assert_eq!((drop(Some(40.0), Some(25.0)), drop(None, Some(1.0))), (Some(15.0), None));
    }
}
