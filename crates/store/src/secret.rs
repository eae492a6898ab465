//! Secrets at rest: sealed with XChaCha20-Poly1305 under one key of the installation.
//!
//! The tenant and the purpose are part of what is authenticated, so that a sealed secret copied to another tenant or
//! another column does not open. The key comes from the operator's text, or from a file made in the data directory. The
//! store keeps the key's fingerprint: a start with another key is refused before anything is sealed with it.

pub mod rotation;

use std::{
    fmt,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use model::TenantId;
use sha2::{Digest, Sha256};

use crate::{Connection, Store, StoreError, StoreResult, params, token::random};

/// The name of the key file in the data directory.
pub const KEY_FILE: &str = "secret.key";

/// The first byte of everything that is sealed, for the day when the scheme changes.
const SCHEME: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
const KEY: usize = 32;

/// Before what is sealed within a text.
const SEALED: &str = "sealed:";

/// The fact under which the store keeps the fingerprint.
const FACT: &str = "secret_key_fingerprint";
/// The fact under which it keeps the key of tags, sealed, once there was another key than the first.
const TAG_FACT: &str = "secret_tag_key";
/// The fact that one key takes the place of another, and has not done so everywhere.
const ROTATION_FACT: &str = "secret_key_rotation";
/// What belongs to the installation is sealed for no tenant.
const NOBODY: TenantId = TenantId::new(0);

/// Why there is no key to seal with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SecretError {
    /// The store was written with another key.
    #[error(
        "the store's secrets are sealed with another key (fingerprint {stored}, this one has {ours}): start with the VTRUSTX_SECRET_KEY or the key file that the store was made with"
    )]
    OtherKey {
        /// What the store says.
        stored: String,
        /// What this process has.
        ours: String,
    },
    /// The store has a key that this process lacks.
    #[error(
        "the key file {0} is missing, and the store has secrets sealed with it: restore it from the backup, or set VTRUSTX_SECRET_KEY when that was the key"
    )]
    FileMissing(String),
    /// The key file cannot be made or read.
    #[error("the key file {path}: {problem}")]
    File {
        /// Where it is.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// Another key takes the place of the present one.
    #[error(
        "the key of the store's secrets is being replaced, and that was not finished: run `vtrustx secrets rotate` again, with the same keys"
    )]
    Rotating,
    /// The operator's text is too easily guessed.
    #[error(
        "VTRUSTX_SECRET_KEY is shorter than 16 characters: use a long random text, such as the output of `openssl rand -base64 32`"
    )]
    TooShort,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals and opens. Cheap to clone; its `Debug` shows the fingerprint only.
#[derive(Clone)]
pub struct SecretBox {
    cipher: Arc<XChaCha20Poly1305>,
    /// What tags are computed with, and what seals that must last: of the first key that the installation had, and not the key.
    tag_key: Arc<[u8; KEY]>,
    tags: Hmac<Sha256>,
    lasting: Arc<XChaCha20Poly1305>,
    fingerprint: Arc<str>,
}

impl fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretBox").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// What a secret is for: a part of what is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The password of the tenant's SMTP server.
    SmtpPassword,
    /// The secrets of one connection.
    Integration(model::IntegrationId),
    /// The token that lets one connection in.
    IntegrationToken(model::IntegrationId),
    /// The link by which one approver decides.
    ApprovalLink,
    /// The link by which the receiver of a marketing mail has no more of them.
    UnsubscribeLink,
    /// The key with which a tenant's mails are signed.
    DkimKey,
    /// With what mail services sign their reports.
    ReportKeys,
    /// What shows who calls a workflow from outside.
    Hook,
    /// What the addresses of calls from outside are computed with.
    TagKey,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmtpPassword => f.write_str("smtp_password"),
            Self::Integration(id) => write!(f, "integration:{id}"),
            Self::IntegrationToken(id) => write!(f, "integration_token:{id}"),
            Self::ApprovalLink => f.write_str("approval_link"),
            Self::UnsubscribeLink => f.write_str("unsubscribe_link"),
            Self::DkimKey => f.write_str("dkim_key"),
            Self::ReportKeys => f.write_str("report_keys"),
            Self::Hook => f.write_str("hook"),
            Self::TagKey => f.write_str("tag_key"),
        }
    }
}

