//! Some system with an HTTP interface: a token by client credentials, orders in pages that are told in each of the usual ways.

use serde_json::{Value, json};

use super::{Answer, System, bearer, oauth::Tokens, target};
use crate::sink::Request;

/// A shop with orders 1 to 7, in pages of three.
#[derive(Debug, Default)]
pub struct Shop {
    /// The token endpoint.
    pub tokens: Tokens,
}

const ORDERS: u64 = 7;
const PAGE: u64 = 3;

impl System for Shop {
    fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = target(request);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        if path == ["token"] {
            return self.tokens.answer(request);
        }
        if !bearer(request).is_some_and(|token| self.tokens.good.contains(token)) {
            return Answer::new(401, json!({"error": "invalid_token"}));
        }
        let number =
            |name: &str| query.get(name).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok());
        let begin = match path.as_slice() {
            ["api", "by-cursor"] => number("after").unwrap_or(0),
            ["api", "by-page"] => (number("page").unwrap_or(1) - 1) * PAGE,
            ["api", "by-link"] => number("from").unwrap_or(0),
            _ => return Answer::new(404, json!({"error": "no such path"})),
        };
        let orders: Vec<Value> = (begin + 1..=ORDERS.min(begin + PAGE)).map(|id| json!({"id": id})).collect();
        let next = begin + PAGE;
        let is_last = next >= ORDERS;
        let cursor = if is_last { Value::Null } else { next.to_string().into() };
        let answer = Answer::new(200, json!({"data": {"orders": orders}, "next": {"after": cursor}}));
        match path.as_slice() {
            ["api", "by-link"] if !is_last => answer.header(
                "link",
                format!("</api/by-link>; rel=\"first\", </api/by-link?from={next}>; rel=\"next\""),
            ),
            _ => answer,
        }
    }

    fn limited(&self) -> Answer {
        Answer::new(429, json!({"error": "slow down"})).header("retry-after", "11")
    }
}
