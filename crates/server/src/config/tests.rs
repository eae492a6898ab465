use std::{fmt::Write, path::Path};

use clap::{Args, Command, FromArgMatches};

use super::{
    setting::{Nature, SETTINGS},
    *,
};

type Given<'a> = &'a [(&'a str, &'a str)];

/// The configuration of a command line, an environment and a file's text.
fn configure(flags: &[&str], variables: Given, file: &str) -> Result<Config, ConfigError> {
    let variable = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    };
    merge(&arguments(flags), &variable, &ConfigFile::parse(Path::new("vtrustx.toml"), file)?)
}

fn command() -> Command {
    ServeArguments::augment_args(Command::new("serve"))
}

fn arguments(flags: &[&str]) -> ServeArguments {
    let matches = command().get_matches_from([&["serve"], flags].concat());
    ServeArguments::from_arg_matches(&matches).unwrap()
}

/// One setting's value, secrets included.
fn shown(config: &Config, name: &str) -> String {
    match name {
        "listen" => config.listen.to_string(),
        "database" => match &config.database {
            Database::Sqlite(path) => format!("sqlite {}", path.display()),
            Database::Postgres(address) => address.clone(),
        },
        "data-dir" => config.data_dir.display().to_string(),
        "demo" => config.demo.to_string(),
        "retry-delays" => config.retry_delays.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        "allow-private-targets" => config.allow_private_targets.to_string(),
        "smtp-url" => config.smtp_url.as_ref().map_or("none", Secret::expose).to_owned(),
        "public-url" => config.public_url.clone().unwrap_or_else(|| "none".to_owned()),
        "workers" => config.workers.to_string(),
        "max-depth" => config.max_depth.to_string(),
        "log-format" => format!("{:?}", config.log_format),
        "metrics-tenants" => config.metrics_tenants.to_string(),
        "otlp-endpoint" => config.otlp_endpoint.clone().unwrap_or_else(|| "none".to_owned()),
        "trace-percent" => config.trace_percent.to_string(),
        "secret-key" => config.secret_key.as_ref().map_or("none", Secret::expose).to_owned(),
        "bootstrap-api-key" => config.bootstrap_api_key.as_ref().map_or("none", Secret::expose).to_owned(),
        "bootstrap-admin" => config.bootstrap_admin.as_ref().map_or_else(
            || "none".to_owned(),
            |admin| format!("{} with {}", admin.email, admin.password.expose()),
        ),
        unknown => panic!("{unknown} has no row here"),
    }
}

