//! Another key for everything that is sealed: all of it opens afterwards, also after an interruption, and no server starts meanwhile.

use model::{NodeId, settings::Settings};
use store::{
    integration::{
        integration_create, integration_get,
        ledger::{renewal_begin, renewal_end, token_get},
    },
    mailing::{
        self,
        report_keys::{ReportSigner, report_keys, report_keys_put},
    },
    node::{node_leave, node_register},
    secret::{
        Purpose, SecretBox, SecretError,
        rotation::{Progress, Report, RotationError, secrets_rotate},
        sealed_part, sealed_text,
    },
    tenant::{settings_put, smtp_password},
};

use super::*;

const OLD: &str = "the phrase that goes away";
const NEW: &str = "the phrase that takes its place";

async fn of(text: &str) -> SecretBox {
    SecretBox::of_text(text.to_owned()).await.unwrap()
}

async fn opened(bench: &Bench, text: &str) -> Result<SecretBox, SecretError> {
    SecretBox::open_for(&bench.store, Some(text), std::path::Path::new("/nowhere")).await
}

async fn rotate(bench: &Bench) -> Result<Report, RotationError> {
    let (old, new) = (of(OLD).await, of(NEW).await);
    let (mut total, mut done) = (0, 0);
    let mut tell = |progress: Progress| match progress {
        Progress::Begun(rows) => total = rows,
        Progress::Done(rows) => done += rows,
    };
    let rotated = secrets_rotate(&bench.store, (&old, &new), &mut tell).await;
    if rotated.is_ok() {
        assert_eq!(total, done, "what was foretold is what was looked at");
    }
    rotated
}

