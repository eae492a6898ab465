//! Alerts from the counters of real executions to a real mail server and a real webhook receiver: told of once when they begin and once when they
//! are over, whatever dies in between.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actions::address::AddressPolicy;
use engine::{Engine, Options};
use model::{Actor, Period, user::Role};
use serde_json::{Value, json};
use store::{
    Page, StoreError,
    alert::alert_list,
    notification::notification_list,
    secret::SecretBox,
    user::{NewUser, user_create},
    writer::Faults,
};
use testkit::{place::Place, sink::Sink, smtp::SmtpServer};

use crate::harness::{House, TENANT, post};

struct Company {
    house: House,
    sink: Sink,
    smtp: SmtpServer,
}

impl Company {
    /// A tenant with an administrator, and ten executions that failed after their retries. Alerts go to `path` of the sink.
    async fn new(place: Place, path: &str) -> Self {
        let company =
            Self { house: House::new(place), sink: Sink::start().await, smtp: SmtpServer::start().await };
        let url = company.sink.url("/status/500");
        let definition = json!({"name": "Escalation", "actions": [{"type": "webhook", "config": {"url": url}, "critical": true}]});
        let (engine, _, _) = company.house.furnish(definition).await;
        engine
            .store()
            .write(|tx| {
                Box::pin(async move {
                    let admin = NewUser {
                        email: "ada@acme.example".to_owned(),
                        name: None,
                        role: Role::Admin,
                        time_zone: None,
                        password: None,
                    };
                    user_create(tx, TENANT, Actor::System, &admin).await.map(drop)
                })
            })
            .await
            .unwrap();
        // While they fail nobody is warned: what is tested are the rounds that follow.
        company.settings(&engine, json!({"enabled": false})).await;
        let mut executions = Vec::new();
        for _ in 0..10 {
            executions.push(post(&engine, json!({})).await.executions[0].id);
        }
        for id in executions {
            company.house.run_to_end(&engine, id).await.unwrap();
        }
        // Working time is nobody's here: the clock is moved while steps work.
        let channels = json!({"average_duration": []});
        let on =
            json!({"email": "ops@acme.example", "webhook": company.sink.url(path), "channels": channels});
        company.settings(&engine, on).await;
        engine.stop(Duration::from_secs(5)).await;
        company
    }

    async fn settings(&self, engine: &Engine, alerts: Value) {
        let settings = json!({"alerts": alerts});
        let write = engine.store().write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE tenants SET settings = ?1 WHERE id = 1";
                tx.execute(sql, store::params![settings]).await.map(drop)
            })
        });
        write.await.unwrap();
        engine.tenant_changed(TENANT).await.unwrap();
    }

    /// An engine that does nothing by itself.
    async fn engine(&self, faults: Option<Arc<dyn Faults>>) -> Result<Engine, engine::EngineError> {
        let store = self.house.store(faults).await?;
        let options = Options {
            addresses: AddressPolicy::new(true),
            smtp: Some(self.smtp.url().parse().unwrap()),
            ..Options::default()
        };
        let engine = Engine::at_rest(store.clone(), Arc::new(SecretBox::of_key(&[7; 32])), options).await;
        if engine.is_err() {
            store.close().await;
        }
        engine
    }

    /// A round of a process that then ends, after so many minutes.
    async fn round(&self, minutes: u32) {
        self.house.clock.advance(Period::minutes(minutes));
        let engine = self.engine(None).await.unwrap();
        engine.alerts().await.unwrap();
        // Of a minute there is one round.
        engine.alerts().await.unwrap();
        engine.stop(Duration::from_secs(5)).await;
    }

    /// What arrived at the webhook, as `event kind: message`, once for each key.
    fn posted(&self) -> BTreeSet<String> {
        let alerts = self.alert_requests();
        let lines = alerts.iter().map(|(key, body)| {
            format!("{key} {} {}", body["event"].as_str().unwrap(), body["alert"]["kind"].as_str().unwrap())
        });
        let distinct: BTreeSet<String> = lines.collect();
        distinct.into_iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    fn alert_requests(&self) -> Vec<(String, Value)> {
        let requests =
            self.sink.requests().into_iter().filter(|request| request.json().get("alert").is_some());
        requests.map(|r| (r.header("idempotency-key").unwrap().to_owned(), r.json())).collect()
    }

    /// Everything that people see.
    async fn seen(&self) -> String {
        let engine = self.engine(None).await.unwrap();
        let mut connection = engine.store().read(TENANT).await.unwrap();
        let mut lines = Vec::new();
        let page = Page::first(100);
        for alert in alert_list(&mut connection, TENANT, None, None, page).await.unwrap().rows {
            lines.push(format!(
                "alert {} {}: {} {}",
                alert.kind,
                alert.state,
                alert.message,
                sorted(&alert.details)
            ));
        }
        for row in notification_list(&mut connection, TENANT, None, false, page).await.unwrap().rows {
            lines.push(format!("notification {}: {}", row.title, row.message.unwrap()));
        }
        drop(connection);
        engine.stop(Duration::from_secs(5)).await;
        let mails: BTreeSet<_> = self
            .smtp
            .messages()
            .iter()
            .map(|mail| {
                (
                    mail.header("message-id").unwrap().to_owned(),
                    mail.to.join(","),
                    mail.header("subject").unwrap().to_owned(),
                )
            })
            .collect();
        let mut mails: Vec<_> =
            mails.into_iter().map(|(_, to, subject)| format!("mail to {to}: {subject}")).collect();
        mails.sort();
        lines.extend(mails);
        lines.extend(self.posted().into_iter().map(|line| format!("webhook {line}")));
        lines.sort();
        lines.join("\n")
    }
}

