//! CDN drills: a distribution fails over and back.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_core::{Outcome, evidence::Evidence, run::StepState};
use firedrill_local::{Bookstore, record_reader::Record};
use libtest_mimic::Trial;

use super::fixture::{DrillCase, effects, history, served_as_measured, with_drill_fixture};

/// The run recovered and failed back, and left nothing behind: each call was sent once, by the right function.
async fn is_recovered_and_restored(case: &DrillCase<'_>, shop: &Bookstore, record: &Record) {
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    assert_eq!(case.moved().await, [1, 1]);
    assert_eq!(case.origin().await, "primary");
    assert!(!case.is_registered().await, "its alarm is its no more");
    assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
    assert_eq!(case.alarm_state().await, "OK");
    assert!(case.own_entry(record).is_some(), "{:#?}", record.evidence);
    served_as_measured(shop, record);
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        who_served_when_is_never_recorded_otherwise_than_it_was,
    ]
}

fn who_served_when_is_never_recorded_otherwise_than_it_was() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("plain");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let record = case.run(&case.request(&shop.url())).await;
        is_recovered_and_restored(&case, &shop, &record).await;

        assert_eq!(case.by_drill("SetAlarmState").await.len(), 1, "it fell back by itself");
        let id = case.run_id();
        let told = history(&record);
        assert!(told.iter().any(|text| text.contains("OK to ALARM") && text.contains(&id)), "{told:#?}");
        let wiring = record.evidence.iter().find_map(|item| match item {
            Evidence::Wiring { hops, .. } => Some(hops),
            _ => None,
        });
        let hops: Vec<&str> = wiring.unwrap().iter().map(|hop| hop.to.rsplit(':').next().unwrap()).collect();
        let distribution = format!("distribution/{}", case.id);
        let failover = case.drill().replace("-drill-", "-failover-");
        assert_eq!(hops, ["drills-alarms-cdn", &failover, &distribution]);
        // The configuration and what the edges serve are recorded apart.
        let seen = effects(&record);
        let at = |text: &str| seen.iter().position(|state| state == text);
        let (before, moved) = (at("default -> primary, Deployed"), at("default -> standby, InProgress"));
        assert!(before.is_some() && before < moved.or(at("default -> standby, Deployed")), "{seen:#?}");
        let answered = |name: &str| {
            record.evidence.iter().any(|item| {
                matches!(item, Evidence::Probe { probe, detail, .. } if probe == &format!("{name} serves")
                    && detail.as_deref() == Some(&format!("200, /cdn is \"{name}\"")))
            })
        };
        assert!(answered("primary") && answered("secondary"), "{:#?}", record.evidence);
        let notes = record.evidence.iter().filter(|item| matches!(item, Evidence::Note { .. }));
        assert!(notes.count() > 0, "that detection was not exercised is on record");
        assert_eq!((record.run.times.detected, record.run.impaired), (None, Some(false)));
        assert!(case.pages().await.is_empty(), "nobody is woken by a drill that goes well");

        // SNS may deliver again for weeks.
        let alarm = case.deliveries("ALARM").await;
        let again = fixture.aws.redeliver(alarm[0].n).await.unwrap();
        case.delivered(again.n).await;
        assert_eq!(case.moved().await, [1, 1]);
        assert_eq!(case.origin().await, "primary");
        let journal = case.journal().await;
        let acted = journal.iter().filter(|entry| entry.called_at.is_some());
        assert_eq!(acted.count(), 1, "{journal:#?}");
    });
}
