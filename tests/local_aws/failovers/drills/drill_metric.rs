//! Mode `metric`: datapoints raise the alarm.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_core::{ClockName, Outcome, failover::Done};
use libtest_mimic::Trial;
use serde_json::json;

use super::fixture::{DrillFixture, history, served_as_measured, with_drill_fixture};
use crate::failovers::fixture::{caller_of, calls_of, now, until};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        nothing_is_finished_while_a_datapoint_of_it_can_still_raise_the_alarm,
    ]
}

fn nothing_is_finished_while_a_datapoint_of_it_can_still_raise_the_alarm() {
    with_drill_fixture(published);
}

/// Mode `metric`: datapoints count until their window is over, and the alarm's automation may act after that.
async fn published(fixture: &DrillFixture) {
    let case = fixture.case("metric");
    let shop = case.shop();
    case.alarm_is("OK").await;
    let mut request = case.request(&shop.url());
    request["mode"] = json!("metric");
    request["target"]["distribution"]["trigger"]["metric"] = json!({ "value": 0, "perPeriod": 2 });
    request["objective"] = json!({
        "rtoSeconds": 180, "giveUpAfterSeconds": 240, "restoreWithinSeconds": 300, "injectWithinSeconds": 120
    });
    // Which datapoints raised it can be told only of those that were taken before a period's end: not too close to it.
    until("a period of the alarm began", async || (now().as_millis() % 10_000 < 1_000).then_some(())).await;
    let record = case.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    served_as_measured(&shop, &record);
    assert_eq!(case.moved().await, [1, 1], "moved back once, and moved away no second time");
    assert!(case.by_drill("SetAlarmState").await.is_empty());
    assert!(!case.is_registered().await);
    assert_eq!(case.origin().await, "primary");

    // This drill alone publishes from this function.
    let published = calls_of(&fixture.aws, &caller_of(&case.drill()), "PutMetricData").await.len();
    let (trigger, injection) = (run.trigger.as_ref().unwrap(), run.injection.as_ref().unwrap());
    let planned = trigger.datapoints.as_ref().unwrap().planned;
    assert!(published <= planned as usize, "{published} of {planned}");
    assert_eq!(published, injection.calls.len(), "each an intent of its own");

    // Detected by the alarm itself: its history holds the change.
    let detected = run.times.detected.unwrap();
    assert_eq!(detected.clock, ClockName::CloudWatch);
    assert_eq!(run.times.in_place.map(|at| at.at), Some(detected.at));
    assert!(detected.at > run.times.injected.unwrap().at);
    let told = history(&record);
    assert!(told.iter().any(|text| text.contains("Threshold Crossed")), "{told:#?}");
    let journal = case.journal().await;
    let acted: Vec<_> = journal.iter().filter(|entry| entry.called_at.is_some()).collect();
    assert_eq!((acted.len(), acted[0].done), (1, Some(Done::FailedOver)), "{journal:#?}");
    assert!(acted[0].run_id.is_none(), "a real alarm, as far as the function knows");
    // The SDK cuts off what a floating-point number of seconds lacks of its last millisecond.
    let apart = acted[0].at.as_millis() - detected.at.as_millis();
    assert!((0..=1).contains(&apart), "{detected:?} is not of the change that was acted on: {journal:#?}");

    let window = trigger.window_end(injection).unwrap();
    let quiet = trigger.acts_until(run.mode, injection, run.rollback_saved_at).unwrap();
    assert!(window < quiet);
    assert!(run.times.failed_back.unwrap().at > window, "{:#?}", run.times);
    assert!(run.times.finished.unwrap() >= quiet, "{:#?}", run.times);
    let back = &case.by_drill("UpdateDistribution").await[0];
    assert!(back.at > window.as_millis(), "the alarm would have moved it away once more");
}
