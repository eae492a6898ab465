use serde_json::json;
use testkit::systems::{
    Answer, Mock,
    slack::{Slack, TOKEN, WEBHOOK},
};

use crate::workbench::{Workbench, connection};

#[tokio::test]
async fn a_bot_posts_and_every_no_is_understood() {
    let slack = Mock::start(Slack::default()).await;
    let bench = Workbench::new();
    let config = json!({"apiUrl": format!("{}/api", slack.url()), "channel": "#care"});
    let bot = connection("slack", "slack", config, json!({"botToken": TOKEN}));
    let hello = || json!({"text": "Hello <!channel> & all"});
    let says = |answer| slack.with(|slack| slack.says = Some(answer));

    assert_eq!(bench.tell(&bot, "k0", "test", json!({})).await, r#"{"team":"Acme","user":"vtrustx"}"#);
    let posted = bench.tell(&bot, "k1", "send_message", hello()).await;
    assert_eq!(posted, r#"{"id":"1700000000.000001","created":true,"url":null}"#);
    // The step is performed again, as after a crash between the post and its record: nothing is posted twice.
    let again = bench.tell(&bot, "k1", "send_message", hello()).await;
    assert_eq!(again, r#"{"id":"1700000000.000001","created":false,"url":null}"#);
    assert_eq!(slack.with(|slack| slack.messages.clone()), [json!({"text": "Hello &lt;!channel> & all", "channel": "#care"})]);

    for (answer, told) in [
        (Answer::new(200, json!({"ok": false, "error": "is_archived"})), "Refused: \"slack\" refused it: channel: the channel is archived (is_archived)"),
        (Answer::new(200, json!({"ok": false, "error": "ekm_access_denied"})), "Refused: \"slack\" refused it: ekm_access_denied"),
        (Answer::new(200, json!({"ok": false, "error": "ratelimited"})).header("retry-after", "7"), "Paced in 7 s: \"slack\" asks for a pause: ratelimited"),
        (
            Answer::new(200, json!({"ok": false, "error": "fatal_error"})),
            "Refused: \"slack\" failed for now: fatal_error; it may have been done all the same, so it is not tried again",
        ),
    ] {
        says(answer);
        assert_eq!(bench.tell(&bot, "k2", "send_message", hello()).await, told);
        bench.mended();
        bench.ledger.of.lock().unwrap().made.clear();
    }
    // The line is cut after the post: that it may be there is said, and another attempt does not post.
    slack.cut_next(1);
    let cut = bench.tell(&bot, "k3", "send_message", hello()).await;
    assert!(cut.starts_with("Refused: ") && cut.ends_with("it may have been done all the same, so it is not tried again"), "{cut}");
    let again = bench.tell(&bot, "k3", "send_message", hello()).await;
    assert!(again.starts_with("Refused: an earlier attempt may have done this through \"slack\""), "{again}");
    assert_eq!(slack.with(|slack| slack.messages.len()), 2);
    // Unless the step asks for that.
    let repeated = bench.tell(&bot, "k3", "send_message", json!({"text": "x", "repeatWhenInDoubt": true})).await;
    assert!(repeated.contains("\"created\":true"), "{repeated}");

    // What customers wrote notifies nobody, in blocks as little as in the text, unless the step allows it.
    let blocks = json!([
        {"type": "section", "text": {"type": "mrkdwn", "text": "<!here> <@U1> *says* <https://x|y>"}, "fields": [{"type": "plain_text", "text": "<!here>"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "<!subteam^S1>"}]},
    ]);
    for (allowed, here, user, group) in [(false, "&lt;!here>", "&lt;@U1>", "&lt;!subteam^S1>"), (true, "<!here>", "<@U1>", "<!subteam^S1>")] {
        let message = json!({"text": "<@U1>", "blocks": blocks, "allowMentions": allowed});
        assert!(bench.tell(&bot, &format!("allowed {allowed}"), "send_message", message).await.contains("\"created\":true"));
        let posted = slack.with(|slack| slack.messages.pop().unwrap());
        assert_eq!((&posted["text"], &posted["blocks"][0]["text"]["text"]), (&json!(user), &json!(format!("{here} {user} *says* <https://x|y>"))));
        let others = (&posted["blocks"][0]["fields"][0]["text"], &posted["blocks"][1]["elements"][0]["text"]);
        assert_eq!(others, (&json!("<!here>"), &json!(group)));
    }

    let wrong = bench.tell(&bot, "k4", "send_message", json!({"text": "x", "channel": "#nowhere"})).await;
    assert_eq!(wrong, "Refused: \"slack\" refused it: channel: Slack knows no such channel, or the bot cannot see it (channel_not_found)");
    slack.with(|slack| slack.is_revoked = true);
    let revoked = bench.tell(&bot, "k5", "send_message", hello()).await;
    assert_eq!(revoked, "Parked: \"slack\" is not let in: token_revoked: connect it again in the settings, then this goes on");
    // From then on nothing is sent, and each execution waits.
    slack.took();
    let parked = bench.tell(&bot, "k6", "send_message", hello()).await;
    assert_eq!(parked, "Parked: \"slack\" is not let in any more: connect it again in the settings, then this goes on");
    assert_eq!((slack.took().len(), bench.ledger.of.lock().unwrap().parked), (0, 2));
    assert_eq!(slack.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_webhook_says_no_in_plain_text() {
    let slack = Mock::start(Slack::default()).await;
    let bench = Workbench::new();
    let hook = connection("care", "slack", json!({}), json!({"webhookUrl": format!("{}{WEBHOOK}", slack.url())}));
    let hello = || json!({"text": "Hello", "blocks": [{"type": "divider"}]});
    assert_eq!(bench.tell(&hook, "k0", "test", json!({})).await, r#"{"webhook":"is there"}"#);
    assert_eq!(bench.tell(&hook, "k1", "send_message", hello()).await, r#"{"id":"posted","created":true,"url":null}"#);
    for (status, text, told) in [
        (404, "channel_not_found", "Refused: \"care\" refused it: channel: Slack knows no such channel, or the bot cannot see it (channel_not_found)"),
        (410, "channel_is_archived", "Refused: \"care\" refused it: channel: the channel is archived (channel_is_archived)"),
        (400, "user_not_found", "Refused: \"care\" refused it: channel: Slack knows no such channel, or the bot cannot see it (user_not_found)"),
    ] {
        slack.with(|slack| slack.says = Some(Answer::new(status, text.into())));
        assert_eq!(bench.tell(&hook, text, "send_message", hello()).await, told);
    }
    slack.limit_next(1);
    let limited = bench.tell(&hook, "k2", "send_message", hello()).await;
    assert_eq!(limited, "Paced in 30 s: \"care\" asks for a pause: ratelimited");
    bench.mended();
    slack.with(|slack| slack.is_revoked = true);
    let gone = bench.tell(&hook, "k2", "send_message", hello()).await;
    assert_eq!(gone, "Parked: \"care\" is not let in: no_service: connect it again in the settings, then this goes on");
    assert!(!format!("{gone}{limited}").contains("canary"));
}
