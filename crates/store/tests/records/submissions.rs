use model::{ContactId, FormId, Period, SubmissionId, submission::SubmissionStatus};
use store::{
    StoreError,
    contact::contact_create,
    form::{form_archive, form_create, form_find, form_update},
    submission::{
        Content, NewSubmission, Submitted, mask, submission_archive, submission_create, submission_edit,
        submission_get, submission_update,
    },
};

use super::*;

const FORM: FormId = FormId::new(1);

/// A bench with a contact and a form.
async fn bench(place: Place) -> Bench {
    let bench = Bench::new(place).await;
    bench.starting(0);
    let fields = object(json!({"email": "grace@example.com", "name": "Grace"}));
    change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
    let content = store::form::Content {
        fields: object(json!({"name": "NPS"})),
        slug: None,
        questions: serde_json::from_value(json!([
            {"key": "q_nps", "type": "nps", "label": "How likely?", "required": true},
            {"key": "q_why", "type": "long_text", "label": "Why?"},
            {"key": "q_email", "type": "email", "label": "Email", "personal": true},
        ]))
        .unwrap(),
    };
    change!(bench, |tx| form_create(tx, ONE, ADA, content)).unwrap();
    bench.starting(1);
    bench
}

fn answers(data: Value) -> NewSubmission {
    NewSubmission {
        form: FORM,
        contact: None,
        external_id: None,
        status: SubmissionStatus::Completed,
        data: object(data),
        language: None,
        tags: Vec::new(),
    }
}

async fn send(bench: &Bench, new: NewSubmission) -> StoreResult<Submitted> {
    change!(bench, |tx| submission_create(tx, ONE, ADA.into(), new))
}

/// How many submissions, events and executions there are.
async fn counts(bench: &Bench) -> [i64; 3] {
    [
        bench.number("SELECT count(*) FROM submissions").await,
        bench.number("SELECT count(*) FROM events").await,
        bench.number("SELECT count(*) FROM workflow_executions").await,
    ]
}

testkit::on_both! {
    async fn a_submission_and_its_event_are_one_transaction(place: Place) {
        let bench = bench(place).await;
        let new = NewSubmission {
            contact: Some(ContactId::new(1)),
            language: Some("en".to_owned()),
            tags: vec!["web".to_owned()],
            ..answers(json!({"q_nps": "3", "q_why": "slow", "q_email": "grace@example.com"}))
        };
        let sent = send(&bench, new).await.unwrap();
        assert_eq!(counts(&bench).await, [1, 1, 1]);
        sorted_snapshot!("submission_completed", bench.events().await);
        sorted_snapshot!(
            "submission",
            json!({"submission": sent.submission, "executions": sent.executions})
        );
        assert_eq!(
            bench.number::<i64>("SELECT submission_id FROM workflow_executions").await,
            sent.submission.id.get()
        );
        assert_eq!(bench.number::<String>("SELECT name FROM tags").await, "web");

        bench.starting(1_001);
        let refused = send(&bench, answers(json!({"q_nps": 3}))).await;
        assert_eq!(refused, Err(StoreError::TooManyExecutions(1_001)));
        assert_eq!(counts(&bench).await, [1, 1, 1]);

        bench.starting(0);
        send(&bench, answers(json!({"q_nps": 3}))).await.unwrap();
        assert_eq!(counts(&bench).await, [2, 1, 1], "an event that nobody listens to is not stored");
    }
}

testkit::on_both! {
    async fn the_same_id_again_is_the_same_submission(place: Place) {
        let bench = bench(place).await;
        let named = |id: &str, score: i64| NewSubmission {
            external_id: Some(id.to_owned()),
            ..answers(json!({"q_nps": score}))
        };
        let first = send(&bench, named("a", 3)).await.unwrap();
        assert!(!first.duplicate);
        bench.clock.advance(Period::hours(48));
        let again = send(&bench, named("a", 9)).await.unwrap();
        assert_eq!(again, Submitted { duplicate: true, ..first.clone() });
        assert_eq!(counts(&bench).await, [1, 1, 1]);

        // Also when nothing new is taken any more, and when it was put away.
        let fields = object(json!({"is_active": false}));
        change!(bench, |tx| form_update(tx, ONE, ADA, FORM, &fields, None)).unwrap();
        assert!(send(&bench, named("a", 9)).await.unwrap().duplicate);
        let id = first.submission.id;
        change!(bench, |tx| submission_archive(tx, ONE, ADA, id)).unwrap();
        assert!(send(&bench, named("a", 9)).await.unwrap().duplicate);
        assert_eq!(sentence(send(&bench, named("b", 9)).await), "form 1 takes no answers: activate it first");
        assert_eq!(counts(&bench).await, [1, 1, 1]);
    }
}

