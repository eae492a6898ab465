//! A network between a program and PostgreSQL: counts the statements that pass, and breaks off at chosen moments.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where the connection breaks at the next COMMIT, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never hears of it.
    BeforeCommit,
    /// The server does it, and nobody hears of that.
    AfterCommit,
}

/// A proxy; it ends with its runtime.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// 0: none; else a [`Cut`] and one.
    cut: AtomicU8,
    statements: AtomicU64,
}

impl Proxy {
    /// Starts one in front of `postgres://user@host:port/name`.
    ///
    /// # Panics
    /// When the address is no such, or no port can be had.
    pub async fn start(url: &str) -> (Self, String) {
        let (before, rest) = url.split_once('@').expect("an address with a user");
        let (server, name) = rest.split_once('/').expect("an address with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::<Shared>::default();
        let proxy = Self { port, shared: Arc::clone(&shared) };
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, shared) = (server.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await?;
                    pass(client, server, &shared).await
                });
            }
        });
        let url = format!("{before}@127.0.0.1:{port}/{name}");
        (proxy, url)
    }

    /// Breaks the connection of the next COMMIT.
    pub fn cut(&self, cut: Cut) {
        self.shared.cut.store(cut as u8 + 1, Ordering::SeqCst);
    }

    /// The cut has happened.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.shared.cut.load(Ordering::SeqCst) == 0
    }

    /// Statements sent to the server so far: simple ones, and executions of prepared ones.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::SeqCst)
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Passes bytes on until either side ends.
async fn pass(client: TcpStream, server: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut messages = Messages::default();
    let (mut up, mut down) = ([0; 16_384], [0; 16_384]);
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                shared.statements.fetch_add(messages.statements(bytes), Ordering::SeqCst);
                let is_commit = bytes.windows(6).any(|window| window == b"COMMIT");
                match if is_commit { shared.cut.swap(0, Ordering::SeqCst) } else { 0 } {
                    0 => to_server.write_all(bytes).await?,
                    cut if cut == Cut::BeforeCommit as u8 + 1 => return Ok(()),
                    _ => {
                        to_server.write_all(bytes).await?;
                        // The answer says that it is done; it goes no further.
                        from_server.read(&mut down).await?;
                        return Ok(());
                    }
                }
            }
            read = from_server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                to_client.write_all(bytes).await?;
            }
        }
    }
}

/// Where one message of the protocol ends and the next begins: a letter and a length, but for the very first, which has no letter.
#[derive(Debug, Default)]
struct Messages {
    has_begun: bool,
    head: Vec<u8>,
    rest: usize,
}

impl Messages {
    /// How many statements begin in these bytes.
    fn statements(&mut self, bytes: &[u8]) -> u64 {
        let mut count = 0;
        for byte in bytes {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            self.head.push(*byte);
            let letters = usize::from(self.has_begun);
            if self.head.len() == letters + 4 {
                let length: [u8; 4] = self.head[letters..].try_into().unwrap_or_default();
                self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                count += u64::from(self.has_begun && matches!(self.head[0], b'Q' | b'E'));
                self.has_begun = true;
                self.head.clear();
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[test]
    fn statements_are_counted_however_the_bytes_are_cut() {
        // The start, a simple statement with another's letter in it, an execution of a prepared one.
        let bytes =
            [b"\0\0\0\x08\0\x03\0\0".as_slice(), b"Q\0\0\0\x06E\0", b"B\0\0\0\x04E\0\0\0\x05Q"].concat();
        for size in 1..bytes.len() {
            let mut messages = Messages::default();
            let count: u64 = bytes.chunks(size).map(|chunk| messages.statements(chunk)).sum();
            assert_eq!(count, 2, "in pieces of {size}");
        }
    }
}
