//! Probes of the application: what came back, and what kept an answer away.

use std::net::IpAddr;

use url::Url;

/// The answer of an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Each header's name, in lower case, and its value.
    pub headers: Vec<(String, String)>,
    /// The body; empty if it was not asked for. An error if it is longer than a probe reads, or the connection broke.
    pub body: Result<Vec<u8>, NoReply>,
}

impl HttpReply {
    /// The first value of this header, whatever the case of its letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// The address may not be asked: see [`crate::probe::address`].
    Forbidden(IpAddr),
    /// The name has no address.
    Unresolved,
    /// A user would see the same: the connection was refused, or broke. The text is short and stable, so that equal
    /// answers become one item of evidence.
    Failed(String),
    /// A fault of ours: a probe that cannot be sent, a body too long to read, a machine out of sockets.
    Ours(String),
}

/// Asks the application, over a connection of its own for each answer, as a new user would.
pub trait Prober {
    /// Sends a GET request, and follows at most three redirects. Reads the body only `with_body`, at most 64 KiB of it.
    async fn get(&self, url: &Url, with_body: bool) -> Result<HttpReply, NoReply>;

    /// Opens a TCP connection, and closes it.
    async fn connect(&self, host: &str, port: u16) -> Result<(), NoReply>;
}
