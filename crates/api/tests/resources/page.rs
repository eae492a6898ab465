//! The page where a person answers a form.

use axum::http::header;
use insta::assert_snapshot;
use serde_json::json;

use crate::house::{Answer, House};

const PAGE: &str = "/f/after-your-visit";

async fn submit(house: &House, fields: &str) -> Answer {
    let body = ("application/x-www-form-urlencoded", fields.to_owned());
    house.send("", &format!("POST {PAGE}"), Some(body)).await
}

/// The page's own id, and the page without it and without the style.
fn parts(answer: &Answer) -> (String, String) {
    let (_, rest) = answer.text.split_once("name=\".id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap().to_owned();
    let (head, rest) = answer.text.split_once("<style>").unwrap();
    let (_, tail) = rest.split_once("</style>").unwrap();
    let page = format!("{head}<style></style>{tail}").replace(&id, "ID");
    (id, page)
}

#[tokio::test]
async fn a_person_answers() {
    let house = House::new().await;
    house.form().await;
    let shown = house.get("", &format!("{PAGE}?q_nps=9&q_liked=Food&q_name=%3Cb%3E")).await;
    assert_eq!(shown.status, 200);
    let (id, page) = parts(&shown);
    assert_snapshot!("form", page);

    // Something is wrong: everything that was typed is still there.
    let wrong = submit(
        &house,
        &format!(".id={id}&q_nps=&q_csat=4&q_email=grace&q_nights=0&q_why=two%0D%0Alines&q_from=Train+%26+bus&q_liked=Food&q_liked=Staff&q_day=soon"),
    )
    .await;
    assert_eq!(wrong.status, 422);
    let (same, page) = parts(&wrong);
    assert_eq!(same, id);
    assert_snapshot!("form_with_problems", page);
    assert_eq!(house.number("SELECT count(*) FROM submissions").await, 0);

    // Sent, and sent again by an impatient finger: one submission.
    let fields = format!(
        ".id={id}&q_nps=3&q_stars=5&q_name=&q_email=+grace%40example.com&q_nights=2,5&q_liked=Food&q_liked=Staff&q_day=2026-02-14&q_ok=yes&other=1"
    );
    for _ in 0..2 {
        let sent = submit(&house, &fields).await;
        assert_eq!((sent.status.as_u16(), sent.headers[header::LOCATION].to_str().unwrap()), (303, "?sent"));
    }
    assert_eq!(house.number("SELECT count(*) FROM workflow_executions").await, 1);
    let list = house.get("editor", "/api/submissions").await.json();
    assert_eq!(list["pagination"]["total"], 1);
    assert_eq!(
        list["data"][0]["data"],
        json!({"q_nps": 3, "q_stars": 5, "q_email": "grace@example.com", "q_nights": 2.5, "q_liked": ["Food", "Staff"],
            "q_day": "2026-02-14", "q_ok": true})
    );
    assert_eq!(list["data"][0]["created_by"], "public");

    let thanks = house.get("", &format!("{PAGE}?sent")).await;
    assert!(thanks.text.contains("Thank you!"), "{}", thanks.text);
}

#[tokio::test]
async fn a_page_runs_and_loads_nothing() {
    let house = House::new().await;
    house.form().await;
    let page = house.get("", PAGE).await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert_snapshot!(policy);
    assert!(!page.text.contains("<script") && !page.text.contains(" style=") && !page.text.contains(" on"));
    assert!(page.text.contains("After your &lt;visit&gt;"));
    assert!(page.text.len() < 16_384, "{} bytes are much for a phone", page.text.len());
}

#[tokio::test]
async fn what_is_not_there_is_said_kindly() {
    let house = House::new().await;
    let say = |answer: Answer| {
        let heading = answer.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
        format!("{} {}", answer.status.as_u16(), heading.unwrap_or("no page"))
    };
    let mut said = vec![say(house.get("", "/f/nothing").await), say(submit(&house, "").await)];
    house.form().await;
    said.push(say(house.json("", &format!("POST {PAGE}"), json!({})).await));
    said.push(say(submit(&house, &"a".repeat(1 << 21)).await));
    said.push(say(submit(&house, "%ff%00=%zz&q_nps=%00").await));
    house.json("editor", "PATCH /api/forms/1", json!({"is_active": false})).await.data();
    said.push(say(house.get("", PAGE).await));
    said.push(say(submit(&house, "q_nps=1").await));
    house.send("editor", "DELETE /api/forms/1", None).await.data();
    said.push(say(house.get("", PAGE).await));
    assert_eq!(
        said,
        [
            "404 There is no form here",
            "404 There is no form here",
            "415 That did not work",
            "413 That was too long",
            "422 After your &lt;visit&gt;",
            "410 This form is closed",
            "410 This form is closed",
            "410 This form is closed",
        ]
    );
}

#[tokio::test]
async fn too_many_answers_are_kept_in_the_page() {
    let house = House::new().await;
    house.form().await;
    for _ in 0..60 {
        submit(&house, "q_nps=").await;
    }
    let answer = submit(&house, "q_nps=3&q_ok=yes&q_name=Grace").await;
    assert_eq!((answer.status.as_u16(), answer.headers[header::RETRY_AFTER].to_str().unwrap()), (429, "1"));
    assert!(answer.text.contains("Please wait a minute") && answer.text.contains("value=\"Grace\""));
}
