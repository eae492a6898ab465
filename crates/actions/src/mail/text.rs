//! The text of a mail that was written as HTML alone: for readers without HTML, and for filters that distrust mails without text.

/// Elements whose text is not the mail's.
const SILENT: [&str; 4] = ["head", "style", "script", "title"];
/// Elements that begin and end on lines of their own.
const BLOCKS: [&str; 19] = [
    "p",
    "div",
    "section",
    "article",
    "header",
    "footer",
    "table",
    "tr",
    "ul",
    "ol",
    "blockquote",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
];
/// Of these, those with an empty line around them.
const APART: [&str; 10] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol"];

/// HTML as text: blocks on lines of their own, links with their addresses.
#[must_use]
pub fn of_html(html: &str) -> String {
    let mut writer = Writer::default();
    let (mut rest, mut link): (_, Option<(String, usize)>) = (html, None);
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        writer.text(text);
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = end_of(tag) else {
            rest = "";
            break;
        };
        let (inside, after) = (&tag[1..end], &tag[end + 1..]);
        rest = after;
        let closes = inside.starts_with('/');
        let name: String = inside
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if SILENT.contains(&name.as_str()) && !closes && !inside.ends_with('/') {
            // Up to its end, whatever stands in it. Bytes keep their places, as long as only ASCII is lowered.
            rest = rest.to_ascii_lowercase().find(&format!("</{name}")).map_or("", |end| &rest[end..]);
            continue;
        }
        match name.as_str() {
            "br" => writer.line(1),
            "li" if !closes => {
                writer.line(1);
                writer.text("- ");
            }
            "td" | "th" if !closes => writer.text(" "),
            "a" if closes => {
                if let Some((address, from)) = link.take() {
                    writer.address(&address, from);
                }
            }
            "a" => link = attribute(inside, "href").map(|address| (address, writer.written.len())),
            "img" => writer.text(&attribute(inside, "alt").unwrap_or_default()),
            block if APART.contains(&block) => writer.line(2),
            block if BLOCKS.contains(&block) => writer.line(1),
            _ => {}
        }
    }
    writer.text(rest);
    writer.written.trim().to_owned()
}

/// Where a tag ends: a `>` in quotes is a part of it.
fn end_of(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.char_indices().find_map(|(index, c)| {
        match (quote, c) {
            (None, '>') => return Some(index),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    // Bytes keep their places, as long as only ASCII is lowered.
    let lower = tag.to_ascii_lowercase();
    let start = lower.find(&format!(" {name}="))? + name.len() + 2;
    let value = &tag[start..];
    let quote = value.chars().next().filter(|c| "\"'".contains(*c));
    let value = match quote {
        Some(quote) => value[1..].split(quote).next()?,
        None => value.split([' ', '>']).next()?,
    };
    Some(decoded(value))
}

/// Text as it grows: white space is folded, and lines begin when something comes to stand on them.
#[derive(Default)]
struct Writer {
    written: String,
    /// Line ends that are due.
    lines: usize,
    /// A space is due.
    space: bool,
}

impl Writer {
    fn line(&mut self, lines: usize) {
        self.lines = self.lines.max(lines);
        self.space = false;
    }

    fn text(&mut self, text: &str) {
        for c in decoded(text).chars() {
            if c.is_whitespace() && c != '\u{a0}' {
                self.space = self.lines == 0;
                continue;
            }
            if self.lines > 0 {
                if !self.written.is_empty() {
                    self.written.push_str(&"\n".repeat(self.lines));
                }
                self.lines = 0;
            } else if self.space && !self.written.is_empty() {
                self.written.push(' ');
            }
            self.space = false;
            self.written.push(if c == '\u{a0}' { ' ' } else { c });
        }
        // A list's mark is followed by its text.
        if text == "- " {
            self.space = true;
        }
    }

    /// The address of a link, unless its text says the same.
    fn address(&mut self, address: &str, from: usize) {
        let shown = self.written.get(from..).unwrap_or_default().trim();
        let goes_somewhere =
            ["http://", "https://", "mailto:", "tel:"].iter().any(|start| address.starts_with(start));
        let bare = address.trim_start_matches("mailto:").trim_start_matches("tel:");
        if goes_somewhere && shown != address && shown != bare {
            let text = if shown.is_empty() { bare.to_owned() } else { format!(" ({bare})") };
            self.space = false;
            self.written.push_str(&text);
        }
    }
}

/// Text with its references read; those that are not known stay as they are.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.char_indices().take(12).find(|(_, c)| *c == ';').map(|(index, _)| index);
        match end.and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((character, end)) => {
                decoded.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "euro" => '€',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "middot" => '·',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_reads_as_text() {
        for (html, text) in [
            (
                "<p>Hi&nbsp;Ann,</p>\n<p>thank  you\nfor <b>5 &lt; 6</b> &amp; more.</p>",
                "Hi Ann,\n\nthank you for 5 < 6 & more.",
            ),
            (
                "<html><head><title>No</title><style>p > a {}</style></head><body><h1>Hello</h1>a<br>b<ul><li>one</li><li> two</li></ul>end</body>",
                "Hello\n\na\nb\n\n- one\n- two\n\nend",
            ),
            (
                "<a href=\"https://example.com/a?b=1&amp;c=2\">Write a review</a>, <a href='https://example.com'>https://example.com</a>, <a href=\"#x\">here</a>",
                "Write a review (https://example.com/a?b=1&c=2), https://example.com, here",
            ),
            (
                "<a href=https://example.com/x><img alt=\"The > shop\" src=x></a>",
                "The > shop (https://example.com/x)",
            ),
            (
                "<!-- <p>no</p> -->a<script>if (1<2) {}</script>b &unknown; & c &#8364;&#x20ac;",
                "ab &unknown; & c €€",
            ),
            ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
            ("plain", "plain"),
            ("broken <p", "broken"),
        ] {
            assert_eq!(of_html(html), text, "{html}");
        }
    }
}
