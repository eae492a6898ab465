//! HTTP to the outside: one client for the whole program, bound for each step to the hosts it may reach.
//!
//! The rules are those of contract sections 9 and 10: http and https only; addresses by [`AddressPolicy`], checked
//! on what is connected to; no proxy from the environment, which would resolve names by itself; redirects only
//! within the same scheme, host and port; no more of an answer is read than the request asks for.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, future::BoxFuture};
use reqwest::{
    Client, Method,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect,
};
use url::{Host, Origin, Url};

use crate::{
    action::{ActionError, ErrorKind},
    address::{AddressPolicy, NotPublic},
    capability::{Http, HttpRequest, HttpResponse, Target},
    hosts::Gate,
};

const MOST_REDIRECTS: usize = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that belong to the connection, not to the message; setting them would let one request become two.
pub const RESERVED_HEADERS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive"];

/// The program's HTTP client; connections are reused over steps and tenants.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    policy: AddressPolicy,
}

/// The client with the hosts that one step may reach, and what its calls pass on their way.
#[derive(Debug, Clone)]
pub struct BoundHttp<'a> {
    client: HttpClient,
    hosts: Vec<String>,
    gate: Gate<'a>,
}

impl HttpClient {
    /// A client that reaches what `policy` allows.
    ///
    /// # Panics
    /// When the TLS library cannot be set up, which no input can cause.
    #[must_use]
    pub fn new(policy: AddressPolicy) -> Self {
        let client = Client::builder()
            .user_agent(concat!("VTrustX-Workflows/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(policy)))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .expect("the options are constants");
        Self { client, policy }
    }

    /// For one step: `hosts` are its literal hosts and those on the tenant's list. An entry is a host name,
    /// `*.example.com` for every name below, or `https://example.com:8443` for just that scheme, host and port.
    #[must_use]
    pub fn bound<'a>(&self, hosts: impl IntoIterator<Item = String>, gate: Gate<'a>) -> BoundHttp<'a> {
        BoundHttp { client: self.clone(), hosts: hosts.into_iter().collect(), gate }
    }

    async fn exchange(&self, request: &HttpRequest, url: Url) -> Result<HttpResponse, ActionError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT)
            .ok_or_else(|| {
                ActionError::invalid("method", format!("{:?} is no HTTP method", request.method))
            })?;
        let headers = headers(&request.headers)?;
        let (mut method, mut url, mut body) = (method, url, request.body.clone());
        let mut redirects = 0;
        loop {
            self.check_literal(&url)?;
            let mut sent = self.client.request(method.clone(), url.clone()).headers(headers.clone());
            if !body.is_empty() {
                sent = sent.body(body.clone());
            }
            let answer = sent.send().await.map_err(|error| failure(&url, error))?;
            let not_followed = match redirect(&answer, &url) {
                None => None,
                Some(Err(why)) => Some(why),
                Some(Ok(_)) if redirects == MOST_REDIRECTS => Some("it redirects too often"),
                Some(Ok(next)) => {
                    redirects += 1;
                    url = next;
                    // Only 303 asks for another method. For 301 and 302 browsers change POST to GET, which would
                    // lose the message and look like success.
                    if answer.status() == 303 && method != Method::HEAD {
                        (method, body) = (Method::GET, Bytes::new());
                    }
                    continue;
                }
            };
            return read(answer, request.longest, not_followed, &url).await;
        }
    }

    /// A host that is an address is not resolved, hence checked here. The parser has already understood the
    /// decimal, octal and hexadecimal spellings.
    fn check_literal(&self, url: &Url) -> Result<(), ActionError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.policy.check(address).map_err(|error| refused(url, error))
    }
}

impl Http for BoundHttp<'_> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>> {
        async move {
            let url = Url::parse(request.url.trim()).map_err(|error| {
                ActionError::invalid(
                    "url",
                    format!("{error}; an address such as https://example.com/path is needed"),
                )
            })?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(ActionError::invalid("url", "must begin with http:// or https://"));
            }
            if request.target == Target::Definition {
                check_listed(&url, &self.hosts)?;
            }
            let host = shown(&url);
            let exchange = async {
                let exchange = self.client.exchange(&request, url);
                tokio::time::timeout(request.timeout, exchange).await.unwrap_or_else(|_| {
                    let millis = request.timeout.as_millis();
                    let message = format!("{host} did not answer within {millis} ms");
                    Err(ActionError { perhaps_done: true, ..ActionError::new(ErrorKind::Timeout, message) })
                })
            };
            self.gate.through(&host, exchange).await
        }
        .boxed()
    }
}

