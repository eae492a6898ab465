//! Who may be written to: the suppression list, consent and the limit, and what word of a bounce changes.

use model::{
    Period, SuppressionId,
    mailing::{Purpose, Refusal, SuppressionReason},
    settings::MarketingLimit,
};
use store::{
    Page,
    contact::contact_create,
    mailing::{
        marketing_admit,
        reports::{report_named, report_opens, report_rotate, report_token},
        suppressed_among,
    },
    secret::SecretBox,
    suppression::{
        Filter, Report, ReportKind, report_take, suppression_create, suppression_delete, suppression_list,
    },
};

use super::*;

const TWICE: MarketingLimit = MarketingLimit { mails: 2, period: Period::days(7) };

fn word(address: &str, kind: ReportKind) -> Report {
    Report { address: address.to_owned(), kind, source: "webhook", detail: Some("gone".to_owned()) }
}

async fn person(bench: &Bench, email: &str, consents: Value) {
    let fields = object(json!({"email": email, "consents": consents}));
    change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &fields)).unwrap();
}

async fn list(bench: &Bench) -> Vec<String> {
    let filter = Filter::default();
    let found =
        read!(bench, |connection| suppression_list(connection, ONE, &filter, Page::first(50))).unwrap();
    found.rows.iter().map(|one| format!("{} {} {}", one.address, one.reason, one.version)).collect()
}