testkit::on_both! {
    async fn everything_opens_with_the_new_key_and_nothing_with_the_old(place: Place) {
        let bench = Bench::new(place).await;
        let old = opened(&bench, OLD).await.unwrap();
        let address = old.tag("hook/1/1/0");
        let way_out = mailing::link::seal(&old, ONE, "ann@example.com").unwrap();
        let fields = store::integration::Fields {
            name: "crm".to_owned(), provider: "hubspot".to_owned(), config: Map::new(), secrets: object(json!({"accessToken": "canary"})),
        };
        let smtp = json!({"host": "mail.example.com", "port": 587, "security": "starttls", "username": "u", "password": "geheim"});
        let settings: Settings = serde_json::from_value(json!({"smtp": smtp})).unwrap();
        let box_ = old.clone();
        let id = change!(bench, |tx| async move {
            let id = integration_create(tx, ONE, ADA, &fields, &box_).await?.id;
            renewal_begin(tx, ONE, id, 0).await?;
            renewal_end(tx, ONE, id, 0, b"token", &box_).await?;
            settings_put(tx, TWO, ADA, settings, &box_, None).await?;
            let dkim = box_.seal(TWO, Purpose::DkimKey, b"pem")?;
            tx.execute("INSERT INTO mail_keys (tenant_id, domain, selector, private_key) VALUES (2, 'example.com', 'mail', ?1)", params![dkim]).await?;
            report_keys_put(tx, TWO, &[(ReportSigner::Mailgun, Some("key".to_owned()))], &box_).await?;
            let hook = || box_.seal(ONE, Purpose::Hook, b"knock").map(|sealed| sealed_text(&sealed));
            let config = json!({"auth": {"type": "header", "name": "X", "value": hook()?}});
            let draft = json!({"trigger_config": {"auth": {"type": "basic", "username": "sealed:me", "password": hook()?}}});
            let version = json!({"trigger_config": config});
            tx.execute("UPDATE workflows SET trigger_config = ?1, draft = ?2 WHERE id = 1 AND tenant_id = 1", params![config, draft]).await?;
            // More than a slice of them.
            for number in 1..=150_i64 {
                tx.execute("INSERT INTO workflow_versions (workflow_id, number, tenant_id, definition, created_at) VALUES (1, ?1, 1, ?2, ?3)",
                    params![number, version.clone(), NOW]).await?;
            }
            Ok(id)
        }).unwrap();

        if !bench.store.is_alone() {
            let node = NodeId::new(7);
            change!(bench, |tx| node_register(tx, node, "one:8080", 60_000)).unwrap();
            assert_eq!(rotate(&bench).await, Err(RotationError::NodesAtWork("one:8080".to_owned())));
            assert!(opened(&bench, OLD).await.is_ok(), "nothing has begun");
            change!(bench, |tx| node_leave(tx, node)).unwrap();
        }
        let stranger = of("a phrase of somebody else").await;
        let refused = secrets_rotate(&bench.store, (&stranger, &of(NEW).await), &mut |_| {}).await;
        assert!(matches!(refused, Err(RotationError::OtherKey { .. })), "{refused:?}");
        assert_eq!(secrets_rotate(&bench.store, (&old, &old), &mut |_| {}).await, Err(RotationError::SameKey));

        assert_eq!(rotate(&bench).await.unwrap(), Report { resealed: 5 + 2 + 150, done_before: 0, unreadable: Vec::new() });
        assert!(matches!(opened(&bench, OLD).await, Err(SecretError::OtherKey { .. })));
        let new = opened(&bench, NEW).await.unwrap();
        let all = async |secrets: &SecretBox| {
            let mut connection = bench.store.read_any().await.unwrap();
            let stored = integration_get(&mut connection, ONE, id).await.unwrap();
            let config: Value = bench.number("SELECT trigger_config FROM workflows WHERE id = 1").await;
            let draft: Value = bench.number("SELECT draft FROM workflows WHERE id = 1").await;
            let last: Value = bench.number("SELECT definition FROM workflow_versions WHERE number = 150").await;
            let knocks = [&config["auth"]["value"], &draft["trigger_config"]["auth"]["password"], &last["trigger_config"]["auth"]["value"]];
            let opens = |text: &Value| secrets.open(ONE, Purpose::Hook, &sealed_part(text.as_str().unwrap()).unwrap());
            knocks.into_iter().map(opens).collect::<StoreResult<Vec<_>>>()?;
            Ok::<_, store::StoreError>((
                stored.secrets(secrets)?,
                token_get(&mut connection, ONE, id, secrets).await?.1,
                smtp_password(&mut connection, TWO, secrets).await?,
                mailing::dkim::dkim_key(&mut connection, TWO, secrets).await?.map(|(_, pem)| pem),
                report_keys(&mut connection, TWO, secrets).await?.into_values().collect::<Vec<_>>(),
            ))
        };
        assert_eq!(all(&new).await.unwrap(), (object(json!({"accessToken": "canary"})), Some(b"token".to_vec()), Some("geheim".to_owned()), Some("pem".to_owned()), vec!["key".to_owned()]));
        assert!(all(&old).await.is_err());
        assert_eq!(new.tag("hook/1/1/0"), address, "addresses that are known outside stay");
        assert_eq!(mailing::link::open(&new, &way_out).map(|(_, address)| address).as_deref(), Some("ann@example.com"));

        // It was interrupted before the end: no server starts, and the same command goes on.
        let said = format!("{} {}", of(OLD).await.fingerprint(), of(NEW).await.fingerprint());
        let left = old.seal(TWO, Purpose::SmtpPassword, b"left over").unwrap();
        change!(bench, |tx| async move {
            tx.execute("INSERT INTO store_facts (name, value) VALUES ('secret_key_rotation', ?1)", params![said]).await?;
            tx.execute("UPDATE tenants SET smtp_password = ?1 WHERE id = 2", params![left]).await
        }).unwrap();
        assert_eq!(opened(&bench, NEW).await.unwrap_err(), SecretError::Rotating);
        let refused = secrets_rotate(&bench.store, (&new, &stranger), &mut |_| {}).await;
        assert!(matches!(refused, Err(RotationError::Unfinished { .. })), "{refused:?}");
        assert_eq!(rotate(&bench).await.unwrap(), Report { resealed: 1, done_before: 4 + 2 + 150, unreadable: Vec::new() });
        assert_eq!(read!(bench, |connection| smtp_password(connection, TWO, &new)).unwrap().as_deref(), Some("left over"));
        assert_eq!(rotate(&bench).await.unwrap(), Report::default(), "and again there is nothing to be done");

        // A second key after the first: addresses still stay.
        let third = of("the phrase after that one").await;
        secrets_rotate(&bench.store, (&new, &third), &mut |_| {}).await.unwrap();
        assert_eq!(opened(&bench, "the phrase after that one").await.unwrap().tag("hook/1/1/0"), address);
    }
}
