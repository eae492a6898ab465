//! Who wants no more mails: the page behind the link, the one click of mail programs, what mail services report, and the list.

use model::TenantId;
use serde_json::{Value, json};
use store::{mailing::link, secret::SecretBox};

use crate::house::{Answer, House};

fn page(address: &str) -> String {
    let token = link::seal(&SecretBox::of_key(&[7; 32]), TenantId::new(1), address).unwrap();
    format!("{}{token}", link::PATH)
}

async fn granted(house: &House, email: &str) -> i64 {
    let contact = json!({"email": email, "consents": {"marketing": {"status": "granted"}}});
    house.json("editor", "POST /api/contacts", contact).await.data()["id"].as_i64().unwrap()
}

async fn post(house: &House, path: &str, fields: &str) -> Answer {
    let body = ("application/x-www-form-urlencoded", fields.to_owned());
    house.send("", &format!("POST {path}"), Some(body)).await
}

async fn list(house: &House) -> Value {
    house.get("editor", "/api/suppressions").await.data()
}

#[tokio::test]
async fn only_a_post_unsubscribes_and_once_is_enough() {
    let house = House::new().await;
    let id = granted(&house, "ann@example.com").await;
    let consent = async || {
        house.get("editor", &format!("/api/contacts/{id}")).await.data()["consents"]["marketing"].clone()
    };
    let path = page("ann@example.com");
    for _ in 0..2 {
        let shown = house.get("", &path).await;
        assert_eq!(shown.status, 200);
        assert!(
            shown.text.contains("<h1>Unsubscribe</h1>")
                && shown.text.contains("ann@example.com gets marketing mails from Acme"),
            "{}",
            shown.text
        );
        assert!(!shown.text.contains("<script"), "it works without");
        assert_eq!(
            (&shown.headers["cache-control"], &shown.headers["referrer-policy"]),
            (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
    }
    assert_eq!(
        (consent().await["status"].clone(), list(&house).await),
        (json!("granted"), json!([])),
        "looking does nothing"
    );
    // As a mail program does it (RFC 8058), and then the person as well.
    for fields in ["List-Unsubscribe=One-Click", ""] {
        let done = post(&house, &path, fields).await;
        assert!(
            done.status == 200 && done.text.contains("<h1>You are unsubscribed</h1>"),
            "{} {}",
            done.status,
            done.text
        );
    }
    let withdrawn = consent().await;
    assert_eq!(
        (&withdrawn["status"], &withdrawn["source"]),
        (&json!("withdrawn"), &json!("unsubscribe_link"))
    );
    let entries = list(&house).await;
    assert_eq!(entries.as_array().unwrap().len(), 1);
    assert_eq!(
        [&entries[0]["address"], &entries[0]["reason"], &entries[0]["created_by"], &entries[0]["version"]],
        [&json!("ann@example.com"), &json!("unsubscribed"), &json!("public"), &json!(1)]
    );
    // Whoever is no contact can say it, too.
    assert_eq!(post(&house, &page("stranger@example.com"), "").await.status, 200);
    assert_eq!(list(&house).await.as_array().unwrap().len(), 2);
    for nothing in ["/unsubscribe/1.AAAA", "/unsubscribe/x", "/unsubscribe/%FF"] {
        assert_eq!(
            (house.get("", nothing).await.status, post(&house, nothing, "").await.status),
            (404.try_into().unwrap(), 404.try_into().unwrap())
        );
    }
}

#[tokio::test]
async fn mail_services_report_to_an_address_that_is_the_tenants_secret() {
    let house = House::new().await;
    granted(&house, "ann@example.com").await;
    let own = house.get("admin", "/api/email-reports").await.data()["url"].as_str().unwrap().to_owned();
    assert_eq!(house.get("editor", "/api/email-reports").await.status, 403);
    let bounce = json!({"notificationType": "Bounce", "bounce": {"bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "Ann@example.com", "diagnosticCode": "550 5.1.1 no such mailbox"}]}});
    let wrapped = json!({"Type": "Notification", "Message": bounce.to_string()});
    // Amazon SNS calls its JSON plain text.
    let send = async |path: &str, body: &Value| {
        house.send("", &format!("POST {path}"), Some(("text/plain", body.to_string()))).await
    };
    assert_eq!(send(&own, &wrapped).await.data(), json!({"reports": 1, "changed": 1}));
    assert_eq!(send(&own, &wrapped).await.data(), json!({"reports": 1, "changed": 0}));
    let entry = list(&house).await[0].clone();
    assert_eq!(
        [&entry["address"], &entry["reason"], &entry["source"], &entry["detail"]],
        [&json!("ann@example.com"), &json!("bounced"), &json!("ses"), &json!("550 5.1.1 no such mailbox")]
    );
    assert_eq!(send(&own, &json!({"hello": 1})).await.status, 422);
    let asks = json!({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Token=1"});
    assert_eq!(send(&own, &asks).await.data(), json!({"reports": 0, "changed": 0}));

    let other = own.replacen("/1-", "/2-", 1);
    let next = house.send("admin", "POST /api/email-reports/rotate", None).await.data()["url"]
        .as_str()
        .unwrap()
        .to_owned();
    for dead in [&own, &other, &"/hooks/email/nothing".to_owned()] {
        assert_eq!(send(dead, &wrapped).await.status, 404, "{dead}");
    }
    assert_eq!(send(&next, &wrapped).await.status, 200);
}

#[tokio::test]
async fn with_a_key_only_what_the_service_has_signed_is_taken_in() {
    let house = House::new().await;
    let own = house.get("admin", "/api/email-reports").await.data()["url"].as_str().unwrap().to_owned();
    let patch =
        async |who: &'static str, keys: Value| house.json(who, "PATCH /api/email-reports", keys).await;
    assert_eq!(patch("editor", json!({"mailgun": "key"})).await.status, 403);
    assert_eq!(patch("admin", json!({"sendgrid": "no base64!"})).await.status, 422);
    let kept = patch("admin", json!({"mailgun": "canary-key"})).await;
    assert_eq!(kept.data()["signers"], json!(["mailgun"]));
    assert!(!kept.text.contains("canary"));

    let report = |signature: &str| {
        json!({"signature": {"timestamp": "1770920772", "token": "t0ken", "signature": signature},
            "event-data": {"event": "failed", "severity": "permanent", "recipient": "ann@example.com"}})
    };
    let refused = house.json("", &format!("POST {own}"), report("00")).await;
    assert_eq!(
        refused.failure(),
        (401, "unauthenticated: only what these have signed is taken in here: mailgun".to_owned())
    );
    let plain = json!({"type": "hard_bounce", "email": "ann@example.com"});
    assert_eq!(house.json("", &format!("POST {own}"), plain.clone()).await.status, 401);
    let signed = report("fc333bc4c20e77b00df8b3b2d8b0f85b29e2bd0cd1c168eedce6759140ddf462");
    assert_eq!(
        house.json("", &format!("POST {own}"), signed).await.data(),
        json!({"reports": 1, "changed": 1})
    );
    assert_eq!(patch("admin", json!({"mailgun": null})).await.data()["signers"], json!([]));
    assert_eq!(house.json("", &format!("POST {own}"), plain).await.status, 200);
}

#[tokio::test]
async fn people_keep_the_list_and_a_key_that_signs_is_never_shown() {
    let house = House::new().await;
    let made = house
        .json("editor", "POST /api/suppressions", json!({"address": "Bob@Example.com", "detail": "by phone"}))
        .await;
    let made = (made.status == 201).then(|| made.data()).unwrap();
    assert_eq!((&made["address"], &made["reason"]), (&json!("bob@example.com"), &json!("manual")));
    assert_eq!(
        house.json("editor", "POST /api/suppressions", json!({"address": "bob@example.com"})).await.status,
        409
    );
    assert_eq!(house.json("editor", "POST /api/suppressions", json!({"address": "bob"})).await.status, 422);
    assert_eq!(house.get("viewer", "/api/suppressions").await.status, 403);
    assert_eq!(house.get("editor", "/api/suppressions?q=BOB&reason=bounced").await.data(), json!([]));
    assert_eq!(
        house.send("editor", &format!("DELETE /api/suppressions/{}", made["id"]), None).await.status,
        200
    );
    assert_eq!(list(&house).await, json!([]));

    let put = async |mail: Value| house.json("admin", "PATCH /api/settings", json!({"mail": mail})).await;
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
    let dkim = |key: &str| json!({"dkim": {"domain": "example.com", "selector": "mail", "private_key": key}});
    assert_eq!(put(dkim("secret")).await.status, 422);
    assert_eq!(
        put(json!({"dkim": {"domain": "example.com", "selector": "mail"}})).await.status,
        422,
        "no key is kept"
    );
    let kept = put(dkim(pem)).await;
    assert_eq!(kept.data()["mail"]["dkim"], json!({"domain": "example.com", "selector": "mail"}));
    // The key that is kept stays, and an older one is not used for another domain.
    assert_eq!(put(json!({"layout": "<p>{{content}}</p>"})).await.status, 200);
    assert_eq!(put(json!({"dkim": {"domain": "other.example"}})).await.status, 422);
    assert_eq!(put(json!({"layout": "<p></p>"})).await.status, 422);
    assert_eq!(put(json!({"marketing_limit": {"mails": 5, "period": "91d"}})).await.status, 422);
    assert_eq!(put(json!({"dkim": null})).await.data()["mail"]["dkim"], Value::Null);
    assert_eq!(house.number("SELECT count(*) FROM mail_keys").await, 0);
}