/// The host rule of contract section 9: data may fill in a path, but not choose who gets the message.
fn check_listed(url: &Url, hosts: &[String]) -> Result<(), ActionError> {
    if hosts.iter().any(|entry| is_listed(url, entry)) {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(ActionError::refused(format!(
        "the host {host} comes from data: write it literally in the step, or add it to the webhook hosts in the settings"
    )))
}

fn is_listed(url: &Url, entry: &str) -> bool {
    let entry = entry.trim();
    if entry.contains("://") {
        return Url::parse(entry).is_ok_and(|listed| listed.origin() == url.origin());
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let entry = entry.trim_end_matches('.').to_ascii_lowercase();
    match entry.strip_prefix("*.") {
        Some(parent) => {
            host.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        }
        None => entry == host,
    }
}

fn headers(headers: &[(String, String)]) -> Result<HeaderMap, ActionError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let invalid = |why: &str| ActionError::invalid(&format!("headers.{name}"), why);
        let key = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| invalid("is no header name"))?;
        if RESERVED_HEADERS.contains(&key.as_str()) {
            return Err(invalid("is set by the server and cannot be chosen"));
        }
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        let value =
            HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| invalid("is no header value"))?;
        map.insert(key, value);
    }
    Ok(map)
}

/// Where an answer redirects to, or why it is not followed; `None` when it is no redirect.
fn redirect(answer: &reqwest::Response, url: &Url) -> Option<Result<Url, &'static str>> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get(LOCATION)?;
    let next = std::str::from_utf8(location.as_bytes()).ok().and_then(|text| url.join(text).ok());
    let Some(next) = next else { return Some(Err("it redirects to no address")) };
    let same = matches!(next.origin(), Origin::Tuple(..)) && next.origin() == url.origin();
    Some(if same { Ok(next) } else { Err("it redirects to another host, which is not followed") })
}

async fn read(
    mut answer: reqwest::Response,
    longest: usize,
    not_followed: Option<&'static str>,
    url: &Url,
) -> Result<HttpResponse, ActionError> {
    let status = answer.status().as_u16();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let (mut body, mut truncated) = (BytesMut::new(), false);
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure(url, error))? {
        let room = longest - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            truncated = true;
            break;
        }
    }
    Ok(HttpResponse { status, headers, body: body.freeze(), truncated, not_followed })
}

fn failure(url: &Url, error: reqwest::Error) -> ActionError {
    let error = error.without_url();
    if let Some(not_public) = not_public(&error) {
        return refused(url, not_public);
    }
    let shown = shown(url);
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, format!("{shown} did not answer in time"))
    } else if error.is_builder() {
        (ErrorKind::InvalidConfig, "the request cannot be made".to_owned())
    } else if error.is_connect() {
        (ErrorKind::Connection, format!("{shown} could not be reached"))
    } else {
        (ErrorKind::Connection, format!("{shown} broke off or gave an answer that is no HTTP"))
    };
    let perhaps_done = !(error.is_connect() || error.is_builder());
    ActionError { perhaps_done, ..ActionError::new(kind, message).caused_by(&error) }
}

fn refused(url: &Url, error: NotPublic) -> ActionError {
    ActionError::refused(format!("{} is refused: {error}", shown(url)))
}

/// Finds the refusal of [`Resolver`] under what the client makes of it.
fn not_public(error: &(dyn std::error::Error + 'static)) -> Option<NotPublic> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(not_public) = error.downcast_ref::<NotPublic>() {
            return Some(*not_public);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(not_public) = inner.and_then(|inner| inner.downcast_ref::<NotPublic>()) {
            return Some(*not_public);
        }
        next = error.source();
    }
    None
}

/// The part of an address that is no secret.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

