//! What people said about a run.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use firedrill_core::{
    ports::{Clock, Said, StoreError},
    request::Release,
    run::RunId,
};

use super::{Item, Table, item};
use crate::{clock::SystemClock, error::Failure};

impl Table {
    pub(super) async fn heard(&self, id: &RunId) -> Result<Option<Said>, StoreError> {
        self.get(item::run_pk(id), "said").await?.map(|item| said_of(item, id)).transpose()
    }

    /// Sent once: a second one would be another word.
    pub(super) async fn write_down(&self, id: &RunId, release: &Release) -> Result<u64, StoreError> {
        let sent = self
            .mutating
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::keys(item::run_pk(id), "said")))
            .update_expression("SET #release = :release, #ttl = :ttl ADD #number :one")
            .expression_attribute_names("#release", "release")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":release", AttributeValue::M(item::fields(release)?))
            .expression_attribute_values(":ttl", item::expires(SystemClock::start().now(), self.retention))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let answer = sent.map_err(|error| StoreError::from(Failure::of("dynamodb:UpdateItem", &error)))?;
        Ok(said_of(answer.attributes.unwrap_or_default(), id)?.number)
    }
}

fn said_of(mut item: Item, id: &RunId) -> Result<Said, StoreError> {
    let unreadable =
        |what: String| StoreError::Refused(format!("what people said about {id} cannot be read: {what}"));
    let number = match item.get("number") {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| unreadable("it has no number".to_owned()))?;
    let release = item.remove("release").map(serde_dynamo::from_attribute_value).transpose();
    Ok(Said { number, release: release.map_err(|error| unreadable(error.to_string()))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_whole_and_none_without_a_number() {
        let (id, by) = (RunId("a/b/c/d".to_owned()), "ana".to_owned());
        let release = Release { run_id: id.0.clone(), by, reason: "well again".to_owned(), fail_back: true };
        let mut item = item::keys(item::run_pk(&id), "said");
        item.insert("release".to_owned(), AttributeValue::M(item::fields(&release).unwrap()));
        assert!(said_of(item.clone(), &id).is_err());
        item.insert("number".to_owned(), AttributeValue::N("7".to_owned()));
        assert_eq!(said_of(item, &id), Ok(Said { number: 7, release: Some(release) }));
    }
}
