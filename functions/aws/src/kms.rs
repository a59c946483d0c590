//! KMS: whose a key is.

use aws_sdk_kms::{Client, types::KeyManagerType};
use firedrill_core::Tristate;

use crate::{
    client::Connection,
    error::{Failure, Proof},
};

/// KMS in one Region.
#[derive(Clone, Debug)]
pub struct Kms {
    reads: Client,
}

impl Kms {
    /// KMS in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }

    /// Whether AWS manages this key. Unknown if we may not read it, or it is not there.
    ///
    /// # Errors
    /// It could not be read this time.
    pub async fn aws_managed(&self, arn: &str) -> Result<Tristate, Failure> {
        if arn.is_empty() {
            return Ok(Tristate::Unknown);
        }
        match self.reads.describe_key().key_id(arn).send().await {
            Ok(answer) => Ok(match answer.key_metadata.and_then(|key| key.key_manager) {
                Some(KeyManagerType::Aws) => Tristate::Yes,
                Some(KeyManagerType::Customer) => Tristate::No,
                _ => Tristate::Unknown,
            }),
            Err(error) => match Failure::of("kms:DescribeKey", &error) {
                Failure { proof: Proof::Denied | Proof::Refused, .. } => Ok(Tristate::Unknown),
                failure => Err(failure),
            },
        }
    }
}
