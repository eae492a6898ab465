//! The commands, as a transcript: on the store itself, and through a running server.

use std::{ffi::OsStr, fmt::Write};

use serde_json::{Value, json};

use crate::process::{House, KEY};

/// What was typed and what came of it, with everything left out that is another each time.
struct Transcript<'a> {
    house: &'a House,
    environment: Vec<(&'static str, String)>,
    text: String,
}

impl Transcript<'_> {
    async fn run(&mut self, line: &str) -> String {
        self.run_showing(line, str::to_owned).await
    }

    /// Writes down what `shown` makes of the answer.
    async fn run_showing(&mut self, line: &str, shown: impl Fn(&str) -> String) -> String {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = self.house.command(&arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, OsStr::new(value))));
        let output = command.output().await.unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        writeln!(self.text, "$ vtrustx {line}\n{}{}", masked(&shown(&stdout)), masked(&stderr)).unwrap();
        if !output.status.success() {
            writeln!(self.text, "(exit code {})\n", output.status.code().unwrap_or(-1)).unwrap();
        }
        stdout
    }
}

/// Times, durations, keys and ports are another each time.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        // How long a step took decides the width of its column too.
        let has_widths = text.contains("TOOK");
        for word in line.split(' ').filter(|word| !(has_widths && word.is_empty())) {
            let is_date = word.len() >= 10
                && word.trim_matches(['"', ',']).as_bytes().get(4) == Some(&b'-')
                && word.contains("20");
            let is_time = word.len() == 8
                && word.as_bytes().get(2) == Some(&b':')
                && word.as_bytes().get(5) == Some(&b':');
            let word = match word {
                word if word.contains("token=") => "LINK".to_owned(),
                word if word.trim_matches('"').starts_with("vtx_") => "KEY".to_owned(),
                "ms" if words.last().is_some_and(|number| number.parse::<u64>().is_ok()) => {
                    words.pop();
                    "DURATION".to_owned()
                }
                _ if is_date => "DATE".to_owned(),
                _ if is_time => "TIME".to_owned(),
                word => word.to_owned(),
            };
            words.push(word);
        }
        masked.push_str(words.join(" ").trim_end());
        masked.push('\n');
    }
    masked
}

/// A document with its keys in order: PostgreSQL keeps them in an order of its own.
fn in_order(document: &str) -> String {
    let sorted = testkit::tables::sorted(serde_json::from_str(document).unwrap());
    format!("{}\n", serde_json::to_string_pretty(&sorted).unwrap())
}

fn workflow(text: &str) -> Value {
    json!({
        "key": "greet", "name": "Greet", "trigger_event": "hello", "is_active": true,
        "actions": [{"type": "send_email", "config": {"to": "{{email}}", "subject": text, "body": "Hi"}}],
    })
}

#[tokio::test]
async fn a_day_of_an_operator() {
    let house = House::new();
    house.file("greet.json", &workflow("Hello").to_string());
    house.file(
        "other.json",
        &json!([{"name": "Tag VIPs", "trigger_event": "contact_created", "actions": []}]).to_string(),
    );
    house.file(
        "wrong.json",
        &json!({"name": "", "trigger_event": "x", "actions": [{"type": "send_mail", "config": {}}]})
            .to_string(),
    );
    let mut day = Transcript { house: &house, environment: Vec::new(), text: String::new() };

    day.run_showing("migrate", |said| said.replace("the database", "./vtrustx-data/vtrustx.db")).await;
    day.run("tenant create Acme").await;
    day.run("tenant list --json").await;
    day.run("workflow validate greet.json other.json").await;
    day.run("workflow validate wrong.json").await;
    day.run("workflow apply greet.json wrong.json").await;
    day.run("workflow apply greet.json other.json --tenant 2 --dry-run").await;
    day.run("workflow apply greet.json other.json --tenant 2").await;
    day.run("workflow apply greet.json other.json --tenant 2").await;
    house.file("greet.json", &workflow("Hello again").to_string());
    day.run("workflow apply greet.json other.json --tenant 2 --json").await;
    day.run("workflow list --tenant 2").await;
    day.run_showing("workflow export greet --tenant 2", in_order).await;
    day.run("workflow export --tenant 2 --output exported").await;
    day.run("workflow apply exported/greet.json exported/tag-vips.json --tenant 2").await;
    day.run("user create sam@example.com --role editor --tenant 2").await;
    day.run("user invite kim@example.com --tenant 2").await;
    day.run("user list --tenant 2").await;
    day.run("api-key create --tenant 2 --role admin --name robot").await;
    day.run("api-key list --tenant 2").await;
    day.run("api-key revoke 1 --tenant 2").await;
    day.run("workflow list --tenant 9").await;

    let server = house.serve(&[]).await;
    day.text.push_str("(a server starts on this store)\n\n");
    day.environment = vec![("VTRUSTX_URL", server.url.clone()), ("VTRUSTX_API_KEY", KEY.to_owned())];
    day.run("workflow apply greet.json").await;
    let event = server.post("/api/events", &json!({"event": "hello", "data": {"email": "nobody"}})).await;
    let path = format!("/api/workflow-executions/{}", event["executions"][0]["id"]);
    server.until(&path, |execution| execution["data"]["status"] == "completed").await;
    let listed = day.run("execution list --json --limit 1").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["event_id"], event["eventId"]);
    day.text.clear_after("$ vtrustx execution list --json");
    let id = listed[0]["id"].to_string();
    day.text.push_str("(an event came in)\n\n");
    day.run(&format!("execution show {id}")).await;
    day.run(&format!("execution retry {id}")).await;
    day.run(&format!("execution cancel {id}")).await;
    day.run("execution list --status failed").await;
    day.run("tenant list").await;
    day.run("workflow list --tenant 2").await;
    server.stop().await;
    insta::assert_snapshot!(day.text);
}

