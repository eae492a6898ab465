//! Every answer is as the document says: its status, its kind, and each field of its body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::Sink;

use crate::{
    document::{Document, Operation},
    house::{Answer, Credentials, House, Who},
    requests::{Call, calls, cookie},
    things::Things,
};

/// Changes that are open to whoever may read, and why.
const VIEWERS_TOO: &[(&str, &str)] = &[
    ("POST /api/session", "open"),
    ("DELETE /api/session", "the own session"),
    ("POST /public/forms/{slug}/submissions", "open"),
    ("POST /hooks/{token}", "open"),
    ("POST /hooks/email/{token}", "open"),
    ("POST /api/notifications/read-all", "one's own; an API key has none: 422"),
    ("POST /api/workflows/validate", "changes nothing"),
    ("POST /api/workflows/{id}/test", "changes nothing"),
];
/// Operations that take a body in their own way, and why a made-up field is no fault there.
const TAKE_ANY_FIELD: &[(&str, &str)] = &[
    ("POST /api/workflows/validate", "200 also when it has problems"),
    // It asks for a session first.
    ("PATCH /api/session", "403: an API key has no session"),
];

struct Check {
    house: House,
    document: Document,
    operations: BTreeMap<String, Operation>,
    faults: Vec<String>,
}

impl Check {
    fn judge(&mut self, call: &str, line: &str, expected: impl FnOnce(u16) -> bool, answer: &Answer) {
        let Some(operation) = self.operations.get(line) else {
            self.faults.push(format!("{line} is not described"));
            return;
        };
        let mut faults = self.document.faults(operation, answer);
        if !expected(answer.status) {
            faults.push(format!("{} was not expected: {}", answer.status, answer.text));
        }
        self.faults.extend(faults.into_iter().map(|fault| format!("{line} ({call}): {fault}")));
    }
}

/// The same in the place of every parameter that no record has.
fn nowhere(path: &str) -> String {
    path.replace("{id}", "900001")
        .replace("{slug}", "no-such-form")
        .replace("{token}", "1-1-no")
        .replace("{number}", "900001")
        .replace("{other}", "900001")
}

#[tokio::test]
async fn every_answer_is_as_it_is_described() {
    let (house, sink) = (House::new().await, Sink::start().await);
    let things = Things::make(&house, Who::Admin, "quillfeather", &sink).await;
    let document = Document::new();
    let operations: BTreeMap<_, _> =
        document.operations().into_iter().map(|operation| (operation.line.clone(), operation)).collect();
    let mut check = Check { house, document, operations, faults: Vec::new() };
    let calls = calls(&things);
    let person = cookie(&check.house, &things).await;
    bad_requests(&mut check, &things, &calls).await;

    let mut called = BTreeSet::new();
    for call in &calls {
        let who = if call.by_person { person.clone() } else { Who::Admin.into() };
        let answer = check.house.call(who, &call.filled(&things), &call.body).await;
        check.judge("good", call.line, |status| status == call.status, &answer);
        called.insert(call.line.to_owned());
    }
    let missing = check.document.missing(&called);
    assert!(missing.is_empty(), "a good request for each belongs into requests.rs: {missing:#?}");
    assert!(check.faults.is_empty(), "{}", check.faults.join("\n"));
}

/// The most a failure may be is what its cause says; a fault of the server is none of them.
async fn bad_requests(check: &mut Check, things: &Things, calls: &[Call]) {
    let operations: Vec<Operation> = check.operations.values().cloned().collect();
    for operation in &operations {
        let Some(call) = calls.iter().find(|call| call.line == operation.line) else { continue };
        let line = &operation.line;
        let is_exempt = |table: &[(&str, &str)]| table.iter().any(|(exempt, _)| exempt == line);

        if !operation.is_open() && line != "DELETE /api/session" {
            let answer = check.house.call(Who::Nobody, &call.filled(things), &call.body).await;
            check.judge("no credentials", line, |status| status == 401, &answer);
            let strange = Credentials::OtherKey("vtx_nobody_knows_it".to_owned());
            let answer = check.house.call(strange, &call.filled(things), &call.body).await;
            check.judge("unknown key", line, |status| status == 401, &answer);
        }
        if operation.method == "GET" {
            let answer = check.house.call(Who::Viewer, &call.filled(things), &Value::Null).await;
            check.judge("viewer reads", line, |status| matches!(status, 200 | 403), &answer);
        } else if !is_exempt(VIEWERS_TOO) {
            let answer = check.house.call(Who::Viewer, &call.filled(things), &call.body).await;
            check.judge("viewer writes", line, |status| status == 403, &answer);
        }
        if operation.path.contains('{') {
            let answer =
                check.house.call(Who::Admin, &call.with_path(&nowhere(&operation.path)), &call.body).await;
            check.judge("unknown id", line, |status| status == 404, &answer);
            for odd in ["x", "%F0%9F", "-1", "99999999999999999999", "%00"] {
                let path = ["{id}", "{slug}", "{number}", "{other}", "{token}"]
                    .iter()
                    .fold(operation.path.clone(), |path, one| path.replace(one, odd));
                let answer = check.house.call(Who::Admin, &call.with_path(&path), &call.body).await;
                check.judge(odd, line, |status| status == 404, &answer);
            }
            for part in ["{number}", "{other}"].into_iter().filter(|part| operation.path.contains(part)) {
                let path = things.filled(&operation.path.replace(part, "%F0%9F"));
                let answer = check.house.call(Who::Admin, &call.with_path(&path), &call.body).await;
                check.judge("odd number", line, |status| status == 404, &answer);
            }
        }
        if operation.takes_json() {
            bodies(check, things, call, is_exempt(TAKE_ANY_FIELD)).await;
        }
        if !operation.query().is_empty() {
            let path = format!("{} {}?no_such=1", operation.method, things.filled(&operation.path));
            let answer = check.house.call(Who::Admin, &path, &call.body).await;
            check.judge("unknown parameter", line, |status| status == 400, &answer);
        }
    }
}

/// Bodies that cannot be taken.
async fn bodies(check: &mut Check, things: &Things, call: &Call, takes_any: bool) {
    let path = call.filled(things);
    if !takes_any {
        let answer = check.house.call(Who::Admin, &path, &json!({"no_such_field": 1})).await;
        check.judge("unknown field", call.line, |status| status == 422, &answer);
    }
    let json = "application/json";
    for (name, kind, body, expected) in [
        ("malformed", json, "{\"a\":".to_owned(), 400),
        ("U+0000", json, r#"{"name":"\u0000"}"#.to_owned(), 422),
        ("too long", json, " ".repeat((1 << 20) + 1), 413),
        ("no JSON", "text/plain", "name=a".to_owned(), 415),
    ] {
        let answer = check.house.call_raw(Who::Admin, &path, Some((kind, body))).await;
        check.judge(name, call.line, |status| status == expected, &answer);
    }
}
