//! KMS: who manages a key.

use firedrill_drills::ports::{KeyManager, Keys};

use super::refusal;

/// The keys that a suite reads, by their ARNs.
#[derive(Clone, Debug)]
pub struct KeysSubject {
    /// Their Region.
    pub region: String,
    /// One that AWS manages.
    pub of_aws: String,
    /// One that the customer manages.
    pub of_customer: String,
    /// One that does not exist.
    pub missing: String,
}

/// The suite of [`Keys`].
///
/// # Panics
/// A promise is broken.
pub async fn keys(aws: &impl Keys, of: &KeysSubject) {
    assert_eq!(aws.key_manager(&of.region, &of.of_aws).await, Ok(Some(KeyManager::Aws)));
    assert_eq!(aws.key_manager(&of.region, &of.of_customer).await, Ok(Some(KeyManager::Customer)));
    assert_eq!(refusal(aws.key_manager(&of.region, &of.missing).await), "NotFoundException");
}
