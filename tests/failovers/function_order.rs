//! Order of deliveries: changes of alarms that arrive late, out of order, or with a run's id.

use firedrill_core::{
    Phase, Timestamp,
    failover::{AlarmState, Done, reason_of},
    run::RunId,
};
use serde_json::Value;

use crate::fixture::{Case, Shape, with};

const CROSSED: &str = "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";
const WELL: &str = "Threshold Crossed: 2 datapoints were not less than the threshold (1.0).";

fn reason(run: &str) -> String {
    reason_of(&RunId(run.to_owned()), "forces this alarm to test what follows it")
}

async fn nothing_moved(case: &Case<'_>) {
    assert_eq!(case.calls("UpdateDistribution").await.len(), 0);
    assert_eq!(case.origin().await, "primary");
}

#[test]
fn an_alarm_that_is_delivered_hours_later_never_moves_anything() {
    with(async |fixture| {
        let case = fixture.case("late");
        let event = case.change("ALARM", 2 * 3_600_000, CROSSED).event(Shape::Topic);
        let message = event["Records"][0]["Sns"]["Message"].as_str().unwrap();
        let mut message: Value = serde_json::from_str(message).unwrap();
        // The emulator finds the delivery by this name.
        message["AlarmName"] = case.name.into();
        fixture.operator.publish(&case.topic, &message.to_string()).await;
        let told = case.delivered(1).await;
        assert_eq!(told[0].state, "delivered", "{told:#?}");
        let entry = case.entry().await;
        assert_eq!(entry.done, Some(Done::Refused), "{entry:#?}");
        let why = entry.why.unwrap();
        assert!(why.contains("s old") && why.contains("at most 300 s"), "{why}");
        nothing_moved(&case).await;

        // A late change leaves no trace: the next real change still counts.
        case.set("ALARM", CROSSED).await;
        case.delivered(2).await;
        assert_eq!(case.origin().await, "standby");

        // After its real OK, only an operator moves traffic back.
        case.set("OK", WELL).await;
        case.delivered(3).await;
        let last = case.journal().await.pop().unwrap();
        assert_eq!((last.state, last.done), (AlarmState::Ok, Some(Done::Ignored)), "{last:#?}");
        assert!(last.why.unwrap().contains("for people to decide"));
        assert_eq!(case.origin().await, "standby");
    });
}

#[test]
fn an_alarm_that_comes_after_its_ok_never_moves_anything() {
    with(async |fixture| {
        let case = fixture.case("order");
        fixture.aws.hold_deliveries(case.name).await.unwrap();
        case.set("ALARM", CROSSED).await;
        case.set("OK", WELL).await;
        let (alarm, ok) = (case.held("ALARM").await, case.held("OK").await);
        fixture.aws.release_delivery(ok.n).await.unwrap();
        case.delivered(1).await;
        fixture.aws.release_delivery(alarm.n).await.unwrap();
        case.delivered(2).await;
        let journal = case.journal().await;
        assert_eq!(journal.len(), 2, "{journal:#?}");
        assert!(journal.iter().all(|entry| entry.done == Some(Done::Ignored)), "{journal:#?}");
        let alarm = journal.iter().find(|entry| entry.state == AlarmState::Alarm).unwrap();
        assert!(alarm.why.as_ref().unwrap().contains("changed again at"), "{alarm:#?}");
        nothing_moved(&case).await;
        assert!(case.pages().await.is_empty());
        fixture.aws.resume_deliveries(case.name).await.unwrap();

        // INSUFFICIENT_DATA moves nothing either.
        case.set("INSUFFICIENT_DATA", "Insufficient Data: no datapoints").await;
        let event = case.change("INSUFFICIENT_DATA", 0, "no datapoints").event(Shape::Rule);
        assert_eq!(case.handled(&event).await["done"], "ignored");
        nothing_moved(&case).await;
    });
}

