//! Personal answers in history: viewers do not read them (contract section 6), nor the links by which people who were invited give theirs.
//!
//! Answers are stored as they were given, for later steps need them. On the way out to a viewer the answers themselves
//! are hidden by their key, and their text wherever a step has put it: in a rendered config, an output, an error. What a
//! template has changed beyond case and escaping (cut off, reformatted) is not recognised any more.

use std::collections::{HashMap, HashSet};

use model::{
    ExecutionId, FormId,
    form::Form,
    user::{Identity, Role},
};
use serde_json::{Map, Value};
use store::{
    Connection, StoreResult,
    form::form_find,
    history::{Told, told},
    invitation::link,
    submission::{MASK, mask},
};

/// Shorter texts are not looked for: they stand everywhere.
const SHORTEST: usize = 3;

/// What is hidden from whoever asks.
#[derive(Debug, Default)]
pub struct Veil {
    /// Whoever asks may only read.
    is_viewer: bool,
    forms: HashMap<FormId, Form>,
    runs: HashMap<ExecutionId, Personal>,
}

impl Veil {
    /// For these events' data. Whoever may do more than read sees everything.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn over<'a>(
        connection: &mut Connection,
        identity: Identity,
        data: impl Iterator<Item = &'a Value>,
    ) -> StoreResult<Self> {
        let mut veil = Self { is_viewer: identity.role == Role::Viewer, ..Self::default() };
        if veil.is_viewer {
            veil.forms(connection, identity, data).await?;
        }
        Ok(veil)
    }

    /// For what these executions show: of all that they were told, and not only of the event that started them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn over_runs(
        connection: &mut Connection,
        identity: Identity,
        executions: impl Iterator<Item = ExecutionId>,
    ) -> StoreResult<Self> {
        let mut veil = Self::default();
        veil.add_runs(connection, identity, executions).await?;
        Ok(veil)
    }

    /// The same over these executions as well.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn add_runs(
        &mut self,
        connection: &mut Connection,
        identity: Identity,
        executions: impl Iterator<Item = ExecutionId>,
    ) -> StoreResult<()> {
        self.is_viewer = identity.role == Role::Viewer;
        if self.is_viewer {
            let told = told(connection, identity.tenant, executions).await?;
            let events = told.values().flatten().flat_map(|told| &told.events);
            self.forms(connection, identity, events).await?;
            let runs = told.into_iter().map(|(id, told)| (id, Personal::told(&told, &self.forms)));
            self.runs.extend(runs.collect::<Vec<_>>());
        }
        Ok(())
    }

    async fn forms<'a>(
        &mut self,
        connection: &mut Connection,
        identity: Identity,
        data: impl Iterator<Item = &'a Value>,
    ) -> StoreResult<()> {
        for id in data.filter_map(form_of).collect::<HashSet<_>>() {
            // A form that was never there has marked nothing as personal.
            if let Some(form) = form_find(connection, identity.tenant, id).await? {
                self.forms.insert(id, form);
            }
        }
        Ok(())
    }

    /// What is to be hidden wherever this event's data have got to.
    #[must_use]
    pub fn of(&self, data: &Value) -> Personal {
        let form = form_of(data).and_then(|id| self.forms.get(&id));
        let found = form.map_or_else(Personal::default, |form| Personal::of(data, form));
        Personal { links: self.is_viewer, ..found }
    }

    /// What is to be hidden wherever this execution has written something; nothing of one that the veil was not made for.
    #[must_use]
    pub fn of_run(&self, execution: ExecutionId) -> Personal {
        let found = self.runs.get(&execution).cloned().unwrap_or_default();
        Personal { links: self.is_viewer, ..found }
    }
}

/// Personal answers: of one submission, or of all that an execution was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Personal {
    /// The questions' keys.
    keys: Vec<String>,
    /// What is looked for in texts, longest first so that no part of it is left.
    texts: Vec<String>,
    /// Links by which people answer as themselves are hidden, too.
    links: bool,
}

impl Personal {
    /// Those in an event's data.
    #[must_use]
    pub fn of(data: &Value, form: &Form) -> Self {
        let Some(answers) = data.pointer("/submission/data").and_then(Value::as_object) else {
            return Self::default();
        };
        let mut masked = answers.clone();
        mask(&mut masked, Some(form));
        Self::found(answers.iter().filter(|(key, answer)| masked.get(*key) != Some(*answer)))
    }

