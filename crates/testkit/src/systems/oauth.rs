//! A token endpoint (RFC 6749), for the systems that have one: client credentials, refresh tokens with or without rotation, and JWT bearer (RFC 7523).

use std::collections::{BTreeMap, BTreeSet};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use super::{Answer, form};
use crate::sink::Request;

/// Tokens that were given and are good.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The client's name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The refresh token that is good now.
    pub refresh: String,
    /// Each refresh token is good once.
    pub rotates: bool,
    /// Seconds, told with each token when there are any.
    pub lifetime: Option<u64>,
    /// What each token comes with.
    pub extra: Map<String, Value>,
    /// The public key that assertions are checked with, as in PKCS #1.
    pub public_key: Vec<u8>,
    /// Codes that are good once, each with the challenge (PKCE, S256) and the address that the browser was sent with.
    pub codes: BTreeMap<String, (String, String)>,
    /// Access tokens that are good now.
    pub good: BTreeSet<String>,
    /// How many were given.
    pub given: u32,
    /// The connection was taken away.
    pub is_revoked: bool,
}

impl Tokens {
    /// Every access token ends.
    pub fn expire(&mut self) {
        self.good.clear();
    }

    /// Answers a request for a token.
    pub fn answer(&mut self, request: &Request) -> Answer {
        let refused =
            |code: &str, why: &str| Answer::new(400, json!({"error": code, "error_description": why}));
        if request.method != "POST"
            || !request
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        {
            return refused("invalid_request", "must be a form").violating("a token is asked for by a form");
        }
        let form = form(request);
        let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
        if self.is_revoked {
            return refused("invalid_grant", "expired access/refresh token");
        }
        let grant = field("grant_type");
        // In the header, both are form-encoded first (RFC 6749, section 2.3.1).
        let in_header = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let in_header = in_header.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let pair = String::from_utf8_lossy(&in_header).split_once(':').map(|(id, secret)| {
            let pairs = url::form_urlencoded::parse(format!("id={id}&secret={secret}").as_bytes())
                .map(|(_, value)| value.into_owned())
                .collect::<Vec<_>>();
            pairs == [self.client_id.clone(), self.client_secret.clone()]
        });
        let in_form = field("client_id") == self.client_id && field("client_secret") == self.client_secret;
        let is_client = pair.unwrap_or(in_form);
        let refused = match grant {
            "client_credentials" | "refresh_token" | "authorization_code" if !is_client => {
                Some(refused("invalid_client", "invalid client credentials"))
            }
            "client_credentials" => None,
            "authorization_code" => match self.codes.remove(field("code")) {
                Some((challenge, redirect)) if redirect == field("redirect_uri") => {
                    let hash = ring::digest::digest(&ring::digest::SHA256, field("code_verifier").as_bytes());
                    let fits = URL_SAFE_NO_PAD.encode(hash) == challenge;
                    (!fits).then(|| refused("invalid_grant", "invalid code verifier"))
                }
                Some(_) => Some(refused("redirect_uri_mismatch", "redirect_uri must match configuration")),
                None => Some(refused("invalid_grant", "expired authorization code")),
            },
            "refresh_token" if field("refresh_token") == self.refresh => None,
            "refresh_token" => Some(refused("invalid_grant", "expired access/refresh token")),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.assertion(field("assertion")),
            _ => Some(refused("unsupported_grant_type", "grant type not supported")),
        };
        if let Some(refused) = refused {
            return refused;
        }
        self.given += 1;
        let access = format!("access-{}-canary", self.given);
        self.good.insert(access.clone());
        let mut answer = self.extra.clone();
        answer.insert("access_token".into(), access.into());
        answer.insert("token_type".into(), "Bearer".into());
        if let Some(lifetime) = self.lifetime {
            answer.insert("expires_in".into(), lifetime.into());
        }
        if (grant == "refresh_token" && self.rotates) || grant == "authorization_code" {
            self.refresh = format!("refresh-{}-canary", self.given);
            answer.insert("refresh_token".into(), self.refresh.clone().into());
        }
        Answer::new(200, answer.into())
    }

    /// Checks an assertion as the real system would: signature, issuer, and an end within five minutes.
    fn assertion(&self, assertion: &str) -> Option<Answer> {
        let refused =
            |why: &str| Some(Answer::new(400, json!({"error": "invalid_grant", "error_description": why})));
        let Some((message, signature)) = assertion.rsplit_once('.') else {
            return refused("invalid assertion");
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return refused("invalid assertion") };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key);
        if key.verify(message.as_bytes(), &signature).is_err() {
            return refused("invalid assertion");
        }
        let claims = message.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims: Value = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if claims["iss"] != self.client_id.as_str()
            || !claims["sub"].is_string()
            || !claims["aud"].is_string()
        {
            return refused("audience is invalid");
        }
        if !claims["exp"].is_i64() {
            return refused("invalid assertion");
        }
        None
    }
}
