//! Probes over TLS, of a bookstore whose certificate is from an authority of its own.

use std::{io::Write as _, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;

/// An authority that no system knows, and its certificate as a file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    /// A bookstore with a certificate of this authority for this name, and these protocols; its port.
    async fn bookstore(
        &self,
        name: &str,
        protocols: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> u16 {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let spoken = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                assert!(spoken.is_none_or(|spoken| spoken == b"http/1.1"), "a probe speaks HTTP/1.1");
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(ok("{}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        port
    }

    /// What a probe sees whose function trusts this authority.
    async fn seen(&self, port: u16) -> (Tristate, String) {
        ask(&HttpProber::trusting(self.file.path()).unwrap(), port, 60_000).await
    }
}

async fn ask(prober: &HttpProber, port: u16, deadline: u64) -> (Tristate, String) {
    let probe = json!({"url": format!("https://127.0.0.1:{port}/version/"), "deadlineMs": deadline});
    let probe: HttpProbe = serde_json::from_value(probe).unwrap();
    let answer = ask_http(prober, &SystemClock::start(), &probe).await;
    (answer.seen, answer.detail.unwrap())
}

fn no(detail: &str) -> (Tristate, String) {
    (Tristate::No, detail.to_owned())
}

const HERE: &str = "127.0.0.1";

#[tokio::test]
async fn an_authority_is_never_trusted_unless_the_system_or_the_stack_names_it() {
    let (ours, other) = (Authority::new("the bookstore's"), Authority::new("another"));
    let port = ours.bookstore(HERE, &[], |_| {}).await;
    assert_eq!(ours.seen(port).await, (Tristate::Yes, "200".to_owned()));
    let untrusted = no("the certificate's authority is not trusted");
    assert_eq!(other.seen(port).await, untrusted);
    assert_eq!(ask(&HttpProber::new().unwrap(), port, 60_000).await, untrusted);
}

#[tokio::test]
async fn a_certificate_that_a_browser_refuses_is_never_a_yes_and_the_same_answer_has_the_same_words() {
    let authority = Authority::new("the bookstore's");
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(3000, 1, 1);
    let port = authority.bookstore(HERE, &[], expired).await;
    assert_eq!(authority.seen(port).await, no("the certificate has expired"));
    let port = authority.bookstore(HERE, &[], early).await;
    assert_eq!(authority.seen(port).await, no("the certificate is not valid yet"));
    let port = authority.bookstore("bookstore.example.com", &[], |_| {}).await;
    assert_eq!(authority.seen(port).await, no("the certificate is for another name"));
}

#[tokio::test]
async fn a_server_that_speaks_http_2_only_is_never_taken_for_one_that_is_down() {
    let authority = Authority::new("the bookstore's");
    let port = authority.bookstore(HERE, &["h2", "http/1.1"], |_| {}).await;
    assert_eq!(authority.seen(port).await, (Tristate::Yes, "200".to_owned()));
    let port = authority.bookstore(HERE, &["h2"], |_| {}).await;
    let (seen, detail) = authority.seen(port).await;
    assert!(seen == Tristate::Unknown && detail.contains("HTTP/1.1"), "{seen:?}: {detail}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_never_waited_for_beyond_the_deadline() {
    // The connection is made, and nobody answers it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = ask(&HttpProber::new().unwrap(), port, 50).await;
    assert_eq!(seen, no("no answer within 50 ms"));
}

#[tokio::test]
async fn a_server_without_tls_is_a_no() {
    let port = serving(ok("{}")).await;
    let (seen, detail) = ask(&HttpProber::new().unwrap(), port, 60_000).await;
    assert!(seen == Tristate::No && detail.starts_with("failed: "), "{seen:?}: {detail}");
}

#[test]
fn a_file_without_certificates_is_never_passed_over() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"no certificate\n").unwrap();
    let why = HttpProber::trusting(file.path()).unwrap_err().to_string();
    assert!(why.contains("FIREDRILL_PROBE_CA_FILE") && why.contains("no certificate"), "{why}");
    let why = HttpProber::trusting(Path::new("/nowhere/ca.pem")).unwrap_err().to_string();
    assert!(why.contains("`/nowhere/ca.pem`, which cannot be read"), "{why}");
}