/// Databases keep the names in their own order.
fn sorted(details: &Value) -> String {
    let fields: std::collections::BTreeMap<_, _> = details.as_object().unwrap().iter().collect();
    json!(fields).to_string()
}

/// Kills the store at one moment.
#[derive(Debug, Default)]
struct Once {
    before: Option<u64>,
    after: Option<u64>,
    commits: AtomicU64,
}

impl Faults for Once {
    fn operation(&self, _: u64) -> Option<StoreError> {
        None
    }
    fn dies_before_commit(&self, number: u64) -> bool {
        self.commits.store(number, Ordering::Relaxed);
        self.before == Some(number)
    }
    fn dies_after_commit(&self, number: u64) -> bool {
        self.after == Some(number)
    }
}

testkit::on_both! {
    async fn an_alert_is_told_of_once_when_it_begins_and_once_when_it_is_over(place: Place) {
        let company = Company::new(place, "/fail-times/2").await;
        company.round(1).await;
        insta::assert_snapshot!("begun", company.seen().await);
        // Two alerts, and the receiver was down at each.
        assert_eq!(company.alert_requests().len(), 2);
        company.round(1).await;
        company.round(2).await;
        assert_eq!(company.alert_requests().len(), 6, "the third attempt arrives");
        company.round(10).await;
        insta::assert_snapshot!("begun", company.seen().await);
        assert_eq!((company.smtp.messages().len(), company.alert_requests().len()), (2, 6), "nothing is repeated");

        company.round(60).await;
        company.round(1).await;
        company.round(2).await;
        company.round(60).await;
        insta::assert_snapshot!("over", company.seen().await);
        assert_eq!((company.smtp.messages().len(), company.alert_requests().len()), (4, 12));
    }

    async fn nothing_is_lost_or_told_twice_when_a_node_dies_at_any_moment(place: Place) {
        let calm = Company::new(place.another(), "/ok").await;
        let counted = Arc::new(Once::default());
        calm.house.clock.advance(Period::minutes(1));
        let engine = calm.engine(Some(Arc::clone(&counted) as Arc<dyn Faults>)).await.unwrap();
        engine.alerts().await.unwrap();
        engine.stop(Duration::from_secs(5)).await;
        let expected = calm.seen().await;
        let commits = counted.commits.load(Ordering::Relaxed);
        assert!(commits >= 4, "a round makes at least four commits, not {commits}");
        for number in 1..=commits {
            let before = Once { before: Some(number), ..Once::default() };
            let after = Once { after: Some(number), ..Once::default() };
            for (moment, faults) in [("before", before), ("after", after)] {
                let company = Company::new(place.another(), "/ok").await;
                company.house.clock.advance(Period::minutes(1));
                if let Ok(engine) = company.engine(Some(Arc::new(faults))).await {
                    // An error is the store's death.
                    drop(engine.alerts().await);
                    engine.stop(Duration::from_secs(5)).await;
                }
                company.round(1).await;
                company.round(5).await;
                assert_eq!(company.seen().await, expected, "killed {moment} commit {number}");
                let (posts, mails) = (company.alert_requests().len(), company.smtp.messages().len());
                assert!(posts <= 4 && mails <= 4, "killed {moment} commit {number}: {posts} posts, {mails} mails");
            }
        }
    }
}
