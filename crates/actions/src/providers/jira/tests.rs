use serde_json::json;
use testkit::systems::{
    Mock,
    jira::{EMAIL, Jira, TOKEN},
};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn issues_and_comments_are_made_once_and_every_no_is_understood() {
    let jira = Mock::start(Jira::default()).await;
    let bench = Workbench::new();
    let site = connection("jira", "jira", json!({"siteUrl": jira.url(), "email": EMAIL}), json!({"apiToken": TOKEN}));
    assert_eq!(bench.tell(&site, "k0", "test", json!({})).await, r#"{"accountId":"5b10","active":true}"#);
    let issue = || json!({"project": "CX", "summary": "Friction", "description": "Slow\nvery\n\nReally", "labels": ["nps low"]});
    // The line is cut after the work was done: the next attempt finds what was made.
    jira.cut_next(1);
    assert!(bench.tell(&site, "vtx_1", "create_issue", issue()).await.starts_with("Connection: "));
    let again = bench.tell(&site, "vtx_1", "create_issue", issue()).await;
    assert_eq!(again, format!(r#"{{"id":"CX-1","created":false,"url":"{}/browse/CX-1"}}"#, jira.url()));
    let stored = jira.with(|jira| jira.issues.clone());
    assert_eq!((stored.len(), &stored[0]["fields"]["labels"]), (1, &json!(["nps_low", "vtx_1"])));
    assert_eq!(stored[0]["fields"]["description"]["content"], json!([
        {"type": "paragraph", "content": [{"type": "text", "text": "Slow"}, {"type": "hardBreak"}, {"type": "text", "text": "very"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "Really"}]},
    ]));
    jira.cut_next(1);
    let comment = || json!({"issue": "CX-1", "text": "Another one"});
    assert!(bench.tell(&site, "vtx_2", "add_comment", comment()).await.starts_with("Connection: "));
    assert_eq!(bench.tell(&site, "vtx_2", "add_comment", comment()).await, r#"{"id":"20000","created":false,"url":null}"#);
    assert_eq!(jira.with(|jira| jira.issues[0]["comments"].as_array().unwrap().len()), 1);
    for (status, told) in [
        ("in progress", r#"{"id":"CX-1","created":false,"moved":true}"#),
        ("In Progress", r#"{"id":"CX-1","created":false,"moved":false}"#),
        ("To Do", "InvalidConfig: the config is not valid: payload.status: leads nowhere from \"In Progress\"; from there an issue can become Done"),
    ] {
        assert_eq!(bench.tell(&site, status, "transition", json!({"issue": "CX-1", "status": status})).await, told);
    }
    for (action, payload, told) in [
        ("create_issue", json!({"project": "NO", "summary": "x"}), "Refused: \"jira\" refused it: project: valid project is required"),
        ("add_comment", json!({"issue": "CX-9", "text": "x"}), "Refused: \"jira\" refused it: Issue does not exist or you do not have permission to see it."),
        ("find_issues", json!({"jql": "nonsense"}), "Refused: \"jira\" refused it: Error in the JQL Query"),
    ] {
        assert_eq!(bench.tell(&site, "vtx_3", action, payload).await, told);
    }
    jira.limit_next(1);
    assert_eq!(bench.tell(&site, "k4", "create_issue", issue()).await, "Paced in 4 s: \"jira\" asks for a pause: jira-burst-based");
    bench.mended();
    jira.with(|jira| jira.is_revoked = true);
    let revoked = bench.tell(&site, "k5", "create_issue", issue()).await;
    assert!(revoked.starts_with("Parked: \"jira\" is not let in"), "{revoked}");
    assert_eq!(jira.violations(), Vec::<String>::new());
}