    /// Those in everything that an execution was told.
    fn told(told: &[Told], forms: &HashMap<FormId, Form>) -> Self {
        let mut all = Self::default();
        for Told { events, answers } in told {
            for data in events {
                if let Some(form) = form_of(data).and_then(|id| forms.get(&id)) {
                    all = all.and(Self::of(data, form));
                }
            }
            for (questions, answers) in answers {
                let is_personal = |key: &String| {
                    let mut questions = questions.as_array().into_iter().flatten();
                    questions.any(|question| question["key"] == *key && question["personal"] == true)
                };
                let personal = answers.iter().filter(|(key, answer)| is_personal(key) && !answer.is_null());
                all = all.and(Self::found(personal));
            }
        }
        all
    }

    fn found<'a>(answers: impl Iterator<Item = (&'a String, &'a Value)>) -> Self {
        let (mut keys, mut texts) = (Vec::new(), Vec::new());
        for (key, answer) in answers {
            keys.push(key.clone());
            texts_of(answer, &mut texts);
        }
        let mut found =
            Self { keys, links: false, texts: texts.iter().flat_map(|text| spellings(text)).collect() };
        found.sort();
        found
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self.texts.extend(other.texts);
        self.links |= other.links;
        self.sort();
        self
    }

    fn sort(&mut self) {
        self.keys.sort();
        self.keys.dedup();
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.texts.dedup();
    }

    /// Hides them in what a step was given or gave.
    pub fn hide(&self, value: &mut Value) {
        if self.keys.is_empty() && !self.links {
            return;
        }
        match value {
            Value::String(text) => self.hide_in_text(text),
            Value::Number(number) if self.texts.contains(&number.to_string()) => *value = MASK.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.hide(field));
                self.hide_answers(fields);
                self.hide_sides(fields);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Where the answers themselves stand they are hidden however short they are: those of a submission in an event's data, and those of an
    /// approval in its output.
    fn hide_answers(&self, fields: &mut Map<String, Value>) {
        if let Some(answers) = fields.get_mut("submission").and_then(|submission| submission.get_mut("data"))
        {
            self.hide_keys(answers);
        }
        if fields.contains_key("decision")
            && let Some(answers) = fields.get_mut("form")
        {
            self.hide_keys(answers);
        }
    }

    fn hide_keys(&self, answers: &mut Value) {
        for key in &self.keys {
            if let Some(answer) = answers.get_mut(key).filter(|answer| !answer.is_null()) {
                *answer = MASK.into();
            }
        }
    }

    /// Hides them in a sentence.
    pub fn hide_in_text(&self, text: &mut String) {
        for personal in &self.texts {
            if text.contains(personal.as_str()) {
                *text = text.replace(personal.as_str(), MASK);
            }
        }
        if self.links {
            hide_links(text);
        }
    }

    /// The verdict on a condition says which field it read: there the answer is hidden however short it is.
    fn hide_sides(&self, verdict: &mut Map<String, Value>) {
        let is_personal = verdict.get("field").and_then(Value::as_str).is_some_and(|field| {
            let names: Vec<&str> =
                field.split(['.', '[', ']', '"', '\'']).filter(|name| !name.is_empty()).collect();
            let is_key = |name: &str| self.keys.iter().any(|key| key == name);
            // `submission.data.age`, `event.submission.data.age`, `steps.ask.output.form.age`.
            names.windows(3).any(|part| {
                matches!(part, ["submission", "data", name] | ["output", "form", name] if is_key(name))
            })
        });
        if is_personal {
            for side in ["left", "reason"] {
                if let Some(value) = verdict.get_mut(side) {
                    *value = MASK.into();
                }
            }
        }
    }
}

/// Hides the tokens of invitations: whoever opens such a link answers as the contact whose it is.
fn hide_links(text: &mut String) {
    let mut from = 0;
    while let Some(found) = text[from..].find(link::PATH) {
        let start = from + found + link::PATH.len();
        let length = text[start..].find(|character: char| character != '-' && !character.is_ascii_hexdigit());
        let end = length.map_or(text.len(), |length| start + length);
        from = start;
        if link::named(&text[start..end]).is_some() {
            text.replace_range(start..end, MASK);
            from += MASK.len();
        }
    }
}

/// The form that an event's data say they belong to.
fn form_of(data: &Value) -> Option<FormId> {
    let places = ["/formId", "/submission/formId", "/form_id", "/submission/form_id"];
    places.iter().find_map(|place| data.pointer(place)?.as_i64()?.try_into().ok())
}