#[test]
fn the_ok_of_a_forced_alarm_never_hides_the_alarm_that_it_overtook() {
    with(async |fixture| {
        let case = fixture.case("mine");
        let run = "test/cases/mine/1";
        case.run(run, Phase::Recovering).await;
        case.register(run).await;
        fixture.aws.hold_deliveries(case.name).await.unwrap();
        case.set("ALARM", &reason(run)).await;
        case.set("OK", WELL).await;
        let (alarm, ok) = (case.held("ALARM").await, case.held("OK").await);
        fixture.aws.release_delivery(ok.n).await.unwrap();
        case.delivered(1).await;
        let overtook = case.entry().await;
        assert_eq!((overtook.state, overtook.done), (AlarmState::Ok, Some(Done::Ignored)), "{overtook:#?}");
        assert!(overtook.why.unwrap().contains(run));
        fixture.aws.release_delivery(alarm.n).await.unwrap();
        case.delivered(2).await;
        let entry = case.journal().await.into_iter().find(|entry| entry.state == AlarmState::Alarm).unwrap();
        assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
        assert_eq!(entry.run_id, Some(RunId(run.to_owned())));
        assert_eq!(case.origin().await, "standby");
        assert!(case.pages().await.is_empty(), "a drill pages for itself");

        // While the run holds the alarm, a real change, without the run's id, is acted on.
        fixture.aws.resume_deliveries(case.name).await.unwrap();
        case.set("ALARM", CROSSED).await;
        case.delivered(3).await;
        let real = case
            .journal()
            .await
            .into_iter()
            .find(|entry| entry.run_id.is_none() && entry.state == AlarmState::Alarm);
        assert_eq!(real.unwrap().done, Some(Done::Already), "the standby was configured by the drill");
        assert_eq!(case.calls("UpdateDistribution").await.len(), 1);
    });
}

#[test]
fn a_forced_alarm_never_moves_anything_unless_its_run_holds_it_and_wants_it_now() {
    with(async |fixture| {
        let case = fixture.case("nobody");
        let mut at = firedrill_local::clock::epoch_ms() - 10_000;
        let mut forced = async |run: &str, shape: Shape| {
            let mut change = case.change("ALARM", 0, &reason(run));
            at += 100;
            change.at = Timestamp::from_millis(at);
            let answer = case.handled(&change.event(shape)).await;
            assert_eq!(answer["done"], "refused", "{answer:#}");
            assert!(answer["calledAt"].is_null(), "no call was sent: {answer:#}");
            answer["why"].as_str().unwrap().to_owned()
        };
        let (mine, other) = ("test/cases/nobody/1", "test/cases/nobody/2");
        assert!(forced(mine, Shape::Topic).await.contains("does not hold this alarm"), "nobody registered");
        case.run(mine, Phase::Recovering).await;
        assert!(forced(mine, Shape::Action).await.contains("does not hold this alarm"), "not registered");
        case.register(other).await;
        assert!(forced(mine, Shape::Rule).await.contains("does not hold this alarm"), "another run's");
        assert!(forced(other, Shape::Topic).await.contains("there is no run"));
        for (phase, word) in [
            (Phase::Checking, "checking"),
            (Phase::RollingBack, "rollingBack"),
            (Phase::Verifying, "verifying"),
            (Phase::Held, "held"),
            (Phase::Finished, "finished"),
        ] {
            case.run(other, phase).await;
            let why = forced(other, Shape::Action).await;
            assert!(why.contains("it wants no failover"), "{word}: {why}");
        }
        // As a run leaves it: finished, and the alarm held by no run.
        case.unregister().await;
        assert!(forced(other, Shape::Topic).await.contains("it is over, or never was"));
        nothing_moved(&case).await;
        assert!(case.pages().await.is_empty(), "a drill pages for itself");
    });
}

#[test]
fn traffic_moves_back_by_itself_only_where_configured_and_never_for_a_drill() {
    with(async |fixture| {
        let case = fixture.case("back");
        case.set("ALARM", CROSSED).await;
        case.delivered(1).await;
        assert_eq!(case.origin().await, "standby");
        case.set("OK", WELL).await;
        case.delivered(2).await;
        let last = case.journal().await.pop().unwrap();
        assert_eq!((last.state, last.done), (AlarmState::Ok, Some(Done::FailedBack)), "{last:#?}");
        assert_eq!(case.origin().await, "primary");
        assert_eq!(case.pages().await.len(), 2, "both are news");

        let run = "test/cases/back/1";
        case.run(run, Phase::Injecting).await;
        case.register(run).await;
        case.set("ALARM", &reason(run)).await;
        case.delivered(3).await;
        case.set("OK", WELL).await;
        case.delivered(4).await;
        let last = case.journal().await.pop().unwrap();
        assert_eq!((last.state, last.done), (AlarmState::Ok, Some(Done::Ignored)), "{last:#?}");
        assert_eq!(case.origin().await, "standby", "the run fails back by itself");
    });
}
