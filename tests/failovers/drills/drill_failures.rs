//! Failures in a drill: AWS, a permission, or the function itself fails.

use firedrill_core::{Outcome, Phase, Verdict, run::StepState};
use firedrill_local::bookstore::Cdn;
use serde_json::json;

use super::fixture::{DrillFixture, served_since, with_drill_fixture};
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
        // The delay leaves time for another change between the drill's read and the effect of its call.
        case.fault("UpdateDistribution", Some("drill drift<"), json!({ "kind": "delay", "hangMs": 7_000 }))
            .await;
        let request = case.request(&shop.url());
        let somebody = async {
            until("the drill fails back", async || {
                (!case.by_drill("UpdateDistribution").await.is_empty()).then_some(())
            })
            .await;
            let (from, to) = ("<TargetOriginId>standby<", "<TargetOriginId>third<");
            fixture.operator.update_distribution(&case.id, |config| config.replace(from, to)).await;
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
        assert_eq!(step.progress.state, StepState::LeftToPeople);
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
