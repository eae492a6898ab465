//! `vtrustx.toml`.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::{
    ConfigError,
    setting::{Nature, SETTINGS, Setting},
};

/// Looked for in the working directory when no other file is named.
const NAME: &str = "vtrustx.toml";

/// The keys of a configuration file, each known, and their values as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigFile {
    path: String,
    values: BTreeMap<&'static str, String>,
}

impl ConfigFile {
    /// The named file, which must exist; else `vtrustx.toml`, which need not.
    pub fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.map_or_else(|| PathBuf::from(NAME), Path::to_path_buf);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::File {
                path: path.display().to_string(),
                problem: format!("cannot be read ({error})"),
            }),
        }
    }

    /// The file's text; `path` is for messages. Refuses an unknown key by name, and a secret.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let path = path.display().to_string();
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's own text quotes the line, which may hold a password.
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            ConfigError::File { path: path.clone(), problem: format!("line {line}: {}", error.message()) }
        })?;
        let values = table
            .iter()
            .map(|(key, value)| {
                let setting = known(&path, key)?;
                let text = as_text(value).ok_or_else(|| ConfigError::Value {
                    place: format!("{key} in {path}"),
                    problem: format!("is {}", kind(value)),
                    expected: setting.expected,
                })?;
                Ok((setting.name, text))
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self { path, values })
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Which keys are set; an address may hold a password, so no values.
impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigFile {:?} ", self.path)?;
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn known(path: &str, key: &str) -> Result<&'static Setting, ConfigError> {
    let path = path.to_owned();
    match SETTINGS.iter().find(|setting| setting.name == key) {
        Some(setting) if setting.nature == Nature::Secret => {
            Err(ConfigError::SecretInFile { path, key: key.to_owned(), variable: setting.variable() })
        }
        Some(setting) => Ok(setting),
        None => Err(ConfigError::UnknownKey { path, key: key.to_owned(), hint: hint(key) }),
    }
}

/// `retry_delays` and `RetryDelays` are `retry-delays` written in another habit.
fn hint(key: &str) -> String {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    let keys =
        || SETTINGS.iter().filter(|setting| setting.nature != Nature::Secret).map(|setting| setting.name);
    match keys().find(|name| plain(name) == plain(key)) {
        Some(name) => format!("it is written `{name}`"),
        None => format!("the keys are {}", keys().collect::<Vec<_>>().join(", ")),
    }
}

/// The text that a flag of the same meaning would have; a list is joined with commas.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<String>> =
                items.iter().map(|item| if item.is_array() { None } else { as_text(item) }).collect();
            Some(items?.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn kind(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::Float(_) => "a number with a fraction",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Table(_) => "a table",
        toml::Value::Array(_) => "a list of something else than texts",
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Boolean(_) => "of the wrong kind",
    }
}