#[test]
fn flag_over_environment_over_file_over_default() {
    // (setting, in the file, in the environment, as a flag; secrets have only the environment)
    let rows = [
        ("listen", r#""0.0.0.0:1""#, "0.0.0.0:2", Some("[::1]:3")),
        ("database", r#""sqlite:file.db""#, "postgresql://u:p@db/x", Some("sqlite:///flag.db")),
        ("data-dir", r#""file""#, "/env", Some("flag")),
        ("demo", "true", "off", Some("true")),
        ("retry-delays", r#"["1s", 2000]"#, "", Some("1h, 2d")),
        ("allow-private-targets", "true", "0", Some("true")),
        ("smtp-url", r#""smtp://file""#, "smtps://u:p@env:465", Some("smtp://flag:25")),
        ("public-url", r#""http://file/""#, "https://env/a/", Some("http://flag:8080")),
        ("workers", "1", "2", Some("10000")),
        ("max-depth", "1", "12", Some("30")),
        ("log-format", r#""json""#, "text", Some("json")),
        ("metrics-tenants", "1", "2", Some("1000")),
        ("otlp-endpoint", r#""http://file:4318""#, "http://env:4318", Some("https://flag/otlp/")),
        ("trace-percent", "1", "2", Some("0")),
        ("secret-key", "", "k", None),
        ("bootstrap-api-key", "", "vtx_1", None),
        ("bootstrap-admin", "", "a@b.example:p:w", None),
    ];
    assert_eq!(
        rows.map(|row| row.0).as_slice(),
        SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>()
    );

    let mut table = String::from("setting | default | file | environment | flag\n");
    for (name, file, text, flag) in rows {
        let variable = format!("VTRUSTX_{}", name.replace('-', "_").to_uppercase());
        let file = if file.is_empty() { String::new() } else { format!("{name} = {file}") };
        let flag = flag.map(|flag| format!("--{name}={flag}"));
        let flags: Vec<&str> = flag.as_deref().into_iter().collect();
        let read = |flags: &[&str], variables: Given, file: &str| {
            shown(&configure(flags, variables, file).unwrap(), name)
        };
        let variables = [(variable.as_str(), text)];
        let cells = [
            read(&[], &[], ""),
            read(&[], &[], &file),
            read(&[], &variables, &file),
            read(&flags, &variables, &file),
        ];
        writeln!(table, "{name} | {}", cells.join(" | ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn some_settings_depend_on_more_than_their_own_sources() {
    let database = |flags: &[&str], variables: Given, file: &str| {
        shown(&configure(flags, variables, file).unwrap(), "database")
    };
    let own = ("VTRUSTX_DATABASE", "sqlite:own.db");
    let usual = ("DATABASE_URL", "postgres://db/usual");
    let file = "database = 'sqlite:file.db'";
    assert_eq!(database(&["--data-dir", "/srv"], &[], ""), "sqlite /srv/vtrustx.db");
    assert_eq!(database(&[], &[usual], file), "postgres://db/usual");
    assert_eq!(database(&[], &[usual, own], file), "sqlite own.db");
    assert_eq!(database(&[], &[("VTRUSTX_DATABASE", ""), usual], file), "postgres://db/usual");
    assert_eq!(database(&[], &[("VTRUSTX_DATABASE", " ")], file), "sqlite file.db");

    let demo = |flags: &[&str]| configure(flags, &[("VTRUSTX_DEMO", "")], "demo = true").unwrap().demo;
    assert!(demo(&[]) && demo(&["--demo"]) && !demo(&["--demo", "--demo=false"]));
}

#[test]
fn an_error_names_the_place_and_the_fix_and_no_secret() {
    let cases: &[(&[&str], Given, &str)] = &[
        (&["--listen", "localhost:8080"], &[], ""),
        (&[], &[("VTRUSTX_LISTEN", "8080")], ""),
        (&[], &[], "listen = ':8080'"),
        (&["--database", "mysql://u:hunter2@db"], &[], ""),
        (&[], &[("DATABASE_URL", "postgres://")], ""),
        (&[], &[], "database = 'sqlite::memory:'"),
        (&["--database", "sqlite:"], &[], ""),
        (&["--database", "sqlite:a.db?mode=rwc"], &[], ""),
        (&["--data-dir", ""], &[], ""),
        (&["--demo=maybe"], &[], ""),
        (&[], &[("VTRUSTX_RETRY_DELAYS", "1m,,5m")], ""),
        (&[], &[], "retry-delays = ['2y']"),
        (&[], &[], "retry-delays = '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1'"),
        (&["--smtp-url", "mail:hunter2@host"], &[], ""),
        (&[], &[("VTRUSTX_PUBLIC_URL", "workflows.example.com")], ""),
        (&[], &[("VTRUSTX_PUBLIC_URL", "https://u:hunter2@host")], ""),
        (&[], &[("VTRUSTX_PUBLIC_URL", "https://host/?tenant=1")], ""),
        (&["--workers", "0"], &[], ""),
        (&["--workers", "many"], &[], ""),
        (&[], &[], "workers = 2.5"),
        (&["--metrics-tenants", "1001"], &[], ""),
        (&[], &[], "log-format = 'xml'"),
        (&[], &[("VTRUSTX_BOOTSTRAP_API_KEY", "hunter 2")], ""),
        (&[], &[("VTRUSTX_BOOTSTRAP_ADMIN", "hunter2")], ""),
        (&[], &[("VTRUSTX_BOOTSTRAP_ADMIN", "admin:hunter2")], ""),
        (&[], &[("VTRUSTX_BOOTSTRAP_ADMIN", "admin@example.com:")], ""),
        (&[], &[], "retry_delays = '1m'"),
        (&[], &[], "retries = 3"),
        (&[], &[], "secret-key = 'hunter2'"),
        (&[], &[], "[listen]\nport = 1"),
        (&[], &[], "demo = true\nsmtp-url = 'smtp://u:hunter2"),
    ];
    let messages: Vec<String> = cases
        .iter()
        .map(|(flags, variables, file)| configure(flags, variables, file).unwrap_err().to_string())
        .collect();
    let messages = messages.join("\n");
    assert!(!messages.contains("hunter"), "{messages}");
    insta::assert_snapshot!(messages);
}

#[test]
fn nothing_that_is_printed_for_debugging_shows_a_secret() {
    let flags = ["--database", "postgres://u:hunter2@db.example/x?password=hunter2"];
    let variables = [
        ("VTRUSTX_SMTP_URL", "smtp://u:hunter2@mail"),
        ("VTRUSTX_SECRET_KEY", "hunter2"),
        ("VTRUSTX_BOOTSTRAP_API_KEY", "hunter2"),
        ("VTRUSTX_BOOTSTRAP_ADMIN", "admin@example.com:hunter2"),
    ];
    let file = ConfigFile::parse(Path::new("my.toml"), "smtp-url = 'smtp://u:hunter2@mail'").unwrap();
    let config = configure(&flags, &variables, "").unwrap();
    let debug = format!("{config:#?}\n{file:?}\n{:?}", arguments(&flags));
    assert!(!debug.contains("hunter2"), "{debug}");
    insta::assert_snapshot!(debug);
}

#[test]
fn the_named_file_must_exist_and_the_usual_one_need_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.toml");
    let error = ConfigFile::find(Some(&path)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read", path.display())), "{error}");
    std::fs::write(&path, "workers = 7").unwrap();
    assert_eq!(ConfigFile::find(Some(&path)).unwrap().get("workers"), Some("7"));
    assert_eq!(ConfigFile::find(None).unwrap(), ConfigFile::default());
}

#[test]
fn the_help_names_every_variable_and_default() {
    let help = command().render_help().to_string();
    let config = configure(&[], &[], "").unwrap();
    for setting in SETTINGS.iter().filter(|setting| setting.nature != Nature::Secret) {
        assert!(help.contains(&format!("--{}", setting.name)), "--{}", setting.name);
        assert!(help.contains(&format!("[env: {}", setting.variable())), "{}", setting.variable());
    }
    let defaults = [
        format!("[default: {}]", config.listen),
        format!("[default: {}]", config.data_dir.display()),
        format!("[default: {}]", shown(&config, "retry-delays").replace(' ', ",")),
        format!("[default: {}]", config.workers),
        format!("[default: {}]", config.metrics_tenants),
    ];
    assert_eq!(
        defaults.iter().filter(|text| !help.contains(*text)).collect::<Vec<_>>(),
        <[&String; 0]>::default()
    );
}

#[test]
fn the_example_names_every_setting_once_with_its_default() {
    // TOML itself refuses a key that is there twice.
    let text = include_str!("../../../../deploy/vtrustx.toml");
    let file = ConfigFile::parse(Path::new("vtrustx.toml"), text).unwrap();
    let settings = SETTINGS.iter().filter(|setting| setting.nature != Nature::Secret);
    let missing: Vec<&str> =
        settings.map(|setting| setting.name).filter(|name| file.get(name).is_none()).collect();
    assert_eq!(missing, Vec::<&str>::new());
    let example = merge(&ServeArguments::default(), &|_| None, &file).unwrap();
    let without_default = [&example.public_url, &example.otlp_endpoint].into_iter().all(Option::is_some);
    assert!(without_default && example.smtp_url.is_some(), "three have no default");
    let defaults = merge(&ServeArguments::default(), &|_| None, &ConfigFile::default()).unwrap();
    assert_eq!(Config { public_url: None, smtp_url: None, otlp_endpoint: None, ..example }, defaults);
}
