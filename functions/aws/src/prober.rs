//! Prober: asks the application over HTTP and TCP, each time over a connection of its own, as a new user would.

use std::{
    error::Error,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use firedrill_drills::{
    ports::{HttpReply, NoReply, Prober},
    probe::address::{self, Refused},
};
use reqwest::{
    Certificate, Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use thiserror::Error;
use tokio::net::TcpStream;

use crate::Cloud;

/// The most redirects that a probe follows.
const MAX_REDIRECTS: usize = 3;
/// The most bytes of a body that a probe reads.
const MAX_BYTES: usize = 64 * 1024;

/// The variable that names a file of certificates in PEM form: authorities that probes trust besides the system's.
const CA_FILE: &str = "FIREDRILL_PROBE_CA_FILE";

/// Why no probe can be sent.
#[derive(Debug, Error)]
pub enum ProberError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] reqwest::Error),
    /// The file of certificates cannot be read.
    #[error("{CA_FILE} names `{path}`, which cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("{CA_FILE} names `{0}`, which holds no certificate in PEM form")]
    NoCertificate(PathBuf),
}

/// The probe's host name has no address.
#[derive(Debug, Error)]
#[error("the name does not resolve")]
struct Unresolved;

/// Asks the probes of applications.
#[derive(Clone, Debug)]
pub struct HttpProber {
    http: Client,
}

impl HttpProber {
    /// The one prober of a function, which trusts the system's authorities and those of the file that the variable
    /// `FIREDRILL_PROBE_CA_FILE` names, if it is set.
    ///
    /// # Errors
    /// See [`HttpProber::trusting`].
    pub fn from_env() -> Result<Self, ProberError> {
        let file = std::env::var_os(CA_FILE).filter(|file| !file.is_empty());
        file.map_or_else(Self::new, |file| Self::trusting(Path::new(&file)))
    }

    /// A prober that trusts the system's authorities. Reads their certificates.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, ProberError> {
        Self::with(Vec::new())
    }

    /// A prober that trusts the authorities of this file in PEM form as well.
    ///
    /// # Errors
    /// TLS cannot be set up, or the file holds no certificates.
    pub fn trusting(file: &Path) -> Result<Self, ProberError> {
        let path = || file.to_owned();
        let pem = fs::read(file).map_err(|source| ProberError::Unreadable { path: path(), source })?;
        let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if authorities.is_empty() { Err(ProberError::NoCertificate(path())) } else { Self::with(authorities) }
    }

    fn with(authorities: Vec<Certificate>) -> Result<Self, ProberError> {
        let http = Client::builder()
            .tls_certs_merge(authorities)
            .no_proxy()
            .redirect(Policy::custom(redirect))
            .dns_resolver(Arc::new(Resolver))
            // A new connection for each answer: the probe stands for a new user.
            .pool_max_idle_per_host(0)
            .user_agent("firedrill")
            .build()?;
        Ok(Self { http })
    }
}

impl Prober for Cloud {
    async fn get(&self, url: &Url, with_body: bool) -> Result<HttpReply, NoReply> {
        self.prober.get(url, with_body).await
    }

    async fn connect(&self, host: &str, port: u16) -> Result<(), NoReply> {
        self.prober.connect(host, port).await
    }
}

impl Prober for HttpProber {
    async fn get(&self, url: &Url, with_body: bool) -> Result<HttpReply, NoReply> {
        check_literal(url).map_err(|Refused(address)| NoReply::Forbidden(address))?;
        let request = self.http.get(url.clone()).header("cache-control", "no-cache");
        let answer = request.send().await.map_err(|error| {
            if error.is_builder() {
                NoReply::Ours("the probe cannot be sent".to_owned())
            } else {
                failed(&error)
            }
        })?;
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        Ok(HttpReply {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: if with_body { body(answer).await } else { Ok(Vec::new()) },
        })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<(), NoReply> {
        let addresses = resolve(host, port).await.map_err(|error| failed(error.as_ref()))?;
        TcpStream::connect(&addresses[..]).await.map(drop).map_err(|error| failed(&error))
    }
}

/// Resolves host names, and refuses addresses that no probe may ask.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host name.
///
/// # Errors
/// It does not resolve, or one of its addresses may not be asked.
async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let found: Vec<SocketAddr> = match address::literal(name) {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => tokio::net::lookup_host((name, port)).await.map_err(|_| Unresolved)?.collect(),
    };
    for address in &found {
        address::check(address.ip())?;
    }
    if found.is_empty() { Err(Unresolved.into()) } else { Ok(found) }
}

/// Checks a host that is written as an address, which is never resolved.
fn check_literal(url: &Url) -> Result<(), Refused> {
    match url.host_str().and_then(address::literal) {
        Some(host) => address::check(host).map(drop),
        None => Ok(()),
    }
}

fn redirect(attempt: Attempt) -> reqwest::redirect::Action {
    if let Err(refused) = check_literal(attempt.url()) {
        return attempt.error(refused);
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

/// The body, or what kept it away.
async fn body(mut answer: Response) -> Result<Vec<u8>, NoReply> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BYTES => {
                let what = format!("the body is longer than {MAX_BYTES} bytes, which a probe does not read");
                return Err(NoReply::Ours(what));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn next<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let error: &'a (dyn Error + 'static) = *error;
    error.source()
}

/// What a failed connection means. The text is short and stable, so that equal answers become one item of evidence.
fn failed(error: &(dyn Error + 'static)) -> NoReply {
    let chain = || std::iter::successors(Some(error), next);
    if let Some(Refused(address)) = chain().find_map(<dyn Error>::downcast_ref::<Refused>) {
        return NoReply::Forbidden(*address);
    }
    if chain().any(<dyn Error>::is::<Unresolved>) {
        return NoReply::Unresolved;
    }
    if let Some(error) = chain().find_map(<dyn Error>::downcast_ref::<io::Error>) {
        // Out of file descriptors (23 `ENFILE`, 24 `EMFILE`) or ports: a fault of ours.
        if matches!(error.raw_os_error(), Some(23 | 24)) || error.kind() == io::ErrorKind::AddrNotAvailable {
            return NoReply::Ours(format!("this machine could not connect: {error}"));
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
            return NoReply::Failed(known.to_owned());
        }
        if let Some(error) = tls_error(error) {
            return failed_handshake(error);
        }
    }
    let root = chain().last().map(ToString::to_string).unwrap_or_default();
    NoReply::Failed(format!("failed: {root}"))
}

/// The error of TLS that this one holds. An `io::Error` leaves it out of the chain, and the connector puts one into another.
fn tls_error(error: &io::Error) -> Option<&TlsError> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| tls_error(inner.downcast_ref()?))
}

/// What a failed handshake means. rustls says by how many seconds a certificate has expired, in another text each time.
fn failed_handshake(error: &TlsError) -> NoReply {
    use CertificateError as Wrong;
    let what = match error {
        // Users' browsers may speak it: that a probe does not is our fault.
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            return NoReply::Ours(
                "the server does not speak HTTP/1.1, and a probe speaks nothing else".to_owned(),
            );
        }
        TlsError::InvalidCertificate(wrong) => match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => "the certificate has expired",
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "the certificate is not valid yet",
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            Wrong::UnknownIssuer => "the certificate's authority is not trusted",
            _ => "the certificate is not accepted",
        },
        other => return NoReply::Failed(format!("failed: {other}")),
    };
    NoReply::Failed(what.to_owned())
}

#[cfg(test)]
mod tests;
