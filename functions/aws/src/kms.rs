//! KMS: who manages a key.

use aws_sdk_kms::{Client, types::KeyManagerType};
use firedrill_drills::ports::{KeyManager, Keys, Reply};

use crate::{client::Connection, cloud::Cloud, error::failure};

/// KMS in one Region.
#[derive(Clone, Debug)]
pub(crate) struct KmsClient {
    reads: Client,
}

impl KmsClient {
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()) }
    }
}

impl Keys for Cloud {
    async fn key_manager(&self, region: &str, arn: &str) -> Reply<Option<KeyManager>> {
        let sent = self.kms.at(region).reads.describe_key().key_id(arn).send().await;
        let answer = sent.map_err(|error| failure("kms:DescribeKey", &error))?;
        Ok(match answer.key_metadata.and_then(|key| key.key_manager) {
            Some(KeyManagerType::Aws) => Some(KeyManager::Aws),
            Some(KeyManagerType::Customer) => Some(KeyManager::Customer),
            _ => None,
        })
    }
}
