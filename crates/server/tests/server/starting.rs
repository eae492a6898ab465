//! Starting: what is printed, what answers, and what is refused with which words.

use std::time::Instant;

use serde_json::json;

use crate::process::{House, Server};

#[tokio::test]
async fn a_server_says_where_it_listens_and_is_ready_then() {
    let house = House::new();
    let server = house.serve(&[]).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(reqwest::get(format!("{}{path}", server.url)).await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(server.get("/api/session").await["data"]["tenant"]["name"], "default");
    let page = reqwest::get(&server.url).await.unwrap().text().await.unwrap();
    // The web app, or the plain page of a binary that was built without one.
    assert!(page.contains("width=device-width") && page.contains("VTrustX"), "{page}");
    server.stop().await;

    // Nothing is lost, and an existing store is open at once. The limit is half a second on an idle machine.
    let begun = Instant::now();
    let server = house.serve(&[]).await;
    let took = begun.elapsed();
    assert!(took.as_millis() < 5_000, "{took:?}");
    assert_eq!(server.get("/api/api-keys").await["pagination"]["total"], 1);
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused() {
    let house = House::on_file();
    let server = house.serve(&[]).await;
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["workflow", "list"], &["tenant", "list"]] {
        let second = house.command(arguments).output().await.unwrap();
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1));
        assert!(said.contains("is in use by another vtrustx process"), "{arguments:?}: {said}");
        assert!(said.contains("--url and --api-key"), "{arguments:?}: {said}");
    }
    assert_eq!(server.get("/readyz").await["data"], json!({"status": "ok"}));
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let house = House::on_file();
    let table: [(&[&str], &str); 4] = [
        (&["serve", "--database", "postgres://127.0.0.1:1/vtrustx"], "the store is not available"),
        (&["serve", "--listen", "here"], "--listen"),
        (&["execution", "list"], "there is no store at ./vtrustx-data/vtrustx.db"),
        (&["workflow", "list", "--url", "http://127.0.0.1:9"], "--url needs an API key"),
    ];
    for (arguments, reason) in table {
        let output = house.command(arguments).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(reason), "{arguments:?}: {said}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let output = house.command(&["serve", "--listen", &taken]).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains(&format!("cannot listen on {taken}")), "{said}");
    drop(listener);
}

#[tokio::test]
async fn the_first_start_gives_a_way_in_that_is_good_once() {
    let house = House::new();
    let mut server = Server::start(house.command(&["serve", "--listen", "127.0.0.1:0"])).await;
    let line = server.line().await;
    let link = line.strip_prefix("sign in once, within a day: ").unwrap_or_else(|| panic!("{line:?}"));
    assert!(link.starts_with(&format!("{}/sign-in?token=", server.url)), "{link}");
    let token = link.split_once("token=").unwrap().1;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let redeem = || {
        let form = format!("token={token}");
        let request = client.post(format!("{}/sign-in", server.url)).header("origin", &server.url);
        request.header("content-type", "application/x-www-form-urlencoded").body(form).send()
    };
    let first = redeem().await.unwrap();
    assert!(first.headers().contains_key("set-cookie"), "{:?}", first.status());
    assert!(!redeem().await.unwrap().headers().contains_key("set-cookie"));
}
