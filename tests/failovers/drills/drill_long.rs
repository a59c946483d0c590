//! Runs that are over only when nothing of theirs can land any more, which takes a minute or two.

use firedrill_core::{ClockName, Outcome, Phase, evidence::Evidence, failover::Done, run::CallOutcome};
use serde_json::json;

use super::world::{Ground, history, on_ground, served_as_measured};
use crate::place::{caller_of, calls_of};

/// At once, for each of them waits most of its time.
#[test]
fn nothing_is_finished_while_anything_of_it_can_still_land() {
    on_ground(async |ground| {
        tokio::join!(published(ground), without_an_answer(ground), async {
            #[cfg(target_os = "linux")]
            killed(ground).await;
        });
    });
}

/// Datapoints count until their window is over, and the alarm's automation may act after that.
async fn published(ground: &Ground) {
    let world = ground.world("metric");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let mut request = world.request(&shop.url());
    request["mode"] = json!("metric");
    request["target"]["metric"] = json!({ "value": 0, "perPeriod": 2 });
    request["objective"] = json!({
        "rtoSeconds": 60, "giveUpAfterSeconds": 70, "restoreWithinSeconds": 90, "injectWithinSeconds": 30
    });
    let record = world.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    served_as_measured(&shop, &record);
    assert_eq!(world.moved().await, [1, 1], "moved back once, and moved away no second time");
    assert!(world.by_drill("SetAlarmState").await.is_empty());
    assert!(!world.is_registered().await);
    assert_eq!(world.origin().await, "primary");

    // Of this function, only this drill publishes.
    let published = calls_of(&ground.aws, &caller_of(&world.drill()), "PutMetricData").await.len();
    let (lever, injection) = (run.lever.as_ref().unwrap(), run.injection.as_ref().unwrap());
    let planned = lever.datapoints.as_ref().unwrap().planned;
    assert!(published <= planned as usize, "{published} of {planned}");
    assert_eq!(published, injection.calls.len(), "each an intent of its own");

    // Detected by the alarm itself, which tells so in its history.
    let detected = run.times.detected.unwrap();
    assert_eq!(detected.clock, ClockName::CloudWatch);
    assert_eq!(run.times.in_place.map(|at| at.at), Some(detected.at));
    assert!(detected.at > run.times.injected.unwrap().at);
    let told = history(&record);
    assert!(told.iter().any(|text| text.contains("Threshold Crossed")), "{told:#?}");
    let entries = world.entries().await;
    let acted: Vec<_> = entries.iter().filter(|entry| entry.called_at.is_some()).collect();
    assert_eq!((acted.len(), acted[0].done), (1, Some(Done::FailedOver)), "{entries:#?}");
    assert!(acted[0].run_id.is_none(), "a real alarm, as far as the function knows");
    // The SDK cuts off what a floating-point number of seconds lacks of its last millisecond.
    let apart = acted[0].at.as_millis() - detected.at.as_millis();
    assert!((0..=1).contains(&apart), "{detected:?} is not of the change that was acted on: {entries:#?}");

    let window = lever.window_end(injection).unwrap();
    let quiet = lever.acts_until(run.mode, injection, run.roll_back_on_record).unwrap();
    assert!(window < quiet);
    assert!(run.times.failed_back.unwrap().at > window, "{:#?}", run.times);
    assert!(run.times.finished.unwrap() >= quiet, "{:#?}", run.times);
    let back = &world.by_drill("UpdateDistribution").await[0];
    assert!(back.at > window.as_millis(), "the alarm would have moved it away once more");
}

/// A call whose answer was lost may take effect late. It is found in the history, and sent once.
async fn without_an_answer(ground: &Ground) {
    let world = ground.world("lost");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let lost = json!({ "kind": "error", "when": "after", "code": "InternalFailure", "status": 500 });
    world.fault("SetAlarmState", Some("test/lost/"), lost).await;
    let record = world.run(&world.request(&shop.url())).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    let calls = &run.injection.as_ref().unwrap().calls;
    assert!(
        matches!(calls[..], [ref call] if matches!(call.outcome, Some(CallOutcome::Unknown { .. }))),
        "{calls:#?}"
    );
    assert_eq!(world.by_drill("SetAlarmState").await.len(), 1);
    world.is_restored().await;
    // It could have landed late: nothing was finished before it no more could.
    let settled = calls[0].may_land_until(run.limits.settle_ms).unwrap();
    assert!(run.times.finished.unwrap() >= settled, "{:#?}", run.times);
}

/// The processes of one function, by the name that Lambda gives them.
#[cfg(target_os = "linux")]
fn processes_of(function: &str) -> Vec<String> {
    let mine = format!("AWS_LAMBDA_FUNCTION_NAME={function}\0");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mine)
    });
    ids.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// So may a call of a function that was killed right after it.
#[cfg(target_os = "linux")]
async fn killed(ground: &Ground) {
    let world = ground.world("killed");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let request = world.request(&shop.url());
    let end = async {
        world.forced().await;
        // A stack of its own: no other test's processes are ended.
        let processes = processes_of(&world.drill());
        assert!(!processes.is_empty());
        std::process::Command::new("kill").arg("-KILL").args(processes).status().unwrap();
    };
    let drill = world.drill();
    let (answer, ()) = tokio::join!(ground.aws.invoke(&drill, &request), end);
    let answer = answer.unwrap();
    assert!(answer.failed, "it was killed, and answers: {answer:?}");
    let before = world.table.record(&world.run_id()).await.unwrap().unwrap().run;
    assert!(matches!(before.phase, Phase::Injecting | Phase::Recovering), "{before:#?}");
    assert!(world.is_registered().await, "its alarm is its own until it is over");

    let resumed = world.invoke(&json!({ "resume": world.run_id() })).await;
    let record = world.finished(resumed).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    assert_ne!(run.finished_by, Some(run.starter.clone()));
    assert_eq!(world.by_drill("SetAlarmState").await.len(), 1, "a successor never injects");
    let injected = record
        .evidence
        .iter()
        .filter(|item| matches!(item, Evidence::Call { act, .. } if act.starts_with("inject")));
    assert!(injected.count() <= 1);
    world.is_restored().await;
}
