//! Drills in which AWS, our right to use it, or the function itself fails.

use firedrill_core::{Outcome, Phase, Verdict, run::StepState};
use firedrill_local::bookstore::Cdn;
use serde_json::json;

use super::world::{Ground, on_ground, served_since};
use crate::place::until;

#[test]
fn a_lever_that_is_denied_is_never_taken_for_pulled() {
    on_ground(async |ground| {
        let world = ground.world("denied");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let denied = json!({
            "kind": "error", "code": "AccessDenied", "status": 403, "times": -1,
            "message": "User is not authorized to perform: cloudwatch:SetAlarmState"
        });
        world.fault("SetAlarmState", Some("test/denied/"), denied).await;
        let record = world.run(&world.request(&shop.url())).await;
        let run = &record.run;
        assert_eq!(run.outcome, Some(Outcome::NotInjected), "{run:#?}");
        let reason = run.reason.as_deref().unwrap();
        assert!(reason.contains("cloudwatch:SetAlarmState") && reason.contains("AccessDenied"), "{reason}");
        assert_eq!(world.by_drill("SetAlarmState").await.len(), 1);
        assert_eq!((world.moved().await, run.times.injected), ([0, 0], None));
        assert!(!world.is_registered().await);
    });
}

#[test]
fn what_somebody_else_changed_in_the_middle_of_a_drill_is_never_overwritten() {
    on_ground(async |ground| {
        let world = ground.world("drift");
        let shop = world.shop();
        world.alarm_is("OK").await;
        // Between the drill's look and the effect of its call lies time enough for another one's change.
        world
            .fault("UpdateDistribution", Some("drill drift<"), json!({ "kind": "delay", "hangMs": 1_000 }))
            .await;
        let request = world.request(&shop.url());
        let somebody = async {
            until("the drill fails back", async || {
                (!world.by_drill("UpdateDistribution").await.is_empty()).then_some(())
            })
            .await;
            let (from, to) = ("<TargetOriginId>standby<", "<TargetOriginId>third<");
            ground.hand.update_distribution(&world.id, |config| config.replace(from, to)).await;
            let failed = world
                .recorded("the rollback failed", |record| record.run.outcome == Some(Outcome::RollbackFailed))
                .await;
            let missing = failed.run.missing.as_deref().unwrap();
            for version in ["default -> third", "default -> standby"] {
                assert!(missing.contains(version), "{missing}");
            }
            until("somebody is told", async || (!world.told().await.is_empty()).then_some(())).await;
            assert_ne!(failed.run.phase, Phase::Finished);
            world.release(false).await;
        };
        let (record, ()) = tokio::join!(world.run(&request), somebody);
        let run = &record.run;
        assert_eq!((run.phase, run.outcome), (Phase::Finished, Some(Outcome::RollbackFailed)), "{run:#?}");
        assert_eq!(run.verdict, Some(Verdict::Recovered));
        assert_eq!(world.origin().await, "third");
        let calls = world.by_drill("UpdateDistribution").await;
        assert!(
            matches!(&calls[..], [call] if call.code.as_deref() == Some("PreconditionFailed")),
            "{calls:#?}"
        );
        let step = run.undo.iter().find(|step| step.action == "UpdateDistribution").unwrap();
        assert_eq!(step.progress.state, StepState::LeftToPeople);
        let told = world.told().await;
        assert!(told.len() == 1 && told[0].message.contains("default -> third"), "{told:#?}");
        assert!(!world.is_registered().await);
    });
}

#[test]
fn a_reply_that_never_comes_is_never_a_yes() {
    on_ground(async |ground| {
        tokio::join!(without_a_history(ground), without_a_configuration(ground));
    });
}

async fn without_a_history(ground: &Ground) {
    let world = ground.world("blind");
    let shop = world.shop();
    world.alarm_is("OK").await;
    // Nobody else tells that the alarm went off either.
    ground.aws.hold_deliveries(world.name).await.unwrap();
    world.fault("DescribeAlarmHistory", Some("blind"), json!({ "kind": "hang", "times": -1 })).await;
    let mut request = world.request(&shop.url());
    request["objective"]["injectWithinSeconds"] = json!(2);
    let record = world.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Inconclusive), "{run:#?}");
    assert!(run.reason.as_deref().unwrap().contains("nobody could look"), "{:?}", run.reason);
    assert_eq!((run.times.in_place, run.times.recovered), (None, None));
    assert_eq!(world.by_drill("SetAlarmState").await.len(), 1);
    assert_eq!((world.moved().await, world.alarm_state().await.as_str()), ([0, 0], "OK"));
    assert!(!world.is_registered().await);
}

async fn without_a_configuration(ground: &Ground) {
    let world = ground.world("mute");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let request = world.request(&shop.url());
    let silence = async {
        world.forced().await;
        let fault = world.fault("GetDistribution", None, json!({ "kind": "hang", "times": -1 })).await;
        let judged = world.in_phase(Phase::RollingBack).await.run;
        // The answers of the application say who serves; of the configuration nothing is known.
        assert_eq!(
            (judged.verdict, judged.times.failed_over),
            (Some(Verdict::Recovered), None),
            "{judged:#?}"
        );
        assert!(served_since(&shop, Cdn::Secondary, judged.times.injected.unwrap().at).is_some());
        let tried = world
            .recorded("failing back was tried", |record| {
                record.run.undo.iter().any(|step| step.moves_traffic && step.progress.last.is_some())
            })
            .await;
        assert_eq!(tried.run.phase, Phase::RollingBack);
        assert!(world.by_drill("UpdateDistribution").await.is_empty(), "not sent without a look");
        world.mend(&fault).await;
    };
    let (record, ()) = tokio::join!(world.run(&request), silence);
    assert_eq!(record.run.outcome, Some(Outcome::Recovered), "{:#?}", record.run);
    world.is_restored().await;
}
