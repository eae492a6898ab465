use model::FormId;
use store::form::{Content, form_archive, form_by_slug, form_create, form_edit, form_get, form_update};

use super::*;

fn named(name: &str) -> Content {
    Content { fields: object(json!({"name": name})), ..Content::default() }
}

fn at(name: &str, slug: &str) -> Content {
    Content { slug: Some(slug.to_owned()), ..named(name) }
}

testkit::on_both! {
    async fn a_public_address_belongs_to_one_form(place: Place) {
        let bench = Bench::new(place).await;
        let make = async |tenant, content| change!(bench, |tx| form_create(tx, tenant, ADA, content));
        let slugs = [
            make(ONE, named("After the visit")).await.unwrap().slug,
            make(ONE, named("After the visit!")).await.unwrap().slug,
            make(TWO, named("After the visit")).await.unwrap().slug,
            make(ONE, at("Other", "visit")).await.unwrap().slug,
        ];
        assert_eq!(slugs, ["after-the-visit", "after-the-visit-2", "after-the-visit-3", "visit"]);

        let taken = "there is a form at /f/visit already: choose another slug";
        assert_eq!(sentence(make(ONE, at("Again", "visit")).await), taken);
        let content = at("After the visit", "visit");
        let edited = change!(bench, |tx| form_edit(tx, ONE, ADA, FormId::new(1), content, None));
        assert_eq!(sentence(edited), taken);

        // Put away, the form still holds its address against other tenants, and gives it up to its own.
        change!(bench, |tx| form_archive(tx, ONE, ADA, FormId::new(4))).unwrap();
        let at_address = async || read!(bench, |connection| form_by_slug(connection, "visit")).unwrap().unwrap();
        assert!(at_address().await.archived_at.is_some());
        assert_eq!(sentence(make(TWO, at("Theirs", "visit")).await), taken);
        let new = make(ONE, at("Mine", "visit")).await.unwrap();
        assert_eq!(at_address().await, new);
    }
}

testkit::on_both! {
    async fn a_form_tells_of_every_problem_at_once(place: Place) {
        let bench = Bench::new(place).await;
        let content = Content {
            fields: object(json!({"name": "", "is_active": "yes", "colour": "red"})),
            slug: Some("A form".to_owned()),
            questions: serde_json::from_value(json!([
                {"key": "q 1", "type": "nps", "label": "?"},
                {"key": "q2", "type": "single_choice", "label": " "},
                {"key": "q2", "type": "rating", "label": "?", "min": 6},
            ]))
            .unwrap(),
        };
        let refused = sentence(change!(bench, |tx| form_create(tx, ONE, ADA, content)));
        assert_eq!(
            refused.split("; ").collect::<Vec<_>>(),
            [
                "name: must not be empty",
                "is_active: must be true or false",
                "colour: there is no such field",
                "questions[0].key: must be 1 to 100 letters, digits, _ or -",
                "questions[1].label: must not be empty: it is what the person reads",
                "questions[1].options: a choice question needs at least one option",
                "questions[2].key: \"q2\" is used twice",
                "questions[2].min: is greater than max",
                "slug: must be 1 to 100 of a-z, 0-9 and -, neither first nor last a -",
            ]
        );
        let nameless = sentence(change!(bench, |tx| form_create(tx, ONE, ADA, Content::default())));
        assert_eq!(nameless, "name: is required: what the team calls the form");
        assert_eq!(bench.number::<i64>("SELECT count(*) FROM forms").await, 0);
    }
}

testkit::on_both! {
    async fn a_workflow_changes_fields_and_not_questions(place: Place) {
        let bench = Bench::new(place).await;
        let form = change!(bench, |tx| form_create(tx, ONE, ADA, named("Visit"))).unwrap();
        let update = async |fields: Value| {
            let fields = object(fields);
            change!(bench, |tx| form_update(tx, ONE, ADA, FormId::new(1), &fields, None))
        };
        let (tagged, changes) = update(json!({"tags": ["north"], "is_active": false})).await.unwrap();
        assert_eq!((changes.changed(), tagged.version), (vec!["is_active", "tags"], 2));
        assert!(update(json!({"tags": ["north"]})).await.unwrap().1.is_empty());
        assert_eq!(sentence(update(json!({"questions": []})).await), "questions: cannot be set");

        let stored = read!(bench, |connection| form_get(connection, ONE, form.id)).unwrap();
        assert_eq!(stored, tagged);
        let theirs = read!(bench, |connection| form_get(connection, TWO, form.id));
        assert_eq!(sentence(theirs), "form 1 does not exist");
    }
}
