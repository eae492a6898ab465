//! Connections over HTTP, against systems that are strict: they are tried, they wait when they are not let in, they are authorised in the browser, and what is secret
//! about them comes out nowhere, not even in clear in the database.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use testkit::{
    Sink,
    systems::{Mock, hubspot::HubSpot, salesforce::Salesforce, slack::Slack},
};

use crate::{
    house::{Answer, Credentials, House, Who},
    requests::cookie,
    things::{Things, workflow},
};

/// Texts that stand in every secret and token of the mocks that are used here.
const SECRET: [&str; 2] = ["canary-5ecret", "-canary"];

fn step(name: &str, action: &str, payload: Value) -> Value {
    json!([{"type": "sync_integration", "config": {"integration": name, "action": action, "payload": payload}}])
}

async fn hubspot(house: &House) -> (Mock<HubSpot>, i64) {
    let hubspot = Mock::start(HubSpot::new()).await;
    hubspot.with(|hubspot| hubspot.tokens.rotates = true);
    let made = house.done(
        Who::Admin,
        "POST /api/integrations",
        json!({
            "name": "hub", "provider": "hubspot", "config": {"apiUrl": hubspot.url(), "clientId": "app"},
            "secrets": {"clientSecret": "canary-5ecret", "refreshToken": "refresh-0-canary"},
        }),
    );
    let id = made.await["id"].as_i64().unwrap();
    (hubspot, id)
}

