//! Why a command failed, for the person at the terminal.

use model::Problem;
use serde::Deserialize;

use crate::config::ConfigError;

/// A result of a command.
pub type Done<T = ()> = Result<T, CommandError>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// Moving a store.
    #[error(transparent)]
    Copy(#[from] store::copy::CopyError),
    /// The key that seals secrets.
    #[error(transparent)]
    Secret(#[from] store::secret::SecretError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// The API's answer.
    #[error("{message}{}", lines(.details))]
    Refused {
        /// The error's code, in snake_case.
        code: String,
        /// What to do.
        message: String,
        /// What is wrong where.
        details: Vec<Problem>,
    },
    /// The server is not reached, or its answer is none of this API's.
    #[error("{0}")]
    Unreachable(String),
    /// A file.
    #[error("{path}: {problem}")]
    File {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Anything else, in a sentence.
    #[error("{0}")]
    Said(String),
}

impl CommandError {
    /// Anything, in a sentence.
    pub fn said(sentence: impl Into<String>) -> Self {
        Self::Said(sentence.into())
    }

    /// A file that cannot be read or written.
    pub fn file(path: &std::path::Path, problem: impl std::fmt::Display) -> Self {
        Self::File { path: path.display().to_string(), problem: problem.to_string() }
    }
}

/// The failure envelope of the API.
#[derive(Debug, Deserialize)]
pub struct FailureEnvelope {
    error: Failure,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: String,
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

impl From<FailureEnvelope> for CommandError {
    fn from(FailureEnvelope { error }: FailureEnvelope) -> Self {
        let details =
            error.details.into_iter().map(|detail| Problem::at(detail.path, detail.message)).collect();
        Self::Refused { code: error.code, message: error.message, details }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}