struct Resolver(AddressPolicy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            // Port 0 is replaced by the one of the address.
            let addresses = policy.resolve(name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use testkit::Sink;

    use super::*;
    use crate::capability::LONGEST_BODY;

    fn get(url: &str) -> HttpRequest {
        HttpRequest {
            method: "GET".into(),
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: Duration::from_millis(500),
            longest: LONGEST_BODY,
            target: Target::Connection,
        }
    }

    fn any() -> BoundHttp<'static> {
        HttpClient::new(AddressPolicy::Any).bound([], Gate::Open)
    }

    #[tokio::test]
    async fn refuses_targets_inside_however_they_are_written() {
        let http = HttpClient::new(AddressPolicy::Public).bound([], Gate::Open);
        let sink = Sink::start().await;
        let port = sink.port();
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0",
            "localhost",
            "LOCALHOST",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "user:pass@127.0.0.1",
            "１２７.0.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "[fd00:ec2::254]",
        ] {
            let error = http.send(get(&format!("http://{host}:{port}/ok"))).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused, "{host}: {error:?}");
            assert!(!error.message.contains("pass"), "{error}");
        }
        for url in [
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://127.0.0.1/",
            "/path",
            "",
            "http://",
            "http://a b/",
        ] {
            assert_eq!(http.send(get(url)).await.unwrap_err().kind, ErrorKind::InvalidConfig, "{url}");
        }
        assert_eq!(sink.requests(), []);
    }

    #[tokio::test]
    async fn data_does_not_choose_the_host() {
        let sink = Sink::start().await;
        let hosts = ["127.0.0.1".into(), "*.example.com".into()];
        let listed = HttpClient::new(AddressPolicy::Any).bound(hosts, Gate::Open);
        let request = |url: &str| HttpRequest { target: Target::Definition, ..get(url) };
        assert_eq!(listed.send(request(&sink.url("/ok"))).await.unwrap().status, 200);
        for url in [
            "http://localhost/",
            "http://example.com/",
            "http://evil-example.com/",
            "http://127.0.0.1@evil.com/",
        ] {
            let error = listed.send(request(url)).await.unwrap_err();
            assert!(
                error.kind == ErrorKind::Refused && error.message.contains("comes from data"),
                "{url}: {error}"
            );
        }
        for (url, entry, listed) in [
            ("https://a.b.example.com/", "*.Example.com", true),
            ("https://example.com:8443/", "example.com", true),
            ("https://example.com/x", "https://example.com:443", true),
            ("https://example.com:8443/", "https://example.com", false),
            ("http://example.com/", "https://example.com", false),
            ("https://example.com/", "", false),
            ("https://example.com/", "*.", false),
        ] {
            assert_eq!(is_listed(&Url::parse(url).unwrap(), entry), listed, "{url} {entry}");
        }
    }

    #[tokio::test]
    async fn follows_redirects_only_within_the_host() {
        let sink = Sink::start().await;
        let post = |path| HttpRequest { method: "POST".into(), body: "x".into(), ..get(&sink.url(path)) };
        let same = any().send(post("/redirect-same")).await.unwrap();
        assert_eq!((same.status, same.not_followed), (200, None));
        let last = sink.requests().pop().unwrap();
        assert_eq!((last.method.as_str(), last.path.as_str(), &last.body[..]), ("POST", "/ok", &b"x"[..]));

        let other = any().send(post("/redirect-other")).await.unwrap();
        assert_eq!(other.status, 307);
        assert_eq!(other.not_followed, Some("it redirects to another host, which is not followed"));
        let before = sink.requests().len();
        let endless = any().send(post("/redirect-loop")).await.unwrap();
        assert_eq!(endless.not_followed, Some("it redirects too often"));
        assert_eq!(sink.requests().len() - before, 4);
    }

    #[tokio::test]
    async fn survives_every_kind_of_receiver() {
        let sink = Sink::start().await;
        let http = any();
        let outcome = async |path: &str| match http.send(get(&sink.url(path))).await {
            Ok(response) => {
                format!("{} {} bytes, more: {}", response.status, response.body.len(), response.truncated)
            }
            Err(error) => {
                format!("{:?}: {}", error.kind, error.message.replace(&sink.port().to_string(), "PORT"))
            }
        };
        let mut outcomes = Vec::new();
        for path in
            ["/ok", "/big", "/status/500", "/status/204", "/garbage", "/drop-after", "/hang", "/slow-body"]
        {
            outcomes.push(format!("{path}: {}", outcome(path).await));
        }
        insta::assert_snapshot!(outcomes.join("\n"));

        let nobody = get("http://127.0.0.1:1/");
        assert_eq!(http.send(nobody).await.unwrap_err().kind, ErrorKind::Connection);
        let unknown = get("http://no-such-host.invalid/");
        assert_eq!(http.send(unknown).await.unwrap_err().kind, ErrorKind::Connection);
    }

    #[tokio::test]
    async fn connections_are_reused_and_headers_are_clean() {
        let sink = Sink::start().await;
        let http = any();
        let request = HttpRequest {
            headers: vec![
                ("X-Name".into(), "Zoë\r\nX-Evil: 1\u{7f}\0".into()),
                ("x-empty".into(), String::new()),
            ],
            ..get(&sink.url("/ok"))
        };
        for _ in 0..2 {
            http.send(request.clone()).await.unwrap();
        }
        http.send(get(&format!("http://localhost:{}/ok", sink.port()))).await.unwrap();
        let requests = sink.requests();
        assert_eq!(requests[0].peer, requests[1].peer);
        assert_eq!(requests[0].header("x-name"), Some("ZoëX-Evil: 1"));
        assert_eq!(requests[0].header("x-evil"), None);
        for name in ["Host", "content-length", "Transfer-Encoding", "bad name", ""] {
            let request = HttpRequest { headers: vec![(name.into(), "1".into())], ..get(&sink.url("/ok")) };
            assert_eq!(http.send(request).await.unwrap_err().kind, ErrorKind::InvalidConfig, "{name}");
        }
    }
}