impl SecretBox {
    /// The box of this installation: by the operator's text, else by the key file in `data_directory`, which is made for a
    /// new store. Compares its fingerprint with the store's.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub async fn open_for(
        store: &Store,
        text: Option<&str>,
        data_directory: &Path,
    ) -> Result<Self, SecretError> {
        let stored = fingerprint_read(&mut *store.read_any().await?).await?;
        let own = match text {
            Some(text) => Self::of_text(text.to_owned()).await?,
            None => {
                let (path, is_new) = (data_directory.join(KEY_FILE), stored.is_none());
                Self::of_file(path, is_new).await?
            }
        };
        let ours = own.fingerprint.to_string();
        let stored = match stored {
            Some(stored) => stored,
            None => fingerprint_write(store, ours.clone()).await?,
        };
        if stored != ours {
            return Err(SecretError::OtherKey { stored, ours });
        }
        let mut connection = store.read_any().await?;
        if fact(&mut connection, ROTATION_FACT).await?.is_some() {
            return Err(SecretError::Rotating);
        }
        Ok(match tag_key_read(&mut connection).await? {
            None => own,
            Some(sealed) => {
                let tag_key = own.open(NOBODY, Purpose::TagKey, &sealed)?;
                own.with_tag_key(&tag_key)?
            }
        })
    }

    /// From the key in a file; makes the file when it is missing and `may_make`.
    ///
    /// # Errors
    /// [`SecretError::File`], [`SecretError::FileMissing`].
    pub async fn of_file(path: PathBuf, may_make: bool) -> Result<Self, SecretError> {
        let read = tokio::task::spawn_blocking(move || key_file(&path, may_make)).await;
        let key = read.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        Ok(Self::of_key(&key))
    }

    /// From the operator's text. It may be a phrase that a person chose, so the key is derived by argon2id, which makes
    /// guessing dear; the salt is fixed, because all nodes must come to the same key from the text alone.
    ///
    /// # Errors
    /// [`SecretError::TooShort`].
    pub async fn of_text(text: String) -> Result<Self, SecretError> {
        if text.trim().chars().count() < 16 {
            return Err(SecretError::TooShort);
        }
        let derive = move || {
            let parameters = Params::new(65_536, 3, 1, Some(KEY)).map_err(|error| error.to_string())?;
            let mut key = [0; KEY];
            Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
                .hash_password_into(text.trim().as_bytes(), b"vtrustx secret key 1", &mut key)
                .map_err(|error| error.to_string())?;
            Ok::<_, String>(Self::of_key(&key))
        };
        let derived = tokio::task::spawn_blocking(derive).await.map_err(|error| error.to_string());
        derived.and_then(|result| result).map_err(|problem| StoreError::Unavailable(problem).into())
    }

    /// From the key itself.
    #[must_use]
    pub fn of_key(key: &[u8; KEY]) -> Self {
        let digest = Sha256::new().chain_update(b"vtrustx key fingerprint 1").chain_update(key).finalize();
        let fingerprint: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let of_tags: [u8; KEY] =
            Sha256::new().chain_update(b"vtrustx key of tags 1").chain_update(key).finalize().into();
        Self {
            tags: tags_by(&of_tags),
            lasting: Arc::new(lasting_by(&of_tags)),
            tag_key: Arc::new(of_tags),
            cipher: Arc::new(XChaCha20Poly1305::new(Key::from_slice(key))),
            fingerprint: fingerprint.into(),
        }
    }

    /// The same with the key of tags that an earlier key of the installation had: addresses that are known outside stay what they are.
    fn with_tag_key(self, tag_key: &[u8]) -> StoreResult<Self> {
        let tag_key: [u8; KEY] = tag_key
            .try_into()
            .map_err(|_| StoreError::Corrupt("the key of tags has another length".to_owned()))?;
        let (tags, lasting) = (tags_by(&tag_key), Arc::new(lasting_by(&tag_key)));
        Ok(Self { tags, lasting, tag_key: Arc::new(tag_key), ..self })
    }

    /// What tells keys apart without telling the key.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What only who has the key can say about a text.
    #[must_use]
    pub fn tag(&self, text: &str) -> [u8; 32] {
        self.tags.clone().chain_update(text).finalize().into_bytes().into()
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the system gives no randomness.
    pub fn seal(&self, tenant: TenantId, purpose: Purpose, secret: &[u8]) -> StoreResult<Vec<u8>> {
        seal(&self.cipher, tenant, purpose, secret)
    }

    /// Seals what is handed out and has to open after the installation's key was replaced, too: the link in a mail.
    ///
    /// # Errors
    /// As for [`SecretBox::seal`].
    pub fn seal_lasting(&self, tenant: TenantId, purpose: Purpose, secret: &[u8]) -> StoreResult<Vec<u8>> {
        seal(&self.lasting, tenant, purpose, secret)
    }

    /// Opens what [`SecretBox::seal_lasting`] has sealed.
    ///
    /// # Errors
    /// As for [`SecretBox::open`].
    pub fn open_lasting(&self, tenant: TenantId, purpose: Purpose, sealed: &[u8]) -> StoreResult<Vec<u8>> {
        open(&self.lasting, tenant, purpose, sealed)
    }

    /// Opens a sealed secret of this tenant and purpose.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for anything that this box has not sealed for them.
    pub fn open(&self, tenant: TenantId, purpose: Purpose, sealed: &[u8]) -> StoreResult<Vec<u8>> {
        open(&self.cipher, tenant, purpose, sealed)
    }
}

