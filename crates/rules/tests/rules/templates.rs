//! Templates and their filters.

use jiff::tz::TimeZone;
use rules::{Scope, Template};
use serde_json::{Map, Value, json};

fn data() -> Value {
    json!({
        "name": "ada lovelace", "email": "ada@example.org", "score": 9, "ratio": 2.345, "yes": true, "nothing": null,
        "blank": "  ", "text": "O'Neil & <b>Söhne</b>", "tags": ["vip", 7, null], "object": {"a": 1},
        "at": "2026-02-14T23:30:00.000Z", "day": "2026-03-01", "local": "2026-03-29T09:00:00", "millis": 1_771_111_800_000_i64,
        "number_text": " 1234.5 ", "braces": "{{name}}", "key.with.dots": "dotted", "long": "word ".repeat(30),
        "submission": {"data": {"q_name": "Ada"}}
    })
}

fn render(template: &Value, schema: Option<&Value>) -> String {
    let data = data();
    let locals: Map<String, Value> = serde_json::from_value(json!({
        "steps": {"s1": {"output": {"ticketId": 12}}}, "workflow": {"id": 45, "name": "NPS"}, "now": "2026-02-14T10:00:00.000Z"
    }))
    .unwrap();
    let zone = TimeZone::get("Europe/Paris").unwrap();
    let scope = Scope { trigger: &data, locals: &locals, time_zone: &zone };
    let template = match Template::compile(template, schema, "config") {
        Ok(template) => template,
        Err(problems) => return problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    match template.render(&scope) {
        Ok(rendered) if rendered.warnings.is_empty() => rendered.value.to_string(),
        Ok(rendered) => format!("{}   warning: {}", rendered.value, rendered.warnings.join("; ")),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn the_table_of_templates() {
    let templates = [
        "plain",
        "",
        "{{name}}",
        "{{ name }}",
        "Hi {{name}}!",
        "{{score}}",
        "{{score}}/10",
        "{{yes}}",
        "{{object}}",
        "{{tags}}",
        "is {{object}} and {{tags}} and {{yes}}",
        "{{nothing}}",
        "<{{nothing}}>",
        "{{missing}}",
        "<{{missing}}{{missing}}{{missing.too}}>",
        "{{steps.s1.output.ticketId}}",
        "{{workflow.name}} {{now}}",
        "{{trigger.name}}",
        "{{tags[1]}}{{tags.0}}",
        "{{[\"key.with.dots\"]}}",
        "{{submission.data.q_name}}",
        "{{braces}}",
        "{{ \"{{\" }}",
        "{{ \"{{\" }}name}}",
        "{{ '}}' }}",
        "a }} b } {",
        "{% if x %}{# no #}${name}",
        "{\"a\":{\"b\":\"{{name}}\"}}",
        "{{name|upper}}",
        "{{ name | title | truncate(5) }}",
        "{{name | upper | lower}}",
        "{{blank | trim}}|",
        "{{missing | default(\"there\")}}",
        "{{blank | default(\"there\")}}",
        "{{nothing | default('it''s')}}",
        "{{nothing | default(\"it's\")}}",
        "{{missing | upper | default(\"there\")}}",
        "{{score | default(0)}}",
        "{{missing | default(0)}}",
        "{{missing | default(\"a | b }} c\")}}",
        "{{ text | title }}",
        "{{at | date(\"%Y-%m-%d\")}}",
        "{{at | date(\"%d/%m/%Y %H:%M %Z\", \"America/New_York\")}}",
        "{{day | date(\"%A %d %B %Y\")}}",
        "{{local | date(\"%H:%M %:z\")}}",
        "{{millis | date(\"%F %T\")}}",
        "{{name | date(\"%F\")}}",
        "{{now | date(\"%F\", \"UTC\")}}",
        "{{ratio | number(2)}}",
        "{{score | number(2)}}",
        "{{number_text | number(0)}}",
        "{{number_text | number}}",
        "{{name | number(2)}}",
        "{{text | json}}",
        "{{object | json}}",
        "{{score | json}}",
        "{\"x\": {{missing | json}}, \"y\": {{nothing | json}}}",
        "{{text | url_encode}}",
        "{{text | escape}}",
        "{{long | truncate(20)}}",
        "{{name | truncate(0)}}",
        "{{name | truncate(100)}}",
        "{{tags | join(\", \")}}",
        "{{tags | join}}",
        "{{name | join(\"-\")}}",
        "{{tags | json | url_encode}}",
        "{{ \"literal\" | upper }}",
        "{{ \"a\\n\\\"b\\\"\" }}",
        // Refused.
        "{{",
        "Hello {{name",
        "{{}}",
        "{{  }}",
        "{{{name}}}",
        "{{name}",
        "ä{{first name}}",
        "{{a..b}}",
        "x {{ name | }}",
        "{{name | uppr}}",
        "{{name | upper(1)}}",
        "{{name | truncate}}",
        "{{name | truncate(-1)}}",
        "{{name | truncate(\"5\")}}",
        "{{name | default}}",
        "{{name | default(x)}}",
        "{{name | default(\"x)}}",
        "{{at | date(\"%!\")}}",
        "{{at | date(\"%F\", \"Mars/Olympus\")}}",
        "{{x | number(99)}}",
        "{{name | join(1)}}",
        "{{name | default(\"a\" \"b\")}}",
        "{{name | default(\"a\"",
        "{{1 + 1}}",
        "{{name()}}",
        "{{a[\"}}\"]}}",
        "{{\"open}}",
        "{{#if x}}",
        "{{name, x}}",
    ];
    let lines: Vec<String> = templates
        .iter()
        .map(|template| format!("{template}\n    {}", render(&json!(template), None)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(
        render(&json!(format!("{{{{x{}}}}}", " | upper".repeat(17))), None).contains("more than 16 filters")
    );
}

#[test]
fn a_whole_config_keeps_its_types() {
    let config = json!({
        "to": "{{email}}", "count": "{{score}}", "constant": [1, {"deep": null}], "list": ["{{tags}}", "{{missing}}"],
        "{{name | upper}}": true, "tag-{{score}}": {"{{missing}}": "{{object}}"}
    });
    insta::assert_snapshot!(render(&config, None));
    let problems = json!({"a": ["fine", "{{"], "b.c": {"{{": 1}, "ok": "{{ok}}"});
    insta::assert_snapshot!(render(&problems, None));
    let template = Template::compile(&config, None, "").unwrap();
    let paths: Vec<String> = template.paths().map(ToString::to_string).collect();
    assert_eq!(paths, ["email", "score", "tags", "missing", "name", "score", "missing", "object"]);
    assert!(!template.is_constant());
    let constant = |text: &str| Template::compile_text(text, "").unwrap().is_constant();
    assert!(constant("{{ \"{{\" }} only") && constant("{{ \"2026-01-01\" | date(\"%F\", \"UTC\") }}"));
    assert!(!constant("{{ \"2026-01-01T00:00:00Z\" | date(\"%F\") }}"));
}

#[test]
fn html_escapes_what_is_put_in() {
    let schema = json!({
        "type": "object",
        "properties": {
            "html": {"type": ["string", "null"], "format": "html"},
            "body": {"anyOf": [{"$ref": "#/$defs/Html"}, {"type": "null"}]},
            "subject": {"type": "string"}
        },
        "$defs": {"Html": {"type": "string", "format": "html"}}
    });
    let config = json!({
        "html": "<p title=\"{{text}}\">{{text | escape}} {{text | upper}} {{ \"<br>\" }} {{object}}</p>",
        "body": "{{text}}",
        "subject": "{{text}}"
    });
    insta::assert_snapshot!(render(&config, Some(&schema)));
}

#[test]
fn output_is_bounded() {
    let data = json!({"big": "\"".repeat(150_000), "huge": vec!["x".repeat(1000); 1000]});
    let scope = Scope::of_trigger(&data);
    let render = |template: &Value| {
        let rendered =
            Template::compile(template, None, "config").map_err(|problems| problems[0].to_string())?;
        rendered
            .render(&scope)
            .map(|rendered| rendered.value.to_string().len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(render(&json!("{{huge | json | truncate(80)}}")), Ok(80 + "\"\"\\".len() + "…".len() - 1));
    let too_large =
        Err("the rendered config is larger than 256 KiB: shorten its values, for example with truncate(200)"
            .to_owned());
    for template in [
        json!("{{huge}}"),
        json!("{{big}}{{big}}"),
        json!(["{{big}}", "{{big}}"]),
        json!({"{{big}}": "{{big}}"}),
    ] {
        assert_eq!(render(&template), too_large, "{template}");
    }
    let doubling = format!("{{{{big{}}}}}", " | json".repeat(16));
    assert!(render(&json!(doubling)).is_err_and(|error| error.contains("larger than 2 MiB")));
    assert_eq!(render(&json!("x".repeat(300_000))), Err("config: this is larger than 256 KiB".to_owned()));
    let deep = (0..120).fold(json!("{{a}}"), |inner, _| json!([inner]));
    assert!(render(&deep).is_err_and(|error| error.contains("nested more than 100 levels")));
}
