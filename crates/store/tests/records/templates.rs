#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use model::{TemplateId, template::Category};
use serde_json::json;
use store::{
    Page, StoreError, params,
    template::{
        Content, Filter, template_create, template_delete, template_get, template_list, template_update,
        template_used, templates_built_in, templates_seed,
    },
};

use super::{ADA, Bench, ONE, TWO, change, read, sentence};

fn content(name: &str) -> Content {
    serde_json::from_value(json!({
        "name": name,
        "category": "sales",
        "tags": ["lead"],
        "variables": [{"key": "form", "label": "Which form", "type": "form", "required": true}],
        "workflow_definition": {"name": name, "trigger_config": {"formId": "[[form]]"}},
    }))
    .unwrap()
}

testkit::on_both! {
    async fn the_systems_templates_follow_the_program_and_keep_their_counts(place: Place) {
        let bench = Bench::new(place).await;
        let built_in = templates_built_in().unwrap();
        assert!(built_in.len() >= 12, "{}", built_in.len());
        for category in Category::ALL {
            assert!(
                built_in.iter().any(|(_, content)| content.category == Some(*category)),
                "none for {category}"
            );
        }
        change!(bench, |tx| templates_seed(tx)).unwrap();
        let all = async |tenant| {
            read!(bench, |connection| template_list(connection, tenant, &Filter::default(), Page::first(200)))
                .unwrap()
                .rows
        };
        let seeded = all(ONE).await;
        assert_eq!(seeded.len(), built_in.len());
        assert!(seeded.iter().all(|template| template.is_public && template.tenant_id.is_none()));

        let id = seeded[0].id;
        change!(bench, |tx| template_used(tx, TWO, id)).unwrap();
        change!(bench, |tx| tx.execute("UPDATE workflow_templates SET name = 'old' WHERE id = ?1", params![id]))
            .unwrap();
        change!(bench, |tx| tx.execute(
            "INSERT INTO workflow_templates (id, key, name, workflow_definition, tags, variables, is_public, created_at, updated_at, version)
             VALUES (999, 'dropped', 'dropped', '{}', ?2, '[]', TRUE, ?1, ?1, 1)",
            params![model::Timestamp::EPOCH, json!([])],
        ))
        .unwrap();
        let own = content("Own");
        change!(bench, |tx| template_create(tx, ONE, ADA, &own)).unwrap();
        change!(bench, |tx| templates_seed(tx)).unwrap();

        let theirs = all(TWO).await;
        assert_eq!(theirs.len(), built_in.len());
        let changed = theirs.iter().find(|template| template.id == id).unwrap();
        assert_eq!((&changed.name, changed.usage_count, changed.version), (&seeded[0].name, 1, 2));
        assert!(theirs.iter().filter(|template| template.id != id).all(|template| template.version == 1));
    }
}

testkit::on_both! {
    async fn private_templates_are_a_tenants_own(place: Place) {
        let bench = Bench::new(place).await;
        change!(bench, |tx| templates_seed(tx)).unwrap();
        let system = TemplateId::new(1);
        let own = content("Own");
        let made = change!(bench, |tx| template_create(tx, ONE, ADA, &own)).unwrap();
        let id = made.id;
        assert_eq!((made.is_public, made.tenant_id, made.created_by), (false, Some(ONE), Some(ADA)));
        assert!(
            sentence(read!(bench, |connection| template_get(connection, TWO, id))).ends_with("does not exist")
        );
        assert!(sentence(change!(bench, |tx| template_used(tx, TWO, id))).ends_with("does not exist"));

        let changed = content("Changed");
        let same = changed.clone();
        let updated = change!(bench, |tx| template_update(tx, ONE, ADA, id, &changed, Some(1))).unwrap();
        assert_eq!((updated.name.as_str(), updated.version), ("Changed", 2));
        let again = change!(bench, |tx| template_update(tx, ONE, ADA, id, &same, None)).unwrap();
        assert_eq!(again.version, 2);
        let mine = content("Mine");
        let stale = change!(bench, |tx| template_update(tx, ONE, ADA, id, &mine, Some(1)));
        assert_eq!(stale, Err(StoreError::Stale { current: 2, sent: 1 }));

        let mine = content("Mine");
        let refused = change!(bench, |tx| template_update(tx, ONE, ADA, system, &mine, None));
        assert!(matches!(refused, Err(StoreError::Conflict { code: "template_read_only", .. })));
        assert!(change!(bench, |tx| template_delete(tx, ONE, system)).is_err());
        let nameless = Content { workflow_definition: json!([]), ..content(" ") };
        assert_eq!(
            sentence(change!(bench, |tx| template_create(tx, ONE, ADA, &nameless))),
            "name: must not be empty; workflow_definition: must be an object: a workflow with blanks such as [[form]]"
        );

        let filter = Filter {
            text: Some("chang".to_owned()),
            category: Some(Category::Sales),
            tag: Some("lead".to_owned()),
        };
        let found = read!(bench, |connection| template_list(connection, ONE, &filter, Page::first(10))).unwrap();
        assert_eq!(found.rows.iter().map(|template| template.id).collect::<Vec<_>>(), [id]);
        change!(bench, |tx| template_delete(tx, ONE, id)).unwrap();
        assert!(read!(bench, |connection| template_get(connection, ONE, id)).is_err());
    }
}
