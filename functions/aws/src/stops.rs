//! The alarms that end a run early.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::{
    request::{Arn, StopCondition},
    run::Stop,
};
use futures_util::future::join_all;

use crate::{
    client::Connection,
    cloudwatch::{Alarm, CloudWatch},
};

/// The first reason to end the run early. An alarm that cannot be read is one.
pub(crate) async fn first_reason(
    connection: &Connection,
    deadline: Duration,
    conditions: &[StopCondition],
) -> Option<Stop> {
    let mut by_region: BTreeMap<&str, Vec<&Arn>> = BTreeMap::new();
    for stop in conditions {
        by_region.entry(stop.alarm_arn.region()).or_default().push(&stop.alarm_arn);
    }
    let looks = by_region.into_iter().map(async |(region, arns)| {
        let names: Vec<String> = arns.iter().map(|arn| name(arn).to_owned()).collect();
        let cloudwatch = CloudWatch::new(&connection.in_region(region));
        match tokio::time::timeout(deadline, cloudwatch.alarms(&names)).await {
            Ok(alarms) => (arns, alarms.map_err(|failure| failure.to_string())),
            Err(_) => (arns, Err(format!("no answer within {} ms", deadline.as_millis()))),
        }
    });
    let looked = join_all(looks).await;
    looked.iter().find_map(|(arns, alarms)| arns.iter().find_map(|arn| stop(arn, alarms.as_ref())))
}

fn name(arn: &Arn) -> &str {
    arn.alarm_name().unwrap_or_default()
}

fn stop(arn: &Arn, alarms: Result<&BTreeMap<String, Alarm>, &String>) -> Option<Stop> {
    let reason = match alarms {
        Ok(alarms) => match alarms.get(arn.as_str()) {
            Some(Alarm { raised: false, .. }) => return None,
            Some(Alarm { raised: true, reason }) => format!("it is in ALARM: {reason}"),
            None => "there is no such alarm".to_owned(),
        },
        Err(why) => format!("it cannot be read: {why}"),
    };
    Some(Stop { by: format!("stop condition {}", name(arn)), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_missing_and_unreadable_alarms_stop_a_run() {
        let arn = |name: &str| {
            Arn::try_from(format!("arn:aws:cloudwatch:eu-west-2:000000000000:alarm:{name}")).unwrap()
        };
        let alarm = |raised| Alarm { raised, reason: "threshold crossed".to_owned() };
        let alarms = BTreeMap::from([
            (arn("calm").to_string(), alarm(false)),
            (arn("raised").to_string(), alarm(true)),
        ]);
        assert_eq!(stop(&arn("calm"), Ok(&alarms)), None);
        let raised = stop(&arn("raised"), Ok(&alarms)).unwrap();
        assert_eq!(
            (raised.by.as_str(), raised.reason.as_str()),
            ("stop condition raised", "it is in ALARM: threshold crossed")
        );
        assert!(stop(&arn("missing"), Ok(&alarms)).is_some());
        assert!(stop(&arn("calm"), Err(&"denied".to_owned())).is_some());
    }
}
