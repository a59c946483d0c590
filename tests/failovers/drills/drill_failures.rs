//! Failures in a drill: AWS, a permission, or the function itself fails.

use firedrill_core::{Outcome, Phase, Run, Verdict, run::StepState};
use firedrill_local::bookstore::Cdn;
use serde_json::json;

use super::fixture::{DrillCase, DrillFixture, served_since, with_drill_fixture};
use crate::fixture::until;

#[test]
fn a_trigger_that_is_denied_is_never_taken_for_forced() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("denied");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let denied = json!({
            "kind": "error", "code": "AccessDenied", "status": 403, "times": -1,
            "message": "User is not authorized to perform: cloudwatch:SetAlarmState"
        });
        case.fault("SetAlarmState", Some("test/denied/"), denied).await;
        let record = case.run(&case.request(&shop.url())).await;
        let run = &record.run;
        assert_eq!(run.outcome, Some(Outcome::NotInjected), "{run:#?}");
        let reason = run.reason.as_deref().unwrap();
        assert!(reason.contains("cloudwatch:SetAlarmState") && reason.contains("AccessDenied"), "{reason}");
        assert_eq!(case.by_drill("SetAlarmState").await.len(), 1);
        assert_eq!((case.moved().await, run.times.injected), ([0, 0], None));
        assert!(!case.is_registered().await);
    });
}

#[test]
fn what_somebody_else_changed_in_the_middle_of_a_drill_is_never_overwritten() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("drift");
        let shop = case.shop();
        case.alarm_is("OK").await;
        // Between the drill's read and the effect of its call.
        let (from, to) = ("<TargetOriginId>standby<", "<TargetOriginId>third<");
        let race = json!({ "kind": "race", "find": from, "put": to });
        case.fault("UpdateDistribution", Some("drill drift<"), race).await;
        let request = case.request(&shop.url());
        let somebody = async {
            let failed = case
                .recorded("the rollback failed", |record| record.run.outcome == Some(Outcome::RollbackFailed))
                .await;
            let missing = failed.run.missing.as_deref().unwrap();
            for version in ["default -> third", "default -> standby"] {
                assert!(missing.contains(version), "{missing}");
            }
            until("somebody is told", async || (!case.pages().await.is_empty()).then_some(())).await;
            assert_ne!(failed.run.phase, Phase::Finished);
            case.release(false).await;
        };
        let (record, ()) = tokio::join!(case.run(&request), somebody);
        let run = &record.run;
        assert_eq!((run.phase, run.outcome), (Phase::Finished, Some(Outcome::RollbackFailed)), "{run:#?}");
        assert_eq!(run.verdict, Some(Verdict::Recovered));
        assert_eq!(case.origin().await, "third");
        let calls = case.by_drill("UpdateDistribution").await;
        assert!(
            matches!(&calls[..], [call] if call.code.as_deref() == Some("PreconditionFailed")),
            "{calls:#?}"
        );
        let step = run.undo.iter().find(|step| step.action == "UpdateDistribution").unwrap();
        assert_eq!(step.progress.state, StepState::LeftToOperators);
        let told = case.pages().await;
        assert!(told.len() == 1 && told[0].message.contains("default -> third"), "{told:#?}");
        assert!(!case.is_registered().await);
    });
}

#[test]
fn a_reply_that_never_comes_is_never_a_yes() {
    with_drill_fixture(async |fixture| {
        tokio::join!(without_a_history(fixture), without_a_configuration(fixture));
    });
}

async fn without_a_history(fixture: &DrillFixture) {
    let case = fixture.case("blind");
    let shop = case.shop();
    case.alarm_is("OK").await;
    // No other evidence shows that the alarm went off either.
    fixture.aws.hold_deliveries(case.name).await.unwrap();
    case.fault("DescribeAlarmHistory", Some("blind"), json!({ "kind": "hang", "times": -1 })).await;
    let mut request = case.request(&shop.url());
    request["objective"]["injectWithinSeconds"] = json!(2);
    let record = case.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Inconclusive), "{run:#?}");
    assert!(run.reason.as_deref().unwrap().contains("nobody could look"), "{:?}", run.reason);
    assert_eq!((run.times.in_place, run.times.recovered), (None, None));
    assert_eq!(case.by_drill("SetAlarmState").await.len(), 1);
    assert_eq!((case.moved().await, case.alarm_state().await.as_str()), ([0, 0], "OK"));
    assert!(!case.is_registered().await);
}

async fn without_a_configuration(fixture: &DrillFixture) {
    let case = fixture.case("mute");
    let shop = case.shop();
    case.alarm_is("OK").await;
    let request = case.request(&shop.url());
    // It fails over only when its configuration can no more be read.
    fixture.aws.hold_deliveries(case.name).await.unwrap();
    let silence = async {
        case.forced().await;
        let fault = case.fault("GetDistribution", None, json!({ "kind": "hang", "times": -1 })).await;
        fixture.aws.resume_deliveries(case.name).await.unwrap();
        let held = until("the alarm is told", async || case.deliveries("ALARM").await.pop()).await;
        fixture.aws.release_delivery(held.n).await.unwrap();
        let judged = case.in_phase(Phase::RollingBack).await.run;
        // The application's answers show which origin serves; the configuration is unknown.
        assert_eq!(
            (judged.verdict, judged.times.failed_over),
            (Some(Verdict::Recovered), None),
            "{judged:#?}"
        );
        assert!(served_since(&shop, Cdn::Secondary, judged.times.injected.unwrap().at).is_some());
        let tried = case
            .recorded("failing back was tried", |record| {
                record.run.undo.iter().any(|step| step.moves_traffic && step.progress.last.is_some())
            })
            .await;
        assert_eq!(tried.run.phase, Phase::RollingBack);
        assert!(case.by_drill("UpdateDistribution").await.is_empty(), "not sent without a look");
        case.remove_fault(&fault).await;
    };
    let (record, ()) = tokio::join!(case.run(&request), silence);
    assert_eq!(record.run.outcome, Some(Outcome::Recovered), "{:#?}", record.run);
    case.is_restored().await;
}

