//! The hosts that a definition names in plain sight (contract section 9): a webhook may only go to one of these,
//! or to one on the tenant's list, so that no answer to a survey can choose where data is sent.

use serde_json::Value;

use crate::schema::Schema;

/// `scheme://host[:port]` of every literal target in properties of format `uri`, in lower case and as written:
/// compare after parsing both with the parser that will connect.
pub(crate) fn literal_hosts(schema: &Value, config: &Value) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut pending = vec![(Schema::root(schema), config)];
    while let Some((schema, value)) = pending.pop() {
        match value {
            Value::String(text) if schema.has_format("uri") => {
                hosts.extend(literal_host(text).filter(|host| !hosts.contains(host)));
            }
            Value::Array(items) => {
                if let Some(schema) = schema.items() {
                    pending.extend(items.iter().rev().map(|item| (schema, item)));
                }
            }
            Value::Object(fields) => pending
                .extend(fields.iter().rev().filter_map(|(key, field)| Some((schema.property(key)?, field)))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    hosts
}

/// The literal scheme and host of a URL. None when a template can reach into them: `https://{{x}}/`, and also
/// `https://good.example{{x}}`, which `x` could go on as `.evil.example`.
fn literal_host(url: &str) -> Option<String> {
    let url = url.trim();
    let templated = url.find("{{");
    let literal = &url[..templated.unwrap_or(url.len())];
    let (scheme, rest) = literal.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return None;
    }
    // Browsers and HTTP clients read a backslash as a slash.
    let authority = match rest.find(['/', '\\', '?', '#']) {
        Some(end) => &rest[..end],
        None if templated.is_none() => rest,
        None => return None,
    };
    let host = authority.rsplit('@').next()?;
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    Some(format!("{scheme}://{}", host.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::literal_host;

    #[test]
    fn a_template_cannot_choose_the_host() {
        let host = |url: &str| literal_host(url);
        let literal = |host: &str| Some(host.to_owned());
        assert_eq!(
            host("https://Hooks.Example.com:8443/a/{{id}}?q={{x}}"),
            literal("https://hooks.example.com:8443")
        );
        assert_eq!(host(" http://a.example"), literal("http://a.example"));
        assert_eq!(host("https://a.example?{{x}}"), literal("https://a.example"));
        assert_eq!(host("https://user:secret@a.example/"), literal("https://a.example"));
        assert_eq!(host("https://evil.example\\@good.example/"), literal("https://evil.example"));
        assert_eq!(host("https://[::1]:80/"), literal("https://[::1]:80"));
        for templated in [
            "{{url}}",
            "https://{{host}}/",
            "https://a.example{{x}}",
            "https://a.example{{x}}/",
            "https://a.{{region}}.example/",
            "https://a.example:{{port}}/",
            "{{scheme}}://a.example/",
            "ftp://a.example/",
            "https:///x",
            "https://a\t.example/",
            "nonsense",
        ] {
            assert_eq!(host(templated), None, "{templated}");
        }
    }
}
