//! KMS: who manages a key.

use aws_sdk_kms::types::KeyManagerType;
use firedrill_drills::ports::{KeyManager, Keys, Reply};

use crate::{Cloud, client::failure};

impl Keys for Cloud {
    async fn key_manager(&self, region: &str, arn: &str) -> Reply<Option<KeyManager>> {
        let sent = self.kms.reads.at(region).describe_key().key_id(arn).send().await;
        let answer = sent.map_err(failure("kms:DescribeKey"))?;
        Ok(match answer.key_metadata.and_then(|key| key.key_manager) {
            Some(KeyManagerType::Aws) => Some(KeyManager::Aws),
            Some(KeyManagerType::Customer) => Some(KeyManager::Customer),
            _ => None,
        })
    }
}
