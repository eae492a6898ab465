//! The least of HTTP/1.1 that keeps a connection busy: a request that is ready as bytes, an answer of known length.
//!
//! Load, receiver, server and store share two cores, so what the load costs is missing elsewhere. A general client costs several times as much.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection that is kept.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The headers as they came.
    pub head: String,
}

/// A message, as far as it has come in: where its body begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The first byte of the body.
    pub body: usize,
    /// The first byte after it.
    pub end: usize,
}

/// Finds the first message in what has come in; `None`: it is not all there yet.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let length = header(&bytes[..body], "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let end = body + length;
    (bytes.len() >= end).then_some(Frame { body, end })
}

/// A header's value.
pub fn header<'head>(head: &'head [u8], name: &str) -> Option<&'head str> {
    let text = std::str::from_utf8(head).ok()?;
    text.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A request as bytes.
pub fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system said.
    pub async fn open(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends and waits for the answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no HTTP.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer, String> {
        let failed = |error: std::io::Error| error.to_string();
        self.stream.write_all(request).await.map_err(failed)?;
        loop {
            if let Some(frame) = frame(&self.buffer) {
                let head = String::from_utf8_lossy(&self.buffer[..frame.body]).into_owned();
                let status = head.get(9..12).and_then(|digits| digits.parse().ok());
                let body = self.buffer[frame.body..frame.end].to_vec();
                self.buffer.drain(..frame.end);
                return status
                    .map(|status| Answer { status, body, head })
                    .ok_or_else(|| "the answer is no HTTP".to_owned());
            }
            if self.stream.read_buf(&mut self.buffer).await.map_err(failed)? == 0 {
                return Err("the connection was closed".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(frame(&whole[..20]), None);
        assert_eq!(frame(&whole[..whole.len() - 1]), None);
        assert_eq!(frame(whole), Some(Frame { body: whole.len() - 5, end: whole.len() }));
        assert_eq!(frame(b"GET / HTTP/1.1\r\n\r\nGET"), Some(Frame { body: 18, end: 18 }));
    }
}
