//! The wire between a node and PostgreSQL, which can be cut, slow or dead.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// It carries everything at once.
    Good,
    /// Everything is this much later.
    Slow(Duration),
    /// Nothing passes, and nobody is told: it comes when the wire is good again.
    Dead,
    /// Connections end, and new ones do too.
    Cut,
}

/// A listener in front of a server, until this process ends.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: watch::Sender<Wire>,
}

impl Proxy {
    /// Listens on a free port of the loopback address and carries what comes to `server`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(server: SocketAddr) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("a proxy cannot start: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (wire, state) = watch::channel(Wire::Good);
        tokio::spawn(async move {
            loop {
                // Out of descriptors, or a client that has gone already: the next may do better.
                let Ok((client, _)) = listener.accept().await else { continue };
                let state = state.clone();
                tokio::spawn(carry(client, server, state));
            }
        });
        Ok(Self { address, wire })
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on.
    pub fn become_(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }
}

async fn carry(client: TcpStream, server: SocketAddr, wire: watch::Receiver<Wire>) {
    if *wire.borrow() == Wire::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = wire.clone();
    tokio::select! {
        () = pump(from_client, to_server, wire.clone()) => {}
        () = pump(from_server, to_client, wire) => {}
        _ = cut.wait_for(|wire| *wire == Wire::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: watch::Receiver<Wire>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let Ok(state) = wire.wait_for(|wire| *wire != Wire::Dead).await.map(|state| *state) else { return };
        if let Wire::Slow(by) = state {
            tokio::time::sleep(by).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
