//! Who the webhooks are sent to: answers 200 at once and counts. In a thread of its own.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::http::frame;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";

/// The running receiver.
#[derive(Debug, Clone)]
pub struct Sink {
    port: u16,
    calls: Arc<AtomicU64>,
}

impl Sink {
    /// Listens on a free port for as long as this process lives.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the receiver cannot start: {error}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let calls = Arc::<AtomicU64>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    drop(stream.set_nodelay(true));
                    tokio::spawn(answer(stream, Arc::clone(&counted)));
                }
            });
        });
        Ok(Self { port, calls })
    }

    /// The base of its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire)
    }
}

async fn answer(mut stream: TcpStream, calls: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(frame) = frame(&buffer) {
            buffer.drain(..frame.end);
            calls.fetch_add(1, Ordering::AcqRel);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}
