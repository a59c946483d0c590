//! Shapes of delivery: SNS, Lambda action and EventBridge rule, and one change that arrives by several of them.

use crate::{failovers::fixture::FIXTURE, trials};
use libtest_mimic::Trial;
use std::collections::BTreeSet;

use firedrill_core::failover::Done;
use futures_util::future::join_all;
use serde_json::json;

use crate::failovers::fixture::{Case, Shape, with};

const CROSSED: &str = "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";

/// One entry `failedOver`, one call, and the standby configured.
async fn failed_over_once(case: &Case<'_>) {
    let entry = case.entry().await;
    assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
    assert_eq!(case.calls("UpdateDistribution").await.len(), 1);
    assert_eq!(case.origin().await, "standby");
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        one_change_delivered_in_three_shapes_is_never_acted_on_twice,
        one_change_delivered_three_times_at_once_is_never_acted_on_twice_nor_after_operators_moved_back,
    ]
}

fn one_change_delivered_in_three_shapes_is_never_acted_on_twice() {
    with(async |fixture| {
        let case = fixture.case("shapes");
        case.set("ALARM", CROSSED).await;
        let told = case.delivered(3).await;
        let ways: BTreeSet<&str> = told.iter().map(|one| one.via.as_str()).collect();
        assert_eq!(ways, BTreeSet::from(["alarm", "rule", "sns"]));
        // One acts. The others are retried until it has, or, on a busy machine, until their attempts are used up.
        assert!(told.iter().any(|one| one.state == "delivered"), "{told:#?}");
        failed_over_once(&case).await;
        let moved = case.distribution().await.configured.behaviors;
        let of = |pattern: &str| moved.get(pattern).map(String::as_str);
        assert_eq!((of("/static/*"), of("/origins/*")), (Some("standby"), Some("primary")));

        // Each delivery again: answered with the entry.
        let before = case.entry().await;
        for one in &told {
            fixture.aws.redeliver(one.n).await.unwrap();
        }
        let mut again = case.delivered(6).await;
        again.retain(|one| one.again.is_some());
        assert_eq!(again.len(), told.len(), "{again:#?}");
        assert!(again.iter().all(|one| one.state == "delivered"), "{again:#?}");
        assert_eq!(case.entry().await, before);
        failed_over_once(&case).await;
        assert_eq!(case.pages().await.len(), 1, "people are told once");
    });
}

fn one_change_delivered_three_times_at_once_is_never_acted_on_twice_nor_after_operators_moved_back() {
    with(async |fixture| {
        let case = fixture.case("thrice");
        let change = case.change("ALARM", 0, CROSSED);
        let events = Shape::ALL.map(|shape| change.event(shape));
        let answers = join_all(events.iter().map(|event| case.invoke(event))).await;
        for answer in &answers {
            let kind = answer.payload["errorType"].as_str();
            assert!(!answer.failed || kind == Some("InProgress"), "{:#}", answer.payload);
        }
        assert!(answers.iter().any(|answer| !answer.failed), "{answers:#?}");
        failed_over_once(&case).await;

        fixture
            .operator
            .update_distribution(&case.id, |config| {
                let default = config.find("<DefaultCacheBehavior").unwrap();
                let (others, default) = config.split_at(default);
                let back = default.replacen(">standby<", ">primary<", 1);
                format!("{others}{back}")
            })
            .await;
        let entry = case.entry().await;
        for event in &events {
            let mut answer = case.handled(event).await;
            assert_eq!(answer["duplicate"], true);
            answer.as_object_mut().unwrap().remove("duplicate");
            assert_eq!(answer, json!(entry), "answered with its entry");
        }
        assert_eq!(case.origin().await, "primary");
        assert_eq!(case.calls("UpdateDistribution").await.len(), 1);
    });
}