#[tokio::test]
async fn a_connection_is_tried_waited_for_and_tells_no_secret() {
    let house = House::new().await;
    let (hubspot, id) = hubspot(&house).await;
    let mut heard: Vec<Answer> = Vec::new();
    let one = format!("GET /api/integrations/{id}");
    let shown = house.done(Who::Admin, &one, Value::Null).await;
    assert_eq!((&shown["status"], &shown["quota"]), (&json!("untried"), &Value::Null));

    let tried = house.done(Who::Admin, &format!("POST /api/integrations/{id}/test"), Value::Null).await;
    assert_eq!(
        tried,
        json!({"working": true, "error": null, "output": {"portalId": 7, "timeZone": "Europe/Paris"}})
    );
    let shown = house.done(Who::Admin, &one, Value::Null).await;
    assert_eq!(
        (&shown["status"], &shown["quota"]),
        (&json!("ok"), &json!({"remaining": 249_000, "limit": 250_000}))
    );

    let upsert = step(
        "hub",
        "upsert_contact",
        json!({"email": "{{contact.email}}", "properties": {"colour": "{{contact.colour}}"}}),
    );
    house.done(Who::Admin, "POST /api/workflows", workflow("hub", "changed", upsert)).await;
    let event = |colour: Value| json!({"event": "hub.changed", "data": {"contact": {"email": "ann@example.com", "name": "x", "colour": colour}}});
    let logs = async |execution: i64| {
        let line = format!("GET /api/workflow-executions/{execution}");
        house.done(Who::Admin, &line, Value::Null).await["logs"].take()
    };
    // A field that the other system refuses is named in its words.
    let refused = house.run(Who::Admin, event(json!("red"))).await;
    let row = logs(refused).await[1].take();
    assert_eq!(row["error"], "\"hub\" refused it: colour: Property \"colour\" does not exist");
    assert_eq!(
        row["output_data"]["fields"],
        json!([{"field": "colour", "message": "Property \"colour\" does not exist"}])
    );

    // The connection is taken away: what needs it waits, and goes on when it is connected again.
    hubspot.with(|hubspot| {
        hubspot.tokens.expire();
        hubspot.tokens.is_revoked = true;
    });
    let parked = house.run(Who::Admin, event(Value::Null)).await;
    let shown = house.done(Who::Admin, &format!("GET /api/workflow-executions/{parked}"), Value::Null).await;
    assert_eq!(
        (&shown["status"], &shown["logs"][1]["output_data"]["parked"]),
        (&json!("waiting"), &json!(true))
    );
    assert_eq!(house.done(Who::Admin, &one, Value::Null).await["status"], "expired");
    let tried = house.done(Who::Admin, &format!("POST /api/integrations/{id}/test"), Value::Null).await;
    assert_eq!(tried["working"], false);
    hubspot.with(|hubspot| {
        hubspot.tokens.is_revoked = false;
        hubspot.tokens.refresh = "refresh-77-canary".to_owned();
    });
    let change = json!({"secrets": {"refreshToken": "refresh-77-canary"}});
    heard.push(house.call(Who::Admin, &format!("PATCH /api/integrations/{id}"), &change).await);
    house.rest(Who::Admin.tenant(), parked).await;
    assert_eq!(logs(parked).await[1]["status"], "completed");
    assert_eq!(hubspot.with(|hubspot| hubspot.count("contacts")), 1);

    // A webhook whose whole address is a secret, in every kind of trouble.
    let slack = Mock::start(Slack::default()).await;
    for (name, address) in [("there", slack.url()), ("gone", "http://127.0.0.1:1".to_owned())] {
        let url = format!("{address}{}", testkit::systems::slack::WEBHOOK);
        let made = json!({"name": name, "provider": "slack", "secrets": {"webhookUrl": url}});
        house.done(Who::Admin, "POST /api/integrations", made).await;
        let message = json!([{"type": "slack_message", "config": {"connection": name, "text": "Hello"}}]);
        house.done(Who::Admin, "POST /api/workflows", workflow(name, "said", message)).await;
    }
    let said = |name: &str| json!({"event": format!("{name}.said"), "data": {"contact": {"name": "x"}}});
    for trouble in ["", "cut", "revoked"] {
        match trouble {
            "cut" => slack.cut_next(1),
            "revoked" => slack.with(|slack| slack.is_revoked = true),
            _ => {}
        }
        house.run(Who::Admin, said("there")).await;
    }
    house.run(Who::Admin, said("gone")).await;
    for line in [
        "GET /api/integrations",
        "GET /api/providers",
        "GET /api/notifications",
        "GET /api/events",
        "GET /api/workflow-executions?limit=200",
    ] {
        heard.push(house.call(Who::Admin, line, &Value::Null).await);
    }
    let all = house.done(Who::Admin, "GET /api/workflow-executions?limit=200", Value::Null).await;
    for execution in all.as_array().unwrap() {
        let line = format!("GET /api/workflow-executions/{}", execution["id"]);
        heard.push(house.call(Who::Admin, &line, &Value::Null).await);
    }
    for answer in &heard {
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert!(!SECRET.iter().any(|secret| answer.text.contains(secret)), "{}", answer.text);
    }
    let stored = format!("{:?}", house.place.tables());
    assert!(
        stored.contains("hub") && !SECRET.iter().any(|secret| stored.contains(secret)),
        "a secret is kept in clear"
    );
    assert_eq!(hubspot.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_connection_is_authorised_in_the_browser_by_whoever_began() {
    let (house, sink) = (House::new().await, Sink::start().await);
    let things = Things::make(&house, Who::Admin, "quillfeather", &sink).await;
    let promote = format!("PATCH /api/users/{}", things.user);
    house.done(Who::Admin, &promote, json!({"role": "admin"})).await;
    let person = cookie(&house, &things).await;
    let salesforce = Mock::start(Salesforce::new()).await;
    let url = salesforce.url();
    salesforce.with(|salesforce| salesforce.lives_at(&url));
    let made = house.done(Who::Admin, "POST /api/integrations", json!({
        "name": "sf", "provider": "salesforce", "config": {"clientId": "app", "auth": "refresh_token", "loginUrl": url},
        "secrets": {"clientSecret": "canary-5ecret"},
    }));
    let id = made.await["id"].as_i64().unwrap();
    let begin = async || {
        let request =
            Request::post(format!("/api/integrations/{id}/authorize")).header("host", "flows.example.com");
        let Credentials::Cookie(cookie) = person.clone() else { panic!("a person has a cookie") };
        let request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
        let begun = house.send(request.body(Body::empty()).unwrap()).await.data();
        let url = url::Url::parse(begun["url"].as_str().unwrap()).unwrap();
        url.query_pairs().into_owned().collect::<std::collections::BTreeMap<String, String>>()
    };
    let back = async |who: Credentials, query: String| {
        let request = Request::get(format!("/oauth/callback?{query}")).header("host", "flows.example.com");
        // A browser that another site sends here.
        let request = match who {
            Credentials::Cookie(cookie) => {
                request.header("cookie", cookie).header("sec-fetch-site", "cross-site")
            }
            _ => request,
        };
        house.send(request.body(Body::empty()).unwrap()).await
    };
    let sent = begin().await;
    assert_eq!(sent["redirect_uri"], "http://flows.example.com/oauth/callback");
    assert_eq!((sent["response_type"].as_str(), sent["code_challenge_method"].as_str()), ("code", "S256"));
    let code = |sent: &std::collections::BTreeMap<String, String>| {
        let pair = (sent["code_challenge"].clone(), sent["redirect_uri"].clone());
        salesforce.with(|salesforce| salesforce.tokens.codes.insert("c0de".to_owned(), pair));
    };
    code(&sent);
    // Nobody else can end it: without a session, or with a state that was not begun.
    assert_eq!(back(Who::Nobody.into(), format!("state={}&code=c0de", sent["state"])).await.status, 401);
    assert_eq!(back(person.clone(), "state=other&code=c0de".to_owned()).await.status, 409);
    let ended = back(person.clone(), format!("state={}&code=c0de", sent["state"])).await;
    assert_eq!(
        (ended.status, ended.headers["location"].to_str().unwrap()),
        (303, "/settings?tab=connections"),
        "{}",
        ended.text
    );
    // It is good once.
    assert_eq!(back(person.clone(), format!("state={}&code=c0de", sent["state"])).await.status, 409);
    let tried = house.done(Who::Admin, &format!("POST /api/integrations/{id}/test"), Value::Null).await;
    assert_eq!(tried["working"], true, "{tried}");

    // It is not allowed over there.
    let sent = begin().await;
    let denied = back(person.clone(), format!("state={}&error=access_denied", sent["state"])).await;
    assert!(denied.status == 409 && denied.text.contains("access_denied"), "{}", denied.text);
    // A code of another verifier.
    let sent = begin().await;
    let pair = ("other".to_owned(), sent["redirect_uri"].clone());
    salesforce.with(|salesforce| salesforce.tokens.codes.insert("c0de".to_owned(), pair));
    let refused = back(person, format!("state={}&code=c0de", sent["state"])).await;
    assert!(refused.status == 409 && refused.text.contains("invalid code verifier"), "{}", refused.text);
}