fn seal(
    cipher: &XChaCha20Poly1305,
    tenant: TenantId,
    purpose: Purpose,
    secret: &[u8],
) -> StoreResult<Vec<u8>> {
    let mut nonce = [0; NONCE];
    random(&mut nonce)?;
    let payload = Payload { msg: secret, aad: &associated(tenant, purpose) };
    let sealed = cipher
        .encrypt(XNonce::from_slice(&nonce), payload)
        .map_err(|_| StoreError::Unavailable("a secret could not be sealed".to_owned()))?;
    Ok([&[SCHEME], nonce.as_slice(), &sealed].concat())
}

fn open(
    cipher: &XChaCha20Poly1305,
    tenant: TenantId,
    purpose: Purpose,
    sealed: &[u8],
) -> StoreResult<Vec<u8>> {
    let unreadable = || StoreError::Corrupt(format!("the secret {purpose} of tenant {tenant} does not open"));
    let (&scheme, rest) = sealed.split_first().ok_or_else(unreadable)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or_else(unreadable)?;
    if scheme != SCHEME {
        return Err(unreadable());
    }
    let payload = Payload { msg: sealed, aad: &associated(tenant, purpose) };
    cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| unreadable())
}

fn lasting_by(tag_key: &[u8; KEY]) -> XChaCha20Poly1305 {
    let key: [u8; KEY] =
        Sha256::new().chain_update(b"vtrustx key of lasting seals 1").chain_update(tag_key).finalize().into();
    XChaCha20Poly1305::new(Key::from_slice(&key))
}

fn tags_by(key: &[u8; KEY]) -> Hmac<Sha256> {
    <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// What is sealed as it stands within JSON.
#[must_use]
pub fn sealed_text(sealed: &[u8]) -> String {
    format!("{SEALED}{}", STANDARD_NO_PAD.encode(sealed))
}

/// What is sealed in a text that has the form of [`sealed_text`]. Whether a box has sealed it only that box can tell.
#[must_use]
pub fn sealed_part(text: &str) -> Option<Vec<u8>> {
    let sealed = STANDARD_NO_PAD.decode(text.strip_prefix(SEALED)?).ok()?;
    (sealed.first() == Some(&SCHEME) && sealed.len() >= 1 + NONCE + TAG).then_some(sealed)
}

fn associated(tenant: TenantId, purpose: Purpose) -> Vec<u8> {
    format!("vtrustx/{SCHEME}/{tenant}/{purpose}").into_bytes()
}

/// Whether the key of this machine is that of the store; answers its fingerprint, or none where the store has no key yet. Makes nothing.
///
/// # Errors
/// See [`SecretError`].
pub(crate) async fn secret_key_fits(
    connection: &mut Connection,
    text: Option<&str>,
    data_directory: &Path,
) -> Result<Option<String>, SecretError> {
    let Some(stored) = fingerprint_read(connection).await? else { return Ok(None) };
    let own = match text {
        Some(text) => SecretBox::of_text(text.to_owned()).await?,
        None => SecretBox::of_key(&key_file(&data_directory.join(KEY_FILE), false)?),
    };
    let ours = own.fingerprint.to_string();
    if stored == ours { Ok(Some(ours)) } else { Err(SecretError::OtherKey { stored, ours }) }
}

async fn fingerprint_read(connection: &mut Connection) -> StoreResult<Option<String>> {
    fact(connection, FACT).await
}

async fn fact(connection: &mut Connection, name: &str) -> StoreResult<Option<String>> {
    let row =
        connection.query_optional("SELECT value FROM store_facts WHERE name = ?1", params![name]).await?;
    row.map(crate::database::Row::first).transpose()
}

/// The key of tags, sealed; none while it is that of the present key.
async fn tag_key_read(connection: &mut Connection) -> StoreResult<Option<Vec<u8>>> {
    let Some(text) = fact(connection, TAG_FACT).await? else { return Ok(None) };
    let sealed =
        sealed_part(&text).ok_or_else(|| StoreError::Corrupt("the key of tags is no seal".to_owned()))?;
    Ok(Some(sealed))
}

/// Keeps the fingerprint unless another node was first; answers the one that is kept.
async fn fingerprint_write(store: &Store, ours: String) -> StoreResult<String> {
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO store_facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
                    params![FACT, ours],
                )
                .await?;
                tx.query_one("SELECT value FROM store_facts WHERE name = ?1", params![FACT]).await?.first()
            })
        })
        .await
}

