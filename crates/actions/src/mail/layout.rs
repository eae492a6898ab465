//! What a mail wears: the tenant's layout around its HTML, a text beside it, and the line by which a receiver has no more of them.

use model::effect::Mail;

use super::text;

/// What stands for the mail in a layout; a layout without it is none.
pub const CONTENT: &str = "{{content}}";
const SUBJECT: &str = "{{subject}}";
const UNSUBSCRIBE: &str = "{{unsubscribe_url}}";

/// The mail as it is sent: with the layout, unless its HTML is a whole page already.
#[must_use]
pub fn dressed(mut mail: Mail, layout: Option<&str>) -> Mail {
    let url = mail.unsubscribe_url.clone();
    if mail.text.is_none()
        && let Some(html) = &mail.html
    {
        mail.text = Some(text::of_html(html));
    }
    if let (Some(url), Some(text)) = (&url, &mut mail.text)
        && !text.contains(url.as_str())
    {
        text.push_str(&format!("\n\n-- \nUnsubscribe: {url}\n"));
    }
    mail.html = mail.html.map(|html| {
        let is_page = html
            .trim_start()
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("<html") || start.eq_ignore_ascii_case("<!doc"));
        let layout = layout.filter(|layout| !is_page && layout.contains(CONTENT));
        let filled = match layout {
            // The content last: what it says is nobody's placeholder.
            Some(layout) => layout
                .replace(SUBJECT, &escaped(&mail.subject))
                .replace(UNSUBSCRIBE, &escaped(url.as_deref().unwrap_or_default()))
                .replacen(CONTENT, &html, 1),
            None => html,
        };
        with_unsubscribe(filled, url.as_deref())
    });
    mail
}

/// HTML with a line to unsubscribe at its end, if it does not say where yet.
fn with_unsubscribe(mut html: String, url: Option<&str>) -> String {
    let Some(url) = url.map(escaped).filter(|url| !html.contains(url.as_str())) else { return html };
    let line = format!("<p style=\"font-size:small\"><a href=\"{url}\">Unsubscribe</a></p>");
    // Bytes keep their places, as long as only ASCII is lowered.
    match html.to_ascii_lowercase().rfind("</body>") {
        Some(end) => html.insert_str(end, &line),
        None => html.push_str(&line),
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(html: Option<&str>, text: Option<&str>, url: Option<&str>) -> Mail {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Mail {
            subject: "5 < 6".into(),
            html: own(html),
            text: own(text),
            unsubscribe_url: own(url),
            ..Mail::default()
        }
    }

    #[test]
    fn a_mail_has_a_text_a_layout_and_a_way_out() {
        let layout = Some("<body><h1>{{subject}}</h1>{{content}}</body>");
        let dressed = |mail: Mail, layout| {
            let mail = dressed(mail, layout);
            (mail.html.unwrap_or_default(), mail.text.unwrap_or_default())
        };
        assert_eq!(
            dressed(mail(Some("<p>Hi {{subject}}</p>"), None, Some("https://x/u?a&b")), layout),
            (
                "<body><h1>5 &lt; 6</h1><p>Hi {{subject}}</p><p style=\"font-size:small\"><a href=\"https://x/u?a&amp;b\">Unsubscribe</a></p></body>".into(),
                "Hi {{subject}}\n\n-- \nUnsubscribe: https://x/u?a&b\n".into()
            )
        );
        let own = Some("{{content}}<a href=\"{{unsubscribe_url}}\">No more</a>");
        assert_eq!(
            dressed(mail(Some("<p>Hi</p>"), Some("Hi"), Some("https://x/u")), own),
            (
                "<p>Hi</p><a href=\"https://x/u\">No more</a>".into(),
                "Hi\n\n-- \nUnsubscribe: https://x/u\n".into()
            )
        );
        let page = "<!DOCTYPE html><html><body>Whole</body></html>";
        assert_eq!(dressed(mail(Some(page), Some("Whole"), None), layout), (page.into(), "Whole".into()));
        assert_eq!(dressed(mail(None, Some("Only text"), None), layout), (String::new(), "Only text".into()));
    }
}
