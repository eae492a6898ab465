//! The files in `deploy/`: as much of them as can be checked without a container engine and without installing a service.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::process::House;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a program says; none, with a word about it, where it is not installed.
fn said(mut command: Command) -> Option<(bool, String)> {
    match command.output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            println!("skipped: {} cannot be started ({error})", command.get_program().display());
            None
        }
    }
}

#[test]
fn the_image_is_built_from_what_is_there_with_the_rust_that_is_asked_for() {
    let text = read("deploy/Dockerfile");
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let rust = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    assert!(text.contains(&format!("FROM rust:{rust}-")), "Cargo.toml asks for Rust {rust}");
    let mut sources = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from=")) {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let (_, from) = words.split_last().unwrap();
        sources.extend(from.iter().map(|source| (*source).to_owned()));
    }
    let ignored = read("deploy/Dockerfile.dockerignore");
    let admitted: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(sources, admitted, "what is copied and what the build is given");
    for source in &sources {
        assert!(root().join(source).exists(), "COPY {source}");
    }
    // Every member of the workspace is among them, or cargo refuses to begin.
    for member in manifest["workspace"]["members"].as_array().unwrap() {
        let folder = member.as_str().unwrap().trim_end_matches("/*");
        assert!(sources.iter().any(|source| source == folder), "{folder}");
    }
    assert!(text.contains("\nUSER 10001:10001\n") && text.contains("CMD [\"vtrustx\", \"ping\"]"));
}

#[test]
fn the_nodes_of_the_compose_file_are_those_of_the_proxy() {
    let path = root().join("deploy/compose.yaml");
    let mut python = Command::new("python3");
    python
        .args(["-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"])
        .arg(path);
    let Some((good, text)) = said(python) else { return };
    if !good && text.contains("No module named") {
        return println!("skipped: Python has no module for YAML");
    }
    let compose: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let services = compose["services"].as_object().unwrap();
    let nodes: Vec<&String> =
        services.iter().filter(|(_, service)| service["image"] == "vtrustx").map(|(name, _)| name).collect();
    assert_eq!(nodes, ["node-1", "node-2", "node-3"]);
    let proxy = read("deploy/nginx.conf");
    for node in nodes {
        assert!(proxy.contains(&format!("server {node}:8080 ")), "{node} is not in nginx.conf");
        assert_eq!(services[node]["env_file"], "secrets/vtrustx.env", "{node}");
        assert!(services[node]["depends_on"].is_object(), "{node} starts before the database");
    }
    // No secret is in the file itself.
    assert!(!text.to_lowercase().contains("password="), "{text}");
    assert_eq!(
        services["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"],
        "/run/secrets/postgres-password"
    );
}

#[test]
fn systemd_understands_the_unit() {
    let house = House::new();
    // Its binary is not installed on this machine.
    let text =
        read("deploy/vtrustx.service").replace("/usr/local/bin/vtrustx", env!("CARGO_BIN_EXE_vtrustx"));
    assert!(text.contains("\nTimeoutStopSec=40\n") && text.contains("\nRestart=always\n"));
    let unit = house.file("vtrustx.service", &text);
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg(unit);
    if let Some((good, text)) = said(verify) {
        // It speaks of the machine's other units too.
        let about: Vec<&str> = text.lines().filter(|line| line.contains("vtrustx")).collect();
        assert!(good && about.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn a_server_can_be_pinged_where_it_is_configured_to_listen() {
    let house = House::new();
    let server = house.serve(&[]).await;
    let address = server.url.trim_start_matches("http://").replace("127.0.0.1", "0.0.0.0");
    let ping = async |arguments: &[&str]| {
        let mut command = house.command(&[&["ping"], arguments].concat());
        command.env("VTRUSTX_LISTEN", &address);
        let output = command.output().await.unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for arguments in [&[][..], &["--ready"], &["--url", &server.url]] {
        assert_eq!(ping(arguments).await, (Some(0), String::new()), "{arguments:?}");
    }
    server.stop().await;
    let (code, said) = ping(&[]).await;
    assert!(code == Some(1) && said.contains("/healthz: "), "{said}");
}