#[tokio::test]
async fn files_say_what_the_workflows_are() {
    let house = House::new();
    let other = json!([{"name": "Tag VIPs", "trigger_event": "contact_created", "actions": []}]);
    house.file("greet.json", &workflow("Hello").to_string());
    house.file("other.json", &other.to_string());
    let mut day = Transcript { house: &house, environment: Vec::new(), text: String::new() };
    day.run("migrate").await;
    day.text.clear();
    day.run("workflow apply greet.json other.json --dry-run").await;
    day.run("workflow apply greet.json other.json").await;
    day.run("workflow apply greet.json other.json --dry-run --exit-code").await;
    let mut changed = workflow("Hello again");
    changed["is_active"] = json!(false);
    changed["actions"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"id": "wait", "type": "delay", "config": {"duration": "1h"}}));
    changed["actions"][1]["id"] = json!("s1");
    house.file("greet.json", &changed.to_string());
    day.run("workflow apply greet.json --dry-run --exit-code").await;
    day.run("workflow apply greet.json").await;
    day.run("workflow apply greet.json --prune").await;
    day.run("workflow apply greet.json --prune --dry-run --exit-code").await;
    day.run("workflow apply greet.json --prune --yes").await;
    day.run("workflow apply greet.json --prune").await;
    let conditions = json!([{"field": "email", "operator": "!=", "value": "x"}]);
    let mut first = json!({"schemaVersion": 1, "key": "old", "name": "Old", "trigger_event": "ticket.created", "conditions": conditions});
    house.file("old.json", &first.to_string());
    day.run("workflow apply old.json").await;
    day.run("workflow apply old.json --dry-run --exit-code").await;
    first["schemaVersion"] = json!(9);
    house.file("new.json", &first.to_string());
    day.run("workflow apply old.json new.json").await;
    day.run("workflow apply old.json --exit-code").await;

    let server = house.serve(&[]).await;
    day.text.push_str("(a server starts on this store)\n\n");
    day.environment = vec![("VTRUSTX_URL", server.url.clone()), ("VTRUSTX_API_KEY", KEY.to_owned())];
    house.file("greet.json", &workflow("Hello").to_string());
    day.run("workflow apply greet.json old.json --dry-run").await;
    day.run("workflow apply greet.json old.json --prune --json").await;
    server.stop().await;
    insta::assert_snapshot!(day.text);
}

trait ClearAfter {
    fn clear_after(&mut self, mark: &str);
}

impl ClearAfter for String {
    /// Drops what is long and another each time.
    fn clear_after(&mut self, mark: &str) {
        if let Some(at) = self.rfind(mark) {
            self.truncate(at);
        }
    }
}

#[tokio::test]
async fn what_a_file_s_workflow_runs_is_not_pruned() {
    let house = House::new();
    let runs = |key: &str, name: &str, called: Value| {
        json!({"key": key, "name": name, "trigger_event": "x", "actions": [
            {"id": "s1", "type": "run_workflow", "config": {"workflowId": called}}]})
    };
    let last = json!({"key": "last", "name": "Last", "trigger_event": "x", "actions": [{"id": "s1", "type": "delay", "config": {"duration": "1s"}}]});
    let lonely = json!({"key": "lonely", "name": "Lonely", "trigger_event": "x", "actions": last["actions"]});
    let all = json!([
        runs("first", "First", json!("second")),
        runs("second", "Second", json!("last")),
        last,
        lonely
    ]);
    house.file("all.json", &all.to_string());
    house.file("first.json", &all[0].to_string());
    let mut day = Transcript { house: &house, environment: Vec::new(), text: String::new() };
    day.run("migrate").await;
    day.run("workflow apply all.json").await;
    day.text.clear();
    day.run("workflow apply first.json --prune --yes").await;
    day.run("workflow list").await;
    insta::assert_snapshot!(day.text);
}

#[tokio::test]
async fn a_new_key_takes_the_place_of_the_old_one() {
    let house = House::new();
    let server = house.serve(&[]).await;
    let hook = json!({"name": "Hook", "trigger_event": "webhook", "is_active": true, "actions": [],
        "trigger_config": {"auth": {"type": "header", "name": "X-Key", "value": "knock knock"}}});
    let address = server.post("/api/workflows", &hook).await["hook_url"].as_str().unwrap().to_owned();
    let path = format!("/hooks/{}", address.rsplit_once('/').unwrap().1);
    if house.path().join("vtrustx-data/vtrustx.db").exists() {
        let output = house.command(&["secrets", "rotate"]).output().await.unwrap();
        assert!(!output.status.success(), "a server has the store");
    }
    server.stop().await;
    let own = house.path().join("vtrustx-data/secret.key");
    let before = std::fs::read_to_string(&own).unwrap();
    let output = house.command(&["secrets", "rotate", "--json"]).output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    // The workflow's and its version's.
    assert_eq!((&report["resealed"], &report["unreadable"]), (&json!(2), &json!([])));
    let after = std::fs::read_to_string(&own).unwrap();
    let kept: Vec<String> = std::fs::read_dir(own.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("secret.key."))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_ne!(before, after);
    assert_eq!(kept, [before]);
    let server = house.serve(&[]).await;
    let call = |secret: &'static str| {
        let request = reqwest::Client::new().post(format!("{}{path}", server.url)).header("X-Key", secret);
        async move { request.json(&json!({})).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(
        (call("wrong").await, call("knock knock").await),
        (401, 202),
        "address and secret are what they were"
    );
    server.stop().await;
}
