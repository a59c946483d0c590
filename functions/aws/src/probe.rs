//! Probes of the application: each asks over a connection of its own, as a new user would.
//!
//! A failure that a user would have seen is *no*. A fault of ours is *unknown*: a probe of an address that we
//! refuse, a body too large to read, a machine out of sockets.

mod address;
mod http;
mod identity;
mod tcp;

use std::{error::Error, io, time::Duration};

use firedrill_core::{
    ProbeAnswer, Tristate,
    ports::Clock,
    request::{HttpProbe, IdentityProbe, TcpProbe},
};

use crate::clock::SystemClock;

/// The result of a probe: yes, no or unknown, and the detail that the record holds.
pub(crate) type ProbeResult = (Tristate, String);

/// Asks the probes of applications.
#[derive(Clone, Debug)]
pub struct Prober {
    http: reqwest::Client,
}

impl Prober {
    /// The one prober of a function. Reads the root certificates.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { http: http::client()? })
    }

    /// Asks an HTTP probe.
    pub async fn http(&self, clock: &SystemClock, probe: &HttpProbe) -> ProbeAnswer {
        let deadline = probe.deadline_ms.duration();
        timed(clock, deadline, http::ask(&self.http, probe)).await
    }

    /// Asks an identity probe: whether the primary serves, and whether the standby does.
    pub async fn identity(&self, clock: &SystemClock, probe: &IdentityProbe) -> (ProbeAnswer, ProbeAnswer) {
        let deadline = probe.deadline_ms.duration();
        let asked = clock.now();
        let (named, detail) = match tokio::time::timeout(deadline, identity::ask(&self.http, probe)).await {
            Ok(look) => look,
            Err(_) => (identity::Named::Neither, format!("no answer within {} ms", deadline.as_millis())),
        };
        let (answered, detail) = (clock.now(), Some(short(detail)));
        let answer = |seen| ProbeAnswer { seen, asked, answered, detail: detail.clone() };
        let (primary, standby) = named.seen();
        (answer(primary), answer(standby))
    }

    /// Opens a TCP connection.
    pub async fn tcp(&self, clock: &SystemClock, probe: &TcpProbe) -> ProbeAnswer {
        let deadline = probe.deadline_ms.duration();
        timed(clock, deadline, tcp::ask(probe)).await
    }
}

/// Awaits an answer until the deadline. No answer by then is a *no*: users would not wait longer.
async fn timed(
    clock: &SystemClock,
    deadline: Duration,
    look: impl Future<Output = ProbeResult>,
) -> ProbeAnswer {
    let asked = clock.now();
    let (seen, detail) = match tokio::time::timeout(deadline, look).await {
        Ok(look) => look,
        Err(_) => (Tristate::No, format!("no answer within {} ms", deadline.as_millis())),
    };
    ProbeAnswer { seen, asked, answered: clock.now(), detail: Some(short(detail)) }
}

/// Cuts a detail after 200 characters: details are compared and recorded.
pub(crate) fn short(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(200) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

fn next<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let error: &'a (dyn Error + 'static) = *error;
    error.source()
}

/// The result of a failed connection. The detail is short and stable, so that equal answers become one item of
/// evidence.
fn failed(error: &(dyn Error + 'static)) -> ProbeResult {
    let chain = || std::iter::successors(Some(error), next);
    if let Some(refused) = chain().find_map(<dyn Error>::downcast_ref::<address::Refused>) {
        return (Tristate::Unknown, refused.to_string());
    }
    if chain().any(<dyn Error>::is::<address::Unresolved>) {
        return (Tristate::No, "the name does not resolve".to_owned());
    }
    if let Some(error) = chain().find_map(<dyn Error>::downcast_ref::<io::Error>) {
        // Out of file descriptors (23 `ENFILE`, 24 `EMFILE`) or ports: a fault of ours.
        if matches!(error.raw_os_error(), Some(23 | 24)) || error.kind() == io::ErrorKind::AddrNotAvailable {
            return (Tristate::Unknown, format!("this machine could not connect: {error}"));
        }
        let known = match error.kind() {
            io::ErrorKind::ConnectionRefused => Some("connection refused"),
            io::ErrorKind::ConnectionReset => Some("connection reset"),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => Some("connection closed"),
            io::ErrorKind::HostUnreachable => Some("host unreachable"),
            io::ErrorKind::NetworkUnreachable => Some("network unreachable"),
            _ => None,
        };
        if let Some(known) = known {
            return (Tristate::No, known.to_owned());
        }
    }
    let root = chain().last().map(ToString::to_string).unwrap_or_default();
    (Tristate::No, format!("failed: {root}"))
}
