//! CloudWatch: reads alarms and their history, sets an alarm back to OK, reads statistics.

mod alarms;
mod history;
mod metric;

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{AlarmMuteRuleStatus, AlarmType, HistoryItemType, StateValue},
};
use firedrill_core::{Timestamp, trigger::Period};
use firedrill_drills::ports::{
    ActionRecord, AlarmSetup, AlarmState, Alarms, Ids, Next, Page, Reply, StateUpdate, StatisticsOf,
};

use crate::{
    Cloud,
    client::{failure, page, token},
};

impl Alarms for Cloud {
    async fn describe_alarms(&self, region: &str, names: &Ids, next: Next<'_>) -> Reply<Page<AlarmSetup>> {
        let call = self.cloudwatch.reads.at(region).describe_alarms();
        let call = call.set_alarm_names(Some(names.as_slice().to_vec())).set_next_token(token(next));
        // Composite alarms are listed only if they are asked for.
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let answer = call.send().await.map_err(failure("cloudwatch:DescribeAlarms"))?;
        let metric = answer.metric_alarms.unwrap_or_default().into_iter().map(alarms::metric_alarm);
        let composite = answer.composite_alarms.unwrap_or_default().into_iter().map(alarms::composite_alarm);
        Ok(page(metric.chain(composite), answer.next_token))
    }

    /// CloudWatch takes no other filter beside this one (API reference, `DescribeAlarms`).
    async fn parent_alarms(&self, region: &str, name: &str, next: Next<'_>) -> Reply<Page<String>> {
        let call = self.cloudwatch.reads.at(region).describe_alarms().parents_of_alarm_name(name);
        let sent = call.set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("cloudwatch:DescribeAlarms"))?;
        let parents = answer.composite_alarms.unwrap_or_default().into_iter();
        Ok(page(parents.filter_map(|alarm| alarm.alarm_name), answer.next_token))
    }

    async fn alarm_changes(
        &self,
        region: &str,
        name: &str,
        since: Timestamp,
        next: Next<'_>,
    ) -> Reply<Page<StateUpdate>> {
        let reads = self.cloudwatch.reads.at(region);
        let items = history::items(&reads, name, HistoryItemType::StateUpdate, since, next).await?;
        Ok(Page { items: items.items.iter().filter_map(history::change).collect(), next: items.next })
    }

    async fn alarm_actions(
        &self,
        region: &str,
        name: &str,
        since: Timestamp,
        next: Next<'_>,
    ) -> Reply<Page<ActionRecord>> {
        let reads = self.cloudwatch.reads.at(region);
        let items = history::items(&reads, name, HistoryItemType::Action, since, next).await?;
        Ok(Page { items: items.items.iter().filter_map(history::action).collect(), next: items.next })
    }

    async fn alarm_tags(&self, region: &str, arn: &str) -> Reply<BTreeMap<String, String>> {
        let sent = self.cloudwatch.reads.at(region).list_tags_for_resource().resource_arn(arn).send().await;
        let answer = sent.map_err(failure("cloudwatch:ListTagsForResource"))?;
        let pairs = answer.tags.unwrap_or_default().into_iter();
        Ok(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
    }

    async fn active_mute_rules(&self, region: &str, alarm: &str, next: Next<'_>) -> Reply<Page<String>> {
        let call = self.cloudwatch.reads.at(region).list_alarm_mute_rules().alarm_name(alarm);
        let sent = call.statuses(AlarmMuteRuleStatus::Active).set_next_token(token(next)).send().await;
        let answer = sent.map_err(failure("cloudwatch:ListAlarmMuteRules"))?;
        let rules = answer.alarm_mute_rule_summaries.unwrap_or_default().into_iter();
        let names = rules.map(|rule| alarms::mute_rule_name(rule.alarm_mute_rule_arn.unwrap_or_default()));
        Ok(page(names, answer.next_token))
    }

    async fn statistics(&self, region: &str, of: StatisticsOf<'_>) -> Reply<Vec<Period>> {
        metric::statistics(&self.cloudwatch.reads.at(region), of).await
    }

    async fn set_alarm_ok(&self, region: &str, name: &str, reason: &str) -> Reply<()> {
        let call = self.cloudwatch.mutating.at(region).set_alarm_state().alarm_name(name);
        let sent = call.state_value(StateValue::Ok).state_reason(reason).send().await;
        sent.map(drop).map_err(failure("cloudwatch:SetAlarmState"))
    }
}

/// The state that CloudWatch writes as `text`; none if it is none of the three.
fn state(text: &str) -> Option<AlarmState> {
    let states = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData];
    states.into_iter().find(|state| state.to_string() == text)
}

fn moment(time: &DateTime) -> Option<Timestamp> {
    time.to_millis().ok().map(Timestamp::from_millis)
}

fn time(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_is_written() {
        assert_eq!(state(StateValue::Ok.as_str()), Some(AlarmState::Ok));
        assert_eq!(state(StateValue::Alarm.as_str()), Some(AlarmState::Alarm));
        assert_eq!(state(StateValue::InsufficientData.as_str()), Some(AlarmState::InsufficientData));
        assert_eq!(state("alarm"), None);
    }
}
