//! What a scorecard reads of the record, and the markers of what was told.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use firedrill_core::{
    Request, Run, Timestamp,
    evidence::Evidence,
    failover::JournalEntry,
    ports::StoreError,
    result::{DrillKey, RESULT_PREFIX},
    run::RunId,
};
use firedrill_scorecard::ports::{Marker, Record, RunEvidence};
use serde_json::Value;

use super::{Item, RunTable, item, journal::Put, read::every_item};
use crate::{client::failure, scorecard::ScorecardCloud};

impl RunTable {
    async fn list_drills(&self) -> Result<Vec<DrillKey>, StoreError> {
        let query = self
            .reads
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", item::text(item::DRILLS_PK))
            .projection_expression("sk");
        every_item(query).await?.iter().map(drill_of).collect()
    }

    async fn list_results(
        &self,
        drill: &DrillKey,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let mut found = self
            .reads
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :since AND :last")
            .expression_attribute_values(":pk", item::text(format!("drill#{drill}")))
            .expression_attribute_values(":since", item::text(format!("{RESULT_PREFIX}{since}")))
            .expression_attribute_values(":last", item::text(format!("{RESULT_PREFIX}~")))
            .scan_index_forward(false)
            .limit(i32::try_from(most.clamp(1, 1_000)).unwrap_or(1_000))
            .into_paginator()
            .items()
            .send();
        let mut results = Vec::new();
        while results.len() < most {
            let Some(item) = found.next().await else { break };
            results.push(item::plain(item.map_err(failure("dynamodb:Query"))?)?);
        }
        Ok(results)
    }

    async fn list_evidence(&self, id: &RunId) -> Result<RunEvidence, StoreError> {
        let query = self
            .reads
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :evidence)")
            .expression_attribute_values(":pk", item::text(item::run_pk(id)))
            .expression_attribute_values(":evidence", item::text("evidence#"))
            .consistent_read(true);
        Ok(evidence_of(every_item(query).await?))
    }

    /// A call whose answer was lost may be sent again: an item that equals the marker is this one, written now.
    async fn put_marker(&self, marker: &Marker) -> Result<bool, StoreError> {
        let item = marker_item(marker, self.retention)?;
        let put = self.put_if(item.clone(), "attribute_not_exists(pk)", HashMap::new(), HashMap::new()).await;
        match put? {
            Put::Done => Ok(true),
            Put::Found(there) => Ok(there.is_some_and(|there| there == item)),
        }
    }
}

/// The drill whose summary this is.
fn drill_of(item: &Item) -> Result<DrillKey, StoreError> {
    let key = match item.get("sk") {
        Some(AttributeValue::S(key)) => key.as_str(),
        _ => "",
    };
    let names_none = || StoreError::Refused(format!("the summary with sort key `{key}` names no drill"));
    DrillKey::parse(key).ok_or_else(names_none)
}

fn evidence_of(items: Vec<Item>) -> RunEvidence {
    let all = items.len();
    let read = |item| serde_json::from_value::<Evidence>(item::plain(item).ok()?).ok();
    let items: Vec<Evidence> = items.into_iter().filter_map(read).collect();
    RunEvidence { unreadable: all - items.len(), items }
}

fn marker_item(marker: &Marker, retention: std::time::Duration) -> Result<Item, StoreError> {
    let mut item = item::keys(format!("marker#{}#{}", marker.kind, marker.drill), &marker.occasion);
    item.insert("at".to_owned(), item::text(marker.at.to_string()));
    item.insert("notice".to_owned(), item::attribute(&marker.notice)?);
    item.insert("ttl".to_owned(), item::expires(marker.at, retention));
    Ok(item)
}

/// The futures of the SDK are large: each is boxed.
impl Record for ScorecardCloud {
    async fn drills(&self) -> Result<Vec<DrillKey>, StoreError> {
        self.table.within(self.table.list_drills()).await
    }

    async fn results(
        &self,
        drill: &DrillKey,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Value>, StoreError> {
        self.table.within(self.table.list_results(drill, since, most)).await
    }

    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.table.within(self.table.open_runs()).await
    }

    async fn head(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Box::pin(self.table.load_run(id)).await
    }

    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        Box::pin(self.table.load_request(id)).await
    }

    async fn evidence(&self, id: &RunId) -> Result<RunEvidence, StoreError> {
        self.table.within(self.table.list_evidence(id)).await
    }

    async fn journal(&self, alarm_arn: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
        self.table.within(self.table.list_journal(alarm_arn, since)).await
    }

    async fn mark(&self, marker: &Marker) -> Result<bool, StoreError> {
        Box::pin(self.table.put_marker(marker)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_that_names_no_drill_is_never_passed_over() {
        let summary = |sk: &str| drill_of(&item::keys(item::DRILLS_PK, sk));
        let bookstore = DrillKey {
            environment: "staging".to_owned(),
            application: "bookstore".to_owned(),
            drill: "instance-blue".to_owned(),
        };
        assert_eq!(summary("staging/bookstore/instance-blue"), Ok(bookstore));
        for wrong in ["", "staging", "staging/bookstore", "a/b/c/d"] {
            assert!(summary(wrong).unwrap_err().to_string().contains(&format!("`{wrong}`")));
        }
    }

    #[test]
    fn evidence_that_cannot_be_read_is_never_left_out_uncounted() {
        let note = Evidence::Note { at: Timestamp::from_millis(5), text: "seen".to_owned() };
        let id = RunId("staging/bookstore/instance-blue/1".to_owned());
        let good = item::evidence(&id, "evidence#1", &note, Duration::from_hours(24)).unwrap();
        let bad = item::keys("run#x", "evidence#2");
        let read = evidence_of(vec![good, bad]);
        assert_eq!((read.items, read.unreadable), (vec![note], 1));
    }

    #[test]
    fn a_marker_lies_under_what_it_is_about_and_holds_its_notice() {
        let marker = Marker {
            kind: "overdue".to_owned(),
            drill: DrillKey {
                environment: "staging".to_owned(),
                application: "bookstore".to_owned(),
                drill: "cdn".to_owned(),
            },
            occasion: "2026-11-23T19:00:00.000Z".to_owned(),
            at: Timestamp::from_millis(1_795_460_400_000),
            notice: json!({ "subject": "overdue", "days": 3 }),
        };
        let item = marker_item(&marker, Duration::from_hours(24)).unwrap();
        let whole = json!({
            "pk": "marker#overdue#staging/bookstore/cdn", "sk": "2026-11-23T19:00:00.000Z",
            "at": "2026-11-23T19:00:00.000Z", "notice": { "subject": "overdue", "days": 3 }, "ttl": 1_795_546_800
        });
        assert_eq!(item::plain(item).unwrap(), whole);
    }
}
