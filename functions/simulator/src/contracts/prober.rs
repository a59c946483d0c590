//! Probes: what comes back of an HTTP request.

use firedrill_drills::ports::Prober;
use url::Url;

/// What a suite asks.
#[derive(Clone, Debug)]
pub struct ProberSubject {
    /// A URL that answers 200.
    pub url: Url,
    /// A part of its body.
    pub body: String,
}

/// The suite of [`Prober`].
///
/// # Panics
/// A promise is broken.
pub async fn prober(prober: &impl Prober, of: &ProberSubject) {
    let with = prober.get(&of.url, true).await.unwrap();
    let body = String::from_utf8(with.body.unwrap()).unwrap();
    assert_eq!(with.status, 200);
    assert!(body.contains(&of.body), "{body}");
    let without = prober.get(&of.url, false).await.unwrap();
    assert_eq!(
        (without.status, without.body),
        (200, Ok(Vec::new())),
        "a body that nobody asked for is not read"
    );
}
