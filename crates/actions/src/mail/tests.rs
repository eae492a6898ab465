//! Against a real SMTP server.

use std::time::Duration;

use testkit::SmtpServer as Counterpart;

use super::*;

fn mail(to: &[&str]) -> Mail {
    Mail {
        from: "Care Team <care@example.com>".into(),
        to: to.iter().map(|&to| to.to_owned()).collect(),
        cc: vec!["Zoë <zoe@example.com>".into()],
        bcc: vec!["hidden@example.com".into()],
        reply_to: Some("answers@example.com".into()),
        subject: "Thank you, Zoë — 10/10".into(),
        text: Some("Hi,\n.\nénd".into()),
        html: Some("<p>Hi</p>".into()),
        message_id: "<vtx_1@vtrustx>".into(),
        ..Mail::default()
    }
}

fn client(url: &str) -> BoundMailer<'static> {
    SmtpClient::new(Some(url.parse().unwrap()), AddressPolicy::Public).bound(
        None,
        &Sender::default(),
        Gate::Open,
    )
}

fn idle(mailer: &BoundMailer<'_>) -> usize {
    mailer.client.pool.lock().unwrap().values().map(Vec::len).sum()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_meant() {
    let server = Counterpart::start().await;
    let mailer = client(&server.url());
    let outcome = mailer.send(&mail(&["ann@example.com"])).await.unwrap();
    assert_eq!(outcome, MailOutcome::Sent { response: "250 2.0.0 accepted".into() });
    let text_only = Mail { html: None, ..mail(&["bob@example.com"]) };
    let html_only = Mail { text: None, ..mail(&["bob@example.com"]) };
    mailer.send(&text_only).await.unwrap();
    mailer.send(&html_only).await.unwrap();
    assert_eq!(idle(&mailer), 1, "one connection served all three");

    let [first, second, third] = &server.messages()[..] else { panic!("three mails") };
    assert_eq!(first.from, "care@example.com");
    assert_eq!(first.to, ["ann@example.com", "zoe@example.com", "hidden@example.com"]);
    let headers = ["From", "To", "Cc", "Reply-To", "Subject", "Message-ID", "Auto-Submitted"]
        .map(|name| format!("{name}: {}", first.header(name).unwrap_or("none")));
    insta::assert_snapshot!(headers.join("\n"));
    assert!(first.header("Date").is_some() && first.header("Bcc").is_none());
    assert!(!first.raw.contains("hidden@"));
    assert!(first.header("Content-Type").unwrap().starts_with("multipart/alternative"));
    assert_eq!(first.text.as_deref().map(|text| text.replace("\r\n", "\n")).as_deref(), Some("Hi,\n.\nénd"));
    assert_eq!(first.html.as_deref().map(str::trim), Some("<p>Hi</p>"));
    assert!(second.html.is_none() && third.text.is_none());
}

#[tokio::test]
async fn refusals_say_whether_to_try_again() {
    let server = Counterpart::start().await;
    let mailer = client(&server.url());
    let failure = async |to: &str| {
        let error = mailer.send(&mail(&["ann@example.com", to])).await.unwrap_err();
        format!("{:?}: {}", error.kind, error.message.replace(&server.port().to_string(), "PORT"))
    };
    assert_eq!(
        failure("tempfail@example.com").await,
        "Unavailable: the mail server 127.0.0.1:PORT answered 451 4.3.0 try again later"
    );
    assert_eq!(
        failure("reject@example.com").await,
        "Refused: the mail server 127.0.0.1:PORT answered 550 5.1.1 no such mailbox"
    );
    assert_eq!(server.messages().len(), 0);
    // The server has it, but the sender cannot know: at least once, with the same Message-ID.
    assert_eq!(
        failure("drop@example.com").await,
        "Connection: the connection to the mail server 127.0.0.1:PORT failed"
    );
    assert_eq!(server.messages()[0].header("Message-ID"), Some("<vtx_1@vtrustx>"));
    let gone = client("smtp://127.0.0.1:1").send(&mail(&["ann@example.com"])).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Connection);
}

