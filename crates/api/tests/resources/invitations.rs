//! Who is asked to answer a form: the link, the page behind it, and whose answer it is.

use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn whoever_was_invited_answers_once_and_is_known() {
    let house = House::new().await;
    house.form().await;
    let contact = json!({"email": "grace@example.com", "name": "Grace"});
    let contact = house.json("editor", "POST /api/contacts", contact).await.data()["id"].clone();
    let invite = json!({"formId": 1, "contactId": contact});
    assert_eq!(house.json("viewer", "POST /api/invitations", invite.clone()).await.status, 403);
    assert_eq!(
        house.json("other", "POST /api/invitations", invite.clone()).await.status,
        404,
        "another tenant's form"
    );
    let nobody = house.json("editor", "POST /api/invitations", json!({"formId": 1, "contactId": 99})).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.json()["error"]["details"][0]["path"].clone()),
        (422, json!("contactId"))
    );
    let made = house.json("editor", "POST /api/invitations", invite).await;
    assert_eq!(made.status, 201);
    let made = made.data();
    let page = made["url"].as_str().unwrap().to_owned();
    assert!(page.starts_with("/i/1-"), "{page}");

    let shown = house.get("", &format!("{page}?q_nps=9")).await;
    assert!(
        shown.status == 200 && shown.text.contains("How likely are you to recommend us?"),
        "{}",
        shown.text
    );
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    let post = async |fields: &str| {
        house
            .send("", &format!("POST {page}"), Some(("application/x-www-form-urlencoded", fields.to_owned())))
            .await
    };
    assert_eq!(post("q_nps=").await.status, 422);
    let open = house.get("viewer", "/api/invitations?answered=false").await.data();
    assert_eq!(
        (&open[0]["id"], &open[0]["answered_at"], open[0].get("url")),
        (&made["id"], &Value::Null, None)
    );
    for _ in 0..2 {
        assert_eq!(post("q_nps=9&q_ok=yes").await.status, 303);
    }
    let list = house.get("editor", "/api/submissions").await.json();
    assert_eq!(list["pagination"]["total"], 1, "sent twice, and once answered");
    assert_eq!(list["data"][0]["contact_id"], contact);
    assert!(house.get("", &page).await.text.contains("have arrived already"));
    let answered = house.get("viewer", &format!("/api/invitations/{}", made["id"])).await.data();
    assert_eq!(answered["submission_id"], list["data"][0]["id"]);
    assert_eq!(house.get("viewer", "/api/invitations?answered=false").await.data(), json!([]));

    for nothing in ["/i/1-0000", "/i/x", "/i/%FF", &page.replacen("/1-", "/2-", 1)] {
        assert_eq!(house.get("", nothing).await.status, 404, "{nothing}");
    }
    house.json("editor", "PATCH /api/forms/1", json!({"is_active": false})).await.data();
    assert_eq!(house.get("", &page).await.status, 410);
}

#[tokio::test]
async fn somebody_is_away_until_they_are_back() {
    let house = House::new().await;
    let own = house
        .json("user", "PATCH /api/session", json!({"away": {"until": "2026-02-20T08:00:00Z"}}))
        .await
        .data();
    let away = json!({"from": "2026-02-14T10:30:00.123Z", "until": "2026-02-20T08:00:00.000Z"});
    assert_eq!(own["user"]["away"], away);
    let path = format!("/api/users/{}", own["user"]["id"]);
    assert_eq!(
        house.json("admin", &format!("PATCH {path}"), json!({"name": "Ada"})).await.data()["away"],
        away
    );
    let past = json!({"away": {"until": "2026-02-01T08:00:00Z"}});
    let refused = house.json("admin", &format!("PATCH {path}"), past).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["error"]["details"][0]["path"].clone()),
        (422, json!("away.until"))
    );
    assert_eq!(
        house.json("admin", &format!("PATCH {path}"), json!({"away": null})).await.data()["away"],
        Value::Null
    );
}
