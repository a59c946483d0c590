//! Real incidents in the middle of a drill.

use firedrill_core::{Outcome, Phase, Verdict, evidence::Evidence, run::StepState};
use firedrill_local::{Bookstore, bookstore::Cdn};
use serde_json::{Value, json};

use super::fixture::{CROSSED, DrillCase, WELL, served_since, with_drill_fixture};
use crate::fixture::{now, until};

/// A request whose run recovers slowly enough for an incident to happen meanwhile.
fn patient(case: &DrillCase<'_>, shop: &Bookstore) -> Value {
    let mut request = case.request(&shop.url());
    request["target"]["distribution"]["identity"]["holdForSeconds"] = json!(30);
    request
}

/// Waits until the standby serves users, while the run has no verdict yet.
async fn fails_over(case: &DrillCase<'_>, shop: &Bookstore) {
    let before = now();
    until("the standby serves", async || served_since(shop, Cdn::Secondary, before)).await;
    let record = case.in_phase(Phase::Recovering).await;
    assert_eq!(record.run.verdict, None);
}

#[test]
fn traffic_is_never_moved_back_onto_a_primary_that_really_failed() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("held");
        let shop = case.shop();
        case.set("OK", WELL).await;
        let request = patient(&case, &shop);
        let incident = async {
            fails_over(&case, &shop).await;
            // CloudWatch replaces the forced state; then the alarm really goes off.
            case.set("OK", WELL).await;
            shop.fail_primary_cdn();
            case.set("ALARM", CROSSED).await;
            let held = case
                .recorded("somebody was told", |record| record.run.pages.iter().any(|page| page.sent))
                .await;
            assert_eq!(
                (held.run.phase, held.run.verdict),
                (Phase::Held, Some(Verdict::Stopped)),
                "{:#?}",
                held.run
            );
            assert!(held.run.reason.as_deref().unwrap().contains("real incident"), "{:?}", held.run.reason);
            assert_eq!((case.moved().await, case.origin().await.as_str()), ([0, 1], "standby"));

            let told = case.pages().await;
            assert_eq!(told.len(), 1, "{told:#?}");
            let text = &told[0].message;
            for part in [
                "The standby keeps serving",
                "/cdn is \"secondary\"",
                "The primary itself is not healthy: 503",
                "{\"release\": {\"runId\": \"test/held/failover/1\"",
                "\"failBack\": true",
                "Playbook: https://example.com/p",
            ] {
                assert!(text.contains(part), "no {part} in: {text}");
            }
            let log = fixture.aws.function_log(&case.drill());
            let errors =
                log.lines().filter(|line| line.contains("\"ERROR\"") && line.contains(&case.run_id()));
            assert_eq!(errors.count(), 1, "{log}");

            // The primary is healthy again, and still no traffic moves before an operator releases the run.
            shop.heal_primary_cdn();
            case.set("OK", WELL).await;
            let known = held.run.version;
            case.recorded("it was looked at again", |record| record.run.version > known + 1).await;
            assert_eq!((case.moved().await, case.origin().await.as_str()), ([0, 1], "standby"));
            let answer = case.release(true).await;
            assert_eq!(answer["runId"], json!(case.run_id()));
        };
        let (record, ()) = tokio::join!(case.run(&request), incident);
        let run = &record.run;
        assert_eq!((run.phase, run.outcome), (Phase::Finished, Some(Outcome::Stopped)), "{run:#?}");
        assert_eq!((case.moved().await, case.origin().await.as_str()), ([1, 1], "primary"));
        assert_eq!(case.pages().await.len(), 1, "once per cause");
        let back = run.times.failed_back.unwrap().at;
        assert!(back > run.released_at.unwrap(), "{:#?}", run.times);
        assert!(served_since(&shop, Cdn::Primary, run.released_at.unwrap()).is_some());
        assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
        assert!(!case.is_registered().await);
        // The failover function acted on the real alarm in spite of the drill.
        let journal = case.journal().await;
        let real = journal.iter().find(|entry| entry.reason == CROSSED).unwrap();
        assert!(real.done.is_some() && real.called_at.is_none(), "{real:#?}");
    });
}

#[test]
fn what_is_left_to_operators_is_never_touched_again_and_an_unsent_page_changes_nothing() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("left");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let denied = json!({
            "kind": "error", "code": "AuthorizationError", "status": 403, "times": -1,
            "message": "not authorized to perform: SNS:Publish"
        });
        case.fault("Publish", Some("test%2Fleft%2F"), denied).await;
        let request = patient(&case, &shop);
        let incident = async {
            fails_over(&case, &shop).await;
            shop.fail_primary_cdn();
            // A real alarm that lasts only a moment: its history holds it.
            case.set("ALARM", CROSSED).await;
            let tried = case
                .recorded("sending was tried", |record| record.run.pages.iter().any(|page| page.attempts > 0))
                .await;
            assert_eq!(
                (tried.run.phase, tried.run.verdict),
                (Phase::Held, Some(Verdict::Stopped)),
                "{:#?}",
                tried.run
            );
            case.release(false).await;
        };
        let (record, ()) = tokio::join!(case.run(&request), incident);
        let run = &record.run;
        assert_eq!((run.phase, run.outcome), (Phase::Finished, Some(Outcome::Stopped)), "{run:#?}");
        assert_eq!((case.moved().await, case.origin().await.as_str()), ([0, 1], "standby"));
        let left = run.undo.iter().find(|step| step.action == "UpdateDistribution").unwrap();
        assert_eq!(left.progress.state, StepState::LeftToOperators);
        assert_eq!((run.times.failed_back, left.progress.attempts), (None, 0));
        assert!(!case.is_registered().await);
        assert!(case.pages().await.is_empty());
        assert!(run.pages.iter().all(|page| !page.sent) && run.pages.len() == 1, "{:#?}", run.pages);
        let unsent = record.evidence.iter().find_map(|item| match item {
            Evidence::Paged { error, .. } => error.as_deref(),
            _ => None,
        });
        assert!(unsent.is_some_and(|why| why.contains("sns:Publish")), "{unsent:?}");
        let log = fixture.aws.function_log(&case.drill());
        let errors = log.lines().filter(|line| line.contains("\"ERROR\"") && line.contains(&case.run_id()));
        assert_eq!(errors.count(), 1, "however often it is tried");
        shop.heal_primary_cdn();
        assert_eq!(case.origin().await, "standby");
    });
}