/// Reads the key file; makes it when it is missing and may be made.
fn key_file(path: &Path, may_make: bool) -> Result<[u8; KEY], SecretError> {
    let failed = |problem: String| SecretError::File { path: path.display().to_string(), problem };
    match fs::read_to_string(path) {
        Ok(text) => {
            let bytes = STANDARD_NO_PAD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or_else(|| failed("does not hold a key: restore it from the backup".to_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && may_make => {
            let mut key = [0; KEY];
            random(&mut key)?;
            key_file_write(path, &key).map_err(|error| failed(format!("cannot be made: {error}")))?;
            // Another process may have been first: then its key is the one.
            key_file(path, false)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(SecretError::FileMissing(path.display().to_string()))
        }
        Err(error) => Err(failed(format!("cannot be read: {error}"))),
    }
}

/// Whole or not at all: written under another name, then linked to its own, which fails when there is one.
fn key_file_write(path: &Path, key: &[u8; KEY]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", STANDARD_NO_PAD.encode(key))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use model::IntegrationId;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_where_it_belongs() {
        let own = SecretBox::of_key(&[7; KEY]);
        let (one, two) = (TenantId::new(1), TenantId::new(2));
        let sealed = own.seal(one, Purpose::SmtpPassword, b"hunter2").unwrap();
        assert_eq!(own.open(one, Purpose::SmtpPassword, &sealed).unwrap(), b"hunter2");
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_ne!(sealed, own.seal(one, Purpose::SmtpPassword, b"hunter2").unwrap());

        let mut bent = sealed.clone();
        *bent.last_mut().unwrap() ^= 1;
        let other = SecretBox::of_key(&[8; KEY]);
        let refused = [
            own.open(two, Purpose::SmtpPassword, &sealed),
            own.open(one, Purpose::Integration(IntegrationId::new(1)), &sealed),
            own.open(one, Purpose::SmtpPassword, &bent),
            own.open(one, Purpose::SmtpPassword, &sealed[..10]),
            own.open(one, Purpose::SmtpPassword, b""),
            other.open(one, Purpose::SmtpPassword, &sealed),
        ];
        for result in refused {
            assert!(matches!(result, Err(StoreError::Corrupt(_))), "{result:?}");
        }
        assert_eq!(format!("{own:?}"), format!("SecretBox {{ fingerprint: {:?}, .. }}", own.fingerprint()));
    }

    #[tokio::test]
    async fn a_text_gives_the_same_key_on_every_node() {
        let of = |text: &str| SecretBox::of_text(text.to_owned());
        let first = of("a phrase that is long enough").await.unwrap();
        assert_eq!(first.fingerprint(), of("a phrase that is long enough\n").await.unwrap().fingerprint());
        assert_ne!(first.fingerprint(), of("another phrase, long enough").await.unwrap().fingerprint());
        assert_eq!(of("short").await.unwrap_err(), SecretError::TooShort);
    }
}