#[tokio::test]
async fn a_mail_given_up_half_way_does_not_spoil_the_next() {
    let server = Counterpart::start().await;
    let mailer = client(&server.url());
    mailer.send(&mail(&["ann@example.com"])).await.unwrap();
    assert_eq!(idle(&mailer), 1);
    let hanging = mail(&["hang@example.com"]);
    assert!(tokio::time::timeout(Duration::from_millis(100), mailer.send(&hanging)).await.is_err());
    assert_eq!(idle(&mailer), 0);
    let outcome = mailer.send(&mail(&["bob@example.com"])).await.unwrap();
    assert_eq!(outcome, MailOutcome::Sent { response: "250 2.0.0 accepted".into() });
}

#[tokio::test]
async fn signs_in_and_protects_the_connection() {
    let server = Counterpart::start().await;
    let url = |prefix: &str, options: &str| format!("{prefix}127.0.0.1:{}{options}", server.port());
    client(&url("smtp://user:secret@", "")).send(&mail(&["ann@example.com"])).await.unwrap();
    assert_eq!(server.messages()[0].user.as_deref(), Some("user"));

    for (url, kind, part) in [
        (url("smtp://user:wr%40ng@", ""), ErrorKind::Refused, "535"),
        (url("smtp://", "?tls=required"), ErrorKind::Refused, "STARTTLS is not supported"),
        (url("smtps://", ""), ErrorKind::Connection, "failed"),
    ] {
        let error = client(&url).send(&mail(&["ann@example.com"])).await.unwrap_err();
        assert!(error.kind == kind && error.message.contains(part), "{url}: {error:?}");
        assert!(!format!("{error:?}").contains("wr@ng"));
    }
}

#[tokio::test]
async fn what_is_protected_is_trusted_only_by_its_authority() {
    let (starttls, tls) = (Counterpart::start_with_starttls().await, Counterpart::start_with_tls().await);
    let ca = Counterpart::authority();
    for (server, url) in [
        (&starttls, format!("smtp://user:secret@127.0.0.1:{}?tls=required", starttls.port())),
        (&tls, format!("smtps://user:secret@127.0.0.1:{}?from=care@example.com", tls.port())),
    ] {
        let mailer = client(&format!("{url}&ca={ca}"));
        for to in ["ann@example.com", "bob@example.com"] {
            mailer.send(&mail(&[to])).await.unwrap();
        }
        assert_eq!((server.messages().len(), idle(&mailer)), (2, 1), "{url}");
        assert_eq!(server.messages()[0].user.as_deref(), Some("user"));

        let stranger = client(&url).send(&mail(&["ann@example.com"])).await.unwrap_err();
        assert!(
            stranger.kind.is_retryable() && format!("{stranger:?}").contains("UnknownIssuer"),
            "{stranger:?}"
        );
        assert_eq!(server.messages().len(), 2);
    }
    let plain = client(&format!("smtp://127.0.0.1:{}?tls=none", starttls.port()));
    let refused = plain.send(&mail(&["ann@example.com"])).await.unwrap_err();
    assert!(refused.kind == ErrorKind::Refused && refused.message.contains("530"), "{refused:?}");
}

