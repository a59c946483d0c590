//! KMS: who manages a key.

use super::Reply;

/// Who manages a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyManager {
    /// AWS: whoever may use the service may use the key.
    Aws,
    /// The customer: its policy says who may use it.
    Customer,
}

/// KMS.
pub trait Keys {
    /// `DescribeKey`: who manages this key; none if the answer does not say.
    async fn key_manager(&self, region: &str, arn: &str) -> Reply<Option<KeyManager>>;
}