fn texts_of(answer: &Value, texts: &mut Vec<String>) {
    match answer {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| texts_of(field, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text as the templates' filters write it.
fn spellings(text: &str) -> impl Iterator<Item = String> {
    let plain = text.trim();
    let html = plain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    let json = Value::from(plain).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let url = plain
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    let all = [plain.to_owned(), plain.to_lowercase(), plain.to_uppercase(), html, json, url];
    let is_long_enough = plain.chars().count() >= SHORTEST;
    all.into_iter().filter(move |_| is_long_enough)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        serde_json::from_value(json!({
            "id": 10, "tenant_id": 1, "name": "n", "slug": "s", "description": null, "is_active": true, "tags": [],
            "questions": [
                {"key": "q_nps", "type": "nps", "label": "How likely?"},
                {"key": "q_why", "type": "text", "label": "Why?"},
                {"key": "q_name", "type": "text", "label": "Name", "personal": true},
                {"key": "q_age", "type": "number", "label": "Age", "personal": true},
                {"key": "q_phone", "type": "number", "label": "Phone", "personal": true},
            ],
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "created_by": null,
            "updated_by": null, "version": 1, "archived_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn the_links_of_invitations_are_hidden_from_who_may_only_read() {
        let token = "3-0123456789abcdef0123456789abcdef";
        let of_link = |token: &str| json!({"url": format!("https://x.example/i/{token}"), "html": format!("<a href=\"/i/{token}\">Go</a> /i/ /i/none")});
        let mut shown = of_link(token);
        Personal { links: true, ..Personal::default() }.hide(&mut shown);
        assert_eq!(shown, of_link(MASK));
        let mut seen = of_link(token);
        Personal::default().hide(&mut seen);
        assert_eq!(seen, of_link(token));
    }

    #[test]
    fn personal_answers_are_hidden_wherever_they_have_got_to() {
        let mut data = json!({"formId": 10, "submission": {"id": 7, "formId": 10, "data": {
            "q_nps": 42, "q_why": "Ask Zoë <O'Hara>", "q_name": " Zoë <O'Hara> ", "q_age": 42, "q_phone": 33123456,
            "q_skipped": null,
        }}});
        let personal = Personal::of(&data, &form());
        personal.hide(&mut data);
        let mut log = json!({
            "to": "desk@example.com",
            "subject": "Call Zoë <O'Hara>, ZOË <O'HARA>!",
            "html": "Zoë &lt;O&#39;Hara&gt;",
            "url": "https://example.com/?n=Zo%C3%AB%20%3CO%27Hara%3E&p=33123456",
            "number": 33_123_456,
            "score": 42,
            "conditions": [
                {"field": "submission.data[\"q_age\"]", "operator": ">", "left": 42, "right": 18, "reason": "42 is greater than 18"},
                {"field": "submission.data.q_nps", "operator": ">", "left": 42, "right": 18, "reason": "42 is greater than 18"},
            ],
        });
        personal.hide(&mut log);
        insta::assert_json_snapshot!(json!({"data": data, "log": log}), @r#"
        {
          "data": {
            "formId": 10,
            "submission": {
              "id": 7,
              "formId": 10,
              "data": {
                "q_nps": 42,
                "q_why": "Ask •••",
                "q_name": "•••",
                "q_age": "•••",
                "q_phone": "•••",
                "q_skipped": null
              }
            }
          },
          "log": {
            "to": "desk@example.com",
            "subject": "Call •••, •••!",
            "html": "•••",
            "url": "https://example.com/?n=•••&p=•••",
            "number": "•••",
            "score": 42,
            "conditions": [
              {
                "field": "submission.data[\"q_age\"]",
                "operator": ">",
                "left": "•••",
                "right": 18,
                "reason": "•••"
              },
              {
                "field": "submission.data.q_nps",
                "operator": ">",
                "left": 42,
                "right": 18,
                "reason": "42 is greater than 18"
              }
            ]
          }
        }
        "#);
    }

    #[test]
    fn what_no_form_has_marked_is_shown() {
        let data = json!({"submission": {"data": {"q_nps": 3}}});
        let mut log = json!({"subject": "3", "field": "submission.data.q_nps", "left": 3});
        let personal = Personal::of(&data, &form());
        let before = log.clone();
        personal.hide(&mut log);
        assert_eq!((personal, log), (Personal::default(), before));
    }
}