testkit::on_both! {
    async fn a_marketing_mail_needs_consent_and_comes_rarely(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        let granted = json!({"marketing": {"status": "granted"}});
        person(&bench, "ada@example.com", granted.clone()).await;
        person(&bench, "bob@example.com", json!({})).await;
        let admit = async |tenant, key: &'static str, address: &'static str| {
            change!(bench, |tx| marketing_admit(tx, tenant, key, address, TWICE)).unwrap()
        };
        let ada = "Ada <Ada@Example.com>";
        assert_eq!(admit(ONE, "k1", ada).await, Ok(()));
        assert_eq!(admit(ONE, "k1", ada).await, Ok(()), "a step that is tried again");
        assert_eq!(admit(ONE, "k2", ada).await, Ok(()));
        let often = Refusal::TooOften { mails: 2, period: Period::days(7) };
        assert_eq!(admit(ONE, "k3", ada).await, Err(often));
        assert_eq!(admit(ONE, "k2", ada).await, Ok(()), "it was counted already");
        assert_eq!(admit(ONE, "k4", "bob@example.com").await, Err(Refusal::NoConsent));
        assert_eq!(admit(ONE, "k5", "nobody@example.com").await, Err(Refusal::NoContact));
        assert_eq!(admit(TWO, "k6", ada).await, Err(Refusal::NoContact), "another tenant's contact");
        bench.clock.advance(Period::days(7));
        assert_eq!(admit(ONE, "k3", ada).await, Ok(()));

        // Who unsubscribes between two attempts of a step is not written to.
        change!(bench, |tx| report_take(tx, ONE, Actor::Public.into(), &word("ada@example.com", ReportKind::Unsubscribe))).unwrap();
        assert_eq!(admit(ONE, "k3", ada).await, Err(Refusal::Suppressed(SuppressionReason::Unsubscribed)));
        let suppressed = async |purpose| {
            let addresses = [ada.to_owned(), "bob@example.com".to_owned()];
            read!(bench, |connection| suppressed_among(connection, ONE, &addresses, purpose)).unwrap()
        };
        assert_eq!(suppressed(Purpose::Transactional).await, [""; 0]);
        assert_eq!(suppressed(Purpose::Marketing).await, [ada]);
        bench.clock.advance(Period::days(90));
        let consents = json!({"consents": granted});
        let again = object(json!({"email": "eve@example.com", "consents": consents["consents"]}));
        change!(bench, |tx| contact_create(tx, ONE, ADA.into(), &again)).unwrap();
        assert_eq!(admit(ONE, "k7", "eve@example.com").await, Ok(()));
    }

    async fn word_of_an_address_is_taken_once_and_told(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(1);
        person(&bench, "ada@example.com", json!({"marketing": {"status": "granted"}, "calls": {"status": "granted"}})).await;
        let take = async |address: &'static str, kind| {
            let report = word(address, kind);
            change!(bench, |tx| report_take(tx, ONE, Actor::System.into(), &report)).unwrap()
        };
        assert!(take("Ada@example.com", ReportKind::Unsubscribe).await);
        assert!(!take("ada@example.com", ReportKind::Unsubscribe).await, "the same again");
        assert!(take("ada@example.com", ReportKind::Complaint).await, "a stronger reason");
        assert!(!take("ada@example.com", ReportKind::Unsubscribe).await, "a weaker one");
        assert!(take("ada@example.com", ReportKind::HardBounce).await);
        assert!(!take("ada@example.com", ReportKind::HardBounce).await);
        assert!(take("stranger@example.com", ReportKind::HardBounce).await);
        assert!(take("stranger@example.com", ReportKind::SoftBounce).await, "each time is told");
        assert_eq!(list(&bench).await, ["stranger@example.com bounced 1", "ada@example.com bounced 3"]);
        let told = |event: &Value| {
            let (name, data) = event.as_object().unwrap().iter().next().unwrap();
            format!("{name} {} {} {}", data["address"], data["reason"], data["bounce"]["kind"]).replace('"', "")
        };
        let told: Vec<String> = bench.events().await.iter().map(told).collect();
        assert_eq!(told, [
            "contact_created null null null",
            "contact_updated null null null",
            "contact_unsubscribed ada@example.com unsubscribed null",
            "contact_unsubscribed ada@example.com complained null",
            "email_bounced null null hard",
            "email_bounced null null hard",
            "email_bounced null null soft",
        ]);
        let consents = read!(bench, |connection| store::contact::contact_get(connection, ONE, model::ContactId::new(1))).unwrap().consents;
        assert_eq!(
            (&consents["marketing"]["status"], &consents["marketing"]["source"], &consents["calls"]["status"]),
            (&json!("withdrawn"), &json!("webhook"), &json!("granted"))
        );
    }

    async fn people_keep_the_list_themselves(place: Place) {
        let bench = Bench::new(place).await;
        bench.starting(0);
        let add = async |address: &'static str| {
            change!(bench, |tx| suppression_create(tx, ONE, ADA.into(), address, Some("asked by phone".to_owned())))
        };
        let made = add(" Ann@Example.com ").await.unwrap();
        assert_eq!((made.address.as_str(), made.reason), ("ann@example.com", SuppressionReason::Manual));
        assert_eq!(sentence(add("ann@example.com").await), "the address is on the list already");
        assert_eq!(sentence(add("ann").await), "address: is not an email address");
        let delete = async |tenant, id: i64| change!(bench, |tx| suppression_delete(tx, tenant, SuppressionId::new(id)));
        let id = made.id.get();
        assert!(delete(TWO, id).await.is_err());
        delete(ONE, id).await.unwrap();
        assert_eq!(list(&bench).await, [""; 0]);

        let secrets = SecretBox::of_key(&[7; 32]);
        let token = async |tenant| read!(bench, |connection| report_token(connection, &secrets, tenant)).unwrap();
        let opens = async |token: &str| {
            let tenant = report_named(token).unwrap();
            read!(bench, |connection| report_opens(connection, &secrets, tenant, token)).unwrap()
        };
        let first = token(ONE).await;
        assert!(opens(&first).await && !opens(&first.replacen("1-", "2-", 1)).await);
        change!(bench, |tx| report_rotate(tx, ONE)).unwrap();
        assert!(!opens(&first).await && opens(&token(ONE).await).await);
        assert!(opens(&token(TWO).await).await, "another tenant's stays");
    }
}
