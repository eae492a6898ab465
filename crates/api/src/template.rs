//! The few pages that are rendered here, without the web app. They need no JavaScript.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, Value};

use crate::error::{ApiError, ApiResult};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("prose", prose);
    for (name, text) in [
        ("page.html", include_str!("templates/page.html")),
        ("sign_in.html", include_str!("templates/sign_in.html")),
        ("docs.html", include_str!("templates/docs.html")),
        ("front.html", include_str!("templates/front.html")),
    ] {
        environment
            .add_template(name, text)
            .expect("the templates are part of the program, and a test renders each");
    }
    environment
});

/// A page with what it shows; everything is escaped.
///
/// # Errors
/// 500 for a template that does not fit its context.
pub(crate) fn render(name: &str, context: Value) -> ApiResult<String> {
    let page = ENVIRONMENT.get_template(name).and_then(|template| template.render(context));
    page.map_err(ApiError::internal)
}

/// Text with `code` in it, as the doc comments of the handlers are written.
fn prose(text: &str) -> Value {
    let mut html = String::with_capacity(text.len() + 16);
    for (index, part) in text.split('`').enumerate() {
        if index > 0 {
            html.push_str(if index % 2 == 1 { "<code>" } else { "</code>" });
        }
        for letter in part.chars() {
            match letter {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                letter => html.push(letter),
            }
        }
    }
    if text.matches('`').count() % 2 == 1 {
        html.push_str("</code>");
    }
    Value::from_safe_string(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_prose_is_marked_and_the_rest_escaped() {
        assert_eq!(prose("Send `<a>` & `b").to_string(), "Send <code>&lt;a&gt;</code> &amp; <code>b</code>");
    }
}