/// The run ended early and by the watchdog, because its request could not be read; it was rolled back and verified from its
/// head, and it keeps nothing.
async fn ended_without_its_request(case: &DrillCase<'_>, run: &Run) {
    assert_eq!((run.phase, run.outcome), (Phase::Finished, Some(Outcome::Stopped)), "{run:#?}");
    assert_eq!(run.verdict, Some(Verdict::Stopped));
    let reason = run.reason.as_deref().unwrap();
    assert!(reason.contains("watchdog") && reason.contains("request cannot be read"), "{reason}");
    assert!(run.finished_by.as_ref().unwrap().0.starts_with("watchdog/"), "{run:#?}");
    assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
    assert!(run.times.steady_again.is_some(), "its steady state was never verified: {:#?}", run.times);
    assert_eq!(case.by_drill("SetAlarmState").await.len(), 1, "the watchdog never injects");
    assert_eq!(case.alarm_state().await, "OK");
    assert!(!case.is_registered().await && !case.is_locked().await, "the next run could not begin");
}

/// Waits until the failover function of the killed drill's alarm has moved the distribution to the standby.
async fn stands_by(case: &DrillCase<'_>) {
    until(&format!("{}: the standby is configured", case.name), async || {
        (case.origin().await == "standby").then_some(())
    })
    .await;
}

#[test]
fn a_cdn_run_whose_request_cannot_be_read_is_never_left_on_the_standby() {
    with_drill_fixture(async |fixture| {
        let (healthy, failed) = (fixture.case("unread"), fixture.case("stranded"));
        let (shop, failing) = (healthy.shop(), failed.shop());
        // One after the other, because both are runs of the function that is killed. The requests are replaced long before
        // the leases end, and so before a watchdog may continue the runs.
        for (case, url) in [(&healthy, shop.url()), (&failed, failing.url())] {
            case.alarm_is("OK").await;
            case.killed(&case.request(&url)).await;
            case.request_becomes_unreadable().await;
            stands_by(case).await;
        }
        failing.fail_primary_cdn();

        let operator = async {
            let held = failed.in_phase(Phase::Held).await.run;
            assert_eq!(held.verdict, Some(Verdict::Stopped), "{held:#?}");
            assert_eq!((failed.moved().await, failed.origin().await.as_str()), ([0, 1], "standby"));
            assert!(failed.by_watchdog("UpdateDistribution").await.is_empty(), "onto a primary that failed");
            until("an operator is notified", async || (!failed.pages().await.is_empty()).then_some(())).await;
            failing.heal_primary_cdn();
            // The command is recorded whether or not the drill function can read the request; the watchdog applies it.
            let release = json!({ "release": {
                "runId": failed.run_id(), "by": "on-call", "reason": "looked at it", "failBack": true
            } });
            fixture.aws.invoke(&failed.drill(), &release).await.unwrap();
        };
        let (record, released, ()) = tokio::join!(healthy.watched(), failed.watched(), operator);

        for (case, shop, run) in [(&healthy, &shop, &record.run), (&failed, &failing, &released.run)] {
            ended_without_its_request(case, run).await;
            assert_eq!((case.moved().await, case.origin().await.as_str()), ([0, 1], "primary"));
            assert_eq!(case.by_watchdog("UpdateDistribution").await.len(), 1, "it was failed back once");
            assert!(served_since(shop, Cdn::Primary, run.times.rollback_started_at.unwrap()).is_some());
        }
        assert_eq!((record.run.hold, healthy.pages().await.len()), (None, 0));
        let run = &released.run;
        assert!(run.times.failed_back.unwrap().at > run.released_at.unwrap(), "{:#?}", run.times);
    });
}

#[test]
fn a_database_run_whose_request_cannot_be_read_is_rolled_back_and_verified() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("dropped");
        let shop = case.shop();
        case.alarm_is("OK").await;
        case.killed(&case.request(&shop.url())).await;
        case.request_is_lost().await;
        until("the standby is the writer", async || {
            (case.cluster().await.writer.as_deref() == Some("dropped-2")).then_some(())
        })
        .await;
        let record = case.watched().await;
        ended_without_its_request(&case, &record.run).await;
        assert!(record.request.is_none(), "the request is on record again");
        // Nobody asked for the original writer to be restored.
        assert_eq!((case.moved().await, case.by_watchdog("FailoverDBCluster").await.len()), ([0, 1], 0));
        let cluster = case.cluster().await;
        assert_eq!((cluster.status.as_str(), cluster.writer.as_deref()), ("available", Some("dropped-2")));
    });
}
