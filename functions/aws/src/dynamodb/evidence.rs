//! Evidence, written in batches. The caller sets the keys, so that evidence written twice is recorded once.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use firedrill_core::{evidence::Evidence, ports::StoreError, run::RunId};

use super::{RunTable, item};
use crate::client::failure;

/// The most items that one `BatchWriteItem` takes.
const BATCH: usize = 25;
const MAX_TRIES: u32 = 8;

impl RunTable {
    pub(super) async fn append_evidence(
        &self,
        id: &RunId,
        items: &[(String, Evidence)],
    ) -> Result<(), StoreError> {
        for chunk in items.chunks(BATCH) {
            let mut requests = Vec::new();
            for (sk, evidence) in chunk {
                let item = item::evidence(id, sk, evidence, self.retention)?;
                let put = PutRequest::builder().set_item(Some(item)).build();
                let put = put.map_err(|error| StoreError::Refused(error.to_string()))?;
                requests.push(WriteRequest::builder().put_request(put).build());
            }
            self.write(requests).await?;
        }
        Ok(())
    }

    /// Writes one batch, and sends what DynamoDB left unprocessed again, with a growing pause.
    async fn write(&self, mut requests: Vec<WriteRequest>) -> Result<(), StoreError> {
        for tried in 0..MAX_TRIES {
            if tried > 0 {
                let pause = 50_u64 << tried.min(5);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(pause / 2..=pause))).await;
            }
            let batch = HashMap::from([(self.name.clone(), requests)]);
            let sent = self.reads.batch_write_item().set_request_items(Some(batch)).send().await;
            let answer = sent.map_err(failure("dynamodb:BatchWriteItem"))?;
            requests =
                answer.unprocessed_items.and_then(|mut left| left.remove(&self.name)).unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unknown(format!(
            "dynamodb:BatchWriteItem: {} items were left unprocessed",
            requests.len()
        )))
    }
}
