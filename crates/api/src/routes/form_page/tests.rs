use serde_json::json;

use super::*;

#[test]
fn what_is_typed_becomes_what_the_api_takes() {
    let questions = json!([
        {"key": "scale", "type": "nps", "label": "?"},
        {"key": "number", "type": "number", "label": "?"},
        {"key": "many", "type": "multiple_choice", "label": "?", "options": ["a", "b"]},
        {"key": "mail", "type": "email", "label": "?"},
        {"key": "text", "type": "text", "label": "?"},
        {"key": "ok", "type": "consent", "label": "?"},
    ]);
    let form: Form = serde_json::from_value(json!({
        "id": 1, "tenant_id": 1, "name": "n", "slug": "s", "description": null, "questions": questions, "is_active": true, "tags": [],
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "created_by": null, "updated_by": null,
        "version": 1, "archived_at": null,
    }))
    .unwrap();
    for (typed, expected) in [
        ("", json!({"ok": false})),
        ("scale=7&ok=yes&number=1,5", json!({"scale": 7, "number": 1.5, "ok": true})),
        ("scale=seven&number=1e999", json!({"scale": "seven", "number": "1e999", "ok": false})),
        ("many=a&many=&many=b&mail=+x%40y.z+", json!({"many": ["a", "b"], "mail": "x@y.z", "ok": false})),
        ("text=+a%00b+&text=c&unknown=1&.id=2", json!({"text": " ab ", "ok": false})),
        ("many=&mail=+&text=%09", json!({"ok": false})),
    ] {
        assert_eq!(
            Value::Object(Typed::read(typed.as_bytes()).answers(&form.questions)),
            expected,
            "{typed}"
        );
    }
}

#[test]
fn a_page_s_id_is_one_that_a_page_was_given() {
    let id = page_id();
    assert_ne!(id, page_id());
    assert_eq!(Typed::read(format!(".id={id}").as_bytes()).page_id(), Some(id));
    for wrong in ["", "1", &"g".repeat(32), &"a".repeat(33)] {
        assert_eq!(Typed::read(format!(".id={wrong}").as_bytes()).page_id(), None);
    }
}