testkit::on_both! {
    async fn a_partial_submission_completes_once(place: Place) {
        let bench = bench(place).await;
        let partial = |data: Value| NewSubmission {
            status: SubmissionStatus::Partial,
            external_id: Some("p".to_owned()),
            ..answers(data)
        };
        let begun = send(&bench, partial(json!({"q_why": "sl"}))).await.unwrap();
        let begun_again = send(&bench, partial(json!({"q_why": "slow"}))).await.unwrap();
        assert_eq!((begun_again.submission.id, begun_again.submission.version), (begun.submission.id, 2));
        assert_eq!(begun_again.submission.submitted_at, None);
        assert_eq!(counts(&bench).await, [1, 0, 0]);

        // Before what is refused: that is answered while its transaction is still open, and the next write may join it.
        bench.clock.advance(Period::minutes(5));
        let id = begun.submission.id;
        let edit = async |content: Content, version: Option<i64>| {
            change!(bench, |tx| submission_edit(tx, ONE, ADA.into(), id, content, version))
        };
        let completed = || Content { status: Some(SubmissionStatus::Completed), ..Content::default() };
        let unanswered = edit(completed(), None).await;
        assert_eq!(sentence(unanswered), "data.q_nps: is required: the form cannot be sent without it");
        let stale = edit(completed(), Some(1)).await;
        assert_eq!(stale, Err(StoreError::Stale { current: 2, sent: 1 }));
        assert_eq!(counts(&bench).await, [1, 0, 0]);

        let data = Some(object(json!({"q_nps": 2, "q_why": "slow"})));
        let done = edit(Content { data, ..completed() }, Some(2)).await.unwrap();
        assert_eq!(done.executions.len(), 1);
        assert_eq!(done.submission.submitted_at, Some(NOW.plus(Period::minutes(5))));
        assert_eq!(done.changes.changed(), ["status", "data", "submitted_at"]);
        assert_eq!(counts(&bench).await, [1, 1, 1]);

        // Completing it again, correcting an answer and changing a field emit nothing; there is no way back.
        assert!(edit(completed(), None).await.unwrap().changes.is_empty());
        let data = Some(object(json!({"q_nps": 1})));
        let corrected = edit(Content { data, ..Content::default() }, None).await.unwrap();
        assert_eq!((corrected.executions.len(), corrected.changes.changed()), (0, vec!["data"]));
        let fields = object(json!({"contact_id": 1, "tags": ["late"]}));
        let (tagged, _) = change!(bench, |tx| submission_update(tx, ONE, ADA, id, &fields, None)).unwrap();
        assert_eq!((tagged.contact_id, tagged.version), (Some(ContactId::new(1)), 5));
        let back = edit(Content { status: Some(SubmissionStatus::Partial), ..Content::default() }, None).await;
        assert_eq!(sentence(back), "a completed submission cannot become partial again");
        assert_eq!(counts(&bench).await, [1, 1, 1]);
    }
}

testkit::on_both! {
    async fn what_does_not_fit_is_refused_by_its_path(place: Place) {
        let bench = bench(place).await;
        let good = json!({"q_nps": 3});
        let cases = [
            ("numeric text", answers(json!({"q_nps": "3"})), ""),
            ("unanswered options", answers(json!({"q_nps": 3, "q_why": "", "q_email": null})), ""),
            ("missing", answers(json!({})), "data.q_nps: is required: the form cannot be sent without it"),
            ("wrong type", answers(json!({"q_nps": [3]})), "data.q_nps: must be a number"),
            ("out of range", answers(json!({"q_nps": 11})), "data.q_nps: must be from 0 to 10"),
            ("not whole", answers(json!({"q_nps": 1.5})), "data.q_nps: must be a whole number"),
            ("bad email", answers(json!({"q_nps": 3, "q_email": "x"})), "data.q_email: must be an email address"),
            ("unknown", answers(json!({"q_nps": 3, "x": 1})), "data.x: the form has no question with this key"),
            (
                "unknown contact",
                NewSubmission { contact: Some(ContactId::new(9)), ..answers(good.clone()) },
                "contactId: contact 9 does not exist",
            ),
            (
                "no id",
                NewSubmission { external_id: Some(String::new()), ..answers(good.clone()) },
                "id: must have 1 to 255 characters",
            ),
            ("unknown form", NewSubmission { form: FormId::new(9), ..answers(good) }, "form 9 does not exist"),
        ];
        for (case, new, expected) in cases {
            assert_eq!(sentence(send(&bench, new).await), expected, "{case}");
        }
    }
}

testkit::on_both! {
    async fn another_tenant_sees_nothing(place: Place) {
        let bench = bench(place).await;
        send(&bench, answers(json!({"q_nps": 3}))).await.unwrap();
        let id = SubmissionId::new(1);
        let new = answers(json!({"q_nps": 3}));
        let theirs = [
            sentence(read!(bench, |connection| submission_get(connection, TWO, id))),
            sentence(change!(bench, |tx| submission_archive(tx, TWO, ADA, id))),
            sentence(change!(bench, |tx| submission_update(tx, TWO, ADA, id, &Map::new(), None))),
            sentence(change!(bench, |tx| submission_create(tx, TWO, ADA.into(), new))),
        ];
        let submission = "submission 1 does not exist";
        assert_eq!(theirs, [submission, submission, submission, "form 1 does not exist"]);
    }
}

testkit::on_both! {
    async fn personal_answers_are_masked(place: Place) {
        let bench = bench(place).await;
        let data = object(json!({"q_nps": 3, "q_email": "grace@example.com", "q_gone": "?", "q_why": null}));
        change!(bench, |tx| form_archive(tx, ONE, ADA, FORM)).unwrap();
        let form = read!(bench, |connection| form_find(connection, ONE, FORM)).unwrap();
        let masked = |form| {
            let mut data = data.clone();
            mask(&mut data, form);
            Value::Object(data)
        };
        assert_eq!(
            masked(form.as_ref()),
            json!({"q_nps": 3, "q_email": "•••", "q_gone": "•••", "q_why": null}),
            "an answer whose question is gone may have been personal"
        );
        assert_eq!(masked(None), json!({"q_nps": "•••", "q_email": "•••", "q_gone": "•••", "q_why": null}));
    }
}