#[tokio::test]
async fn a_marketing_mail_says_how_to_have_no_more_and_is_signed() {
    let server = Counterpart::start().await;
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
    let signer = dkim::Signer::new("example.com", "mail", pem).unwrap();
    let mailer =
        client(&server.url()).styled(Some("<main>{{content}}</main>".to_owned()), Some(Arc::new(signer)));
    let file = model::effect::Attachment {
        name: "a\"b.txt".into(),
        content_type: "text/plain".into(),
        content: "SGk=".into(),
    };
    let plain = Mail {
        text: None,
        unsubscribe_url: Some("https://x.example/u/1".into()),
        attachments: vec![file],
        ..mail(&["ann@example.com"])
    };
    let bare = Mail { cc: Vec::new(), bcc: Vec::new(), ..plain };
    mailer.send(&mailer.dressed(bare)).await.unwrap();
    let [received] = &server.messages()[..] else { panic!("one mail") };
    assert_eq!(received.header("List-Unsubscribe"), Some("<https://x.example/u/1>"));
    assert_eq!(received.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    let signature = received.header("DKIM-Signature").unwrap();
    assert!(
        signature.contains("list-unsubscribe:list-unsubscribe-post")
            && signature.contains("d=example.com; s=mail;"),
        "{signature}"
    );
    assert!(received.html.as_deref().unwrap().starts_with("<main><p>Hi</p></main>"));
    assert!(received.text.as_deref().unwrap().starts_with("Hi"));
    assert!(received.raw.contains("a_b.txt"));
}

#[tokio::test]
async fn a_tenant_cannot_reach_servers_inside() {
    let server = Counterpart::start().await;
    let settings = Smtp {
        host: "localhost".into(),
        port: server.port(),
        security: SmtpSecurity::None,
        username: None,
        password: None,
    };
    let own = Some(SmtpServer::of_tenant(&settings, None));
    let bound = |policy| SmtpClient::new(None, policy).bound(own.clone(), &Sender::default(), Gate::Open);
    let error = bound(AddressPolicy::Public).send(&mail(&["ann@example.com"])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(server.messages().len(), 0);
}

#[tokio::test]
async fn headers_cannot_be_smuggled_in() {
    let none = SmtpClient::new(None, AddressPolicy::Public).bound(None, &Sender::default(), Gate::Open);
    let good = mail(&["ann@example.com"]);
    assert_eq!(none.send(&good).await, Ok(MailOutcome::NoServer));
    for bad in [
        Mail { subject: "Hi\r\nBcc: x@y.z".into(), ..good.clone() },
        Mail { to: vec!["ann@example.com\r\nBcc: x@y.z".into()], ..good.clone() },
        Mail { from: "Ann\nX: y <ann@example.com>".into(), ..good.clone() },
        Mail { reply_to: Some("nobody".into()), ..good.clone() },
        Mail { message_id: "<a>\r\nX: y".into(), ..good.clone() },
        Mail { to: Vec::new(), cc: Vec::new(), bcc: Vec::new(), ..good.clone() },
    ] {
        assert_eq!(none.send(&bad).await.unwrap_err().kind, ErrorKind::InvalidConfig, "{bad:?}");
    }
}

#[test]
fn reads_server_addresses() {
    let read = |text: &str| match text.parse::<SmtpServer>() {
        Ok(server) => format!("{server:?}"),
        Err(error) => error.0,
    };
    let lines: Vec<String> = [
        "smtp://mail.example.com",
        "smtp://u:p%40ss@mail.example.com",
        "smtp://u:p@mail.example.com:2525?tls=none",
        "smtp://u:p@localhost:1025",
        "smtps://u:p@mail.example.com",
        "smtp://[::1]:25?from=care@example.com",
        "smtp://mail.example.com?tls=maybe",
        "smtp://mail.example.com?colour=red",
        "http://mail.example.com",
        "smtp://",
        "mail.example.com:25",
    ]
    .iter()
    .map(|text| format!("{text} -> {}", read(text)))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let server: SmtpServer =
        "smtp://care@example.com:p@mail.example.com".replacen('@', "%40", 1).parse().unwrap();
    let client = SmtpClient::new(Some(server), AddressPolicy::Public);
    assert_eq!(client.bound(None, &Sender::default(), Gate::Open).default_sender(), "care@example.com");
    let sender = Sender { email: Some("hi@shop.io".into()), name: Some("Shop, Inc.".into()) };
    assert_eq!(client.bound(None, &sender, Gate::Open).default_sender(), "\"Shop, Inc.\" <hi@shop.io>");
}
