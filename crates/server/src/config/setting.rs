//! Each setting with its names, and the search through the sources.

use super::{ConfigError, ConfigFile, ServeArguments};

/// One thing that can be configured.
pub(super) struct Setting {
    /// The key in the file; the flag is `--NAME`, the variable `VTRUSTX_NAME`.
    pub name: &'static str,
    /// Its flag's text; secrets have none, for command lines are seen by every user of the machine.
    pub flag: fn(&ServeArguments) -> Option<&str>,
    /// A second variable, which other programs use for the same thing.
    pub also: Option<&'static str>,
    /// Completes "write …".
    pub expected: &'static str,
    pub nature: Nature,
}

/// What may be done with a setting's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// May be repeated in an error.
    Open,
    /// As `Open`; and an empty text is a value.
    MayBeEmpty,
    /// May contain a password, so it is never repeated.
    MayHoldPassword,
    /// Never repeated, and read from the environment only.
    Secret,
}

pub(super) const SETTINGS: &[&Setting] = &[
    &LISTEN,
    &DATABASE,
    &DATA_DIR,
    &DEMO,
    &RETRY_DELAYS,
    &ALLOW_PRIVATE_TARGETS,
    &SMTP_URL,
    &PUBLIC_URL,
    &WORKERS,
    &MAX_DEPTH,
    &LOG_FORMAT,
    &METRICS_TENANTS,
    &OTLP_ENDPOINT,
    &TRACE_PERCENT,
    &SECRET_KEY,
    &BOOTSTRAP_API_KEY,
    &BOOTSTRAP_ADMIN,
];

pub(super) const LISTEN: Setting = Setting {
    name: "listen",
    flag: |flags| flags.listen.as_deref(),
    also: None,
    expected: "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080",
    nature: Nature::Open,
};

pub(super) const DATABASE: Setting = Setting {
    name: "database",
    flag: |flags| flags.database.as_deref(),
    also: Some("DATABASE_URL"),
    expected: "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE",
    nature: Nature::MayHoldPassword,
};

pub(super) const DATA_DIR: Setting = Setting {
    name: "data-dir",
    flag: |flags| flags.data_dir.as_deref(),
    also: None,
    expected: "the path of a directory, such as ./vtrustx-data",
    nature: Nature::Open,
};

pub(super) const DEMO: Setting = Setting {
    name: "demo",
    flag: |flags| flags.demo.as_deref(),
    also: None,
    expected: "true or false",
    nature: Nature::Open,
};

pub(super) const RETRY_DELAYS: Setting = Setting {
    name: "retry-delays",
    flag: |flags| flags.retry_delays.as_deref(),
    also: None,
    expected: "up to 20 periods with commas, such as 1m,5m,15m, or an empty text for no retries",
    nature: Nature::MayBeEmpty,
};

pub(super) const ALLOW_PRIVATE_TARGETS: Setting = Setting {
    name: "allow-private-targets",
    flag: |flags| flags.allow_private_targets.as_deref(),
    also: None,
    expected: "true or false",
    nature: Nature::Open,
};

pub(super) const SMTP_URL: Setting = Setting {
    name: "smtp-url",
    flag: |flags| flags.smtp_url.as_deref(),
    also: None,
    expected: "smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, special characters as %XX",
    nature: Nature::MayHoldPassword,
};

pub(super) const PUBLIC_URL: Setting = Setting {
    name: "public-url",
    flag: |flags| flags.public_url.as_deref(),
    also: None,
    expected: "the address that people open, such as https://workflows.example.com",
    nature: Nature::MayHoldPassword,
};

pub(super) const WORKERS: Setting = Setting {
    name: "workers",
    flag: |flags| flags.workers.as_deref(),
    also: None,
    expected: "a whole number from 1 to 10000",
    nature: Nature::Open,
};

pub(super) const MAX_DEPTH: Setting = Setting {
    name: "max-depth",
    flag: |flags| flags.max_depth.as_deref(),
    also: None,
    expected: "a whole number from 1 to 30",
    nature: Nature::Open,
};

pub(super) const LOG_FORMAT: Setting = Setting {
    name: "log-format",
    flag: |flags| flags.log_format.as_deref(),
    also: None,
    expected: "text or json",
    nature: Nature::Open,
};

pub(super) const METRICS_TENANTS: Setting = Setting {
    name: "metrics-tenants",
    flag: |flags| flags.metrics_tenants.as_deref(),
    also: None,
    expected: "a whole number from 1 to 1000",
    nature: Nature::Open,
};

pub(super) const OTLP_ENDPOINT: Setting = Setting {
    name: "otlp-endpoint",
    flag: |flags| flags.otlp_endpoint.as_deref(),
    also: Some("OTEL_EXPORTER_OTLP_ENDPOINT"),
    expected: "the base address of an OTLP receiver, such as http://127.0.0.1:4318",
    nature: Nature::MayHoldPassword,
};

pub(super) const TRACE_PERCENT: Setting = Setting {
    name: "trace-percent",
    flag: |flags| flags.trace_percent.as_deref(),
    also: None,
    expected: "a whole number from 0 to 100",
    nature: Nature::Open,
};

pub(super) const SECRET_KEY: Setting = Setting {
    name: "secret-key",
    flag: |_| None,
    also: None,
    expected: "a long random text, such as the output of `openssl rand -base64 32`",
    nature: Nature::Secret,
};

pub(super) const BOOTSTRAP_API_KEY: Setting = Setting {
    name: "bootstrap-api-key",
    flag: |_| None,
    also: None,
    expected: "letters, digits and signs without spaces, as they fit into a header",
    nature: Nature::Secret,
};

pub(super) const BOOTSTRAP_ADMIN: Setting = Setting {
    name: "bootstrap-admin",
    flag: |_| None,
    also: None,
    expected: "EMAIL:PASSWORD, such as admin@example.com:correct-horse",
    nature: Nature::Secret,
};

/// Where to look, in this order.
pub(super) struct Sources<'a> {
    pub flags: &'a ServeArguments,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    pub file: &'a ConfigFile,
}

impl Sources<'_> {
    /// The parsed value of the first source that has one.
    pub fn read<T>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, place)) = self.find(setting) else {
            return Ok(None);
        };
        let problem = match parse(text.trim()) {
            Ok(value) => return Ok(Some(value)),
            Err(problem) => problem,
        };
        let problem =
            if setting.may_be_shown() { format!("is {text:?}, {problem}") } else { problem.to_owned() };
        Err(ConfigError::Value { place, problem, expected: setting.expected })
    }

    /// The text, and the place where it is written.
    fn find(&self, setting: &Setting) -> Option<(String, String)> {
        let flag = || Some(((setting.flag)(self.flags)?.to_owned(), format!("--{}", setting.name)));
        let variable = || {
            let mut names = std::iter::once(setting.variable()).chain(setting.also.map(str::to_owned));
            names.find_map(|name| {
                let text = (self.variable)(&name)?;
                let counts = setting.nature == Nature::MayBeEmpty || !text.trim().is_empty();
                counts.then_some((text, name))
            })
        };
        let key = || {
            let text = self.file.get(setting.name)?.to_owned();
            Some((text, format!("{} in {}", setting.name, self.file.path())))
        };
        flag().or_else(variable).or_else(key)
    }
}

impl Setting {
    /// The name of its environment variable.
    pub fn variable(&self) -> String {
        format!("VTRUSTX_{}", self.name.replace('-', "_").to_uppercase())
    }

    fn may_be_shown(&self) -> bool {
        matches!(self.nature, Nature::Open | Nature::MayBeEmpty)
    }
}
