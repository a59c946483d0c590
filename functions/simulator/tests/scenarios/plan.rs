//! Plans: what a drill would do, described without doing it.

use firedrill_core::{Outcome, evidence::Evidence, kind::DrillKind, plan::Proof};
use firedrill_simulator::{Event, Scenario};
use serde_json::{Value, json};

use super::played::{Played, played};

fn planned(kind: DrillKind, change: impl FnOnce(&mut Scenario)) -> Played {
    let planned = played(kind, |scenario| {
        scenario.change_request = Some(|request| request["execute"] = json!(false));
        change(scenario);
    });
    planned.ended(Outcome::Planned);
    assert_eq!(planned.count(|event| !matches!(event, Event::Finished { .. })), 0, "{}", planned.timeline());
    planned
}

#[test]
fn a_plan_never_touches_what_it_describes() {
    for kind in DrillKind::ALL {
        let planned = planned(kind, |_| ());
        let plan = planned.plan();
        assert!(plan.could_run(), "{plan:#?}");
        assert!(!plan.steps.is_empty(), "{plan:#?}");
        let proven = plan.permissions.iter().any(|one| one.proof == Proof::Proven);
        // A dry run exists for instances only.
        assert_eq!(proven, kind == DrillKind::Instance, "{plan:#?}");
        assert!(plan.permissions.iter().any(|one| one.proof == Proof::NotChecked), "{plan:#?}");
        let targets = planned.evidence().iter().filter(|item| matches!(item, Evidence::Call { .. }));
        assert_eq!(targets.count(), 0, "no call is on record");
    }
}

#[test]
fn a_plan_never_passes_over_what_an_update_of_the_distribution_also_needs() {
    let planned = planned(DrillKind::Cdn, |scenario| {
        scenario.overrides().distribution = Some(|distribution, _| {
            distribution.attachments.web_acl =
                Some("arn:aws:wafv2:us-east-1:1:global/webacl/shop/1".to_owned());
            distribution.attachments.vpc_origins = vec!["vo_1".to_owned()];
        });
    });
    for (action, why) in [("wafv2:GetWebACL", "webacl/shop"), ("cloudfront:GetVpcOrigin", "vo_1")] {
        let permission = planned.plan().permissions.iter().find(|one| one.action == action).unwrap();
        assert_eq!(permission.proof, Proof::NotChecked);
        assert!(permission.detail.as_deref().unwrap().contains(why), "{permission:#?}");
    }
}

#[test]
fn a_second_failover_that_cannot_fit_is_never_planned() {
    let planned = planned(DrillKind::Database, |scenario| {
        scenario.failover.restore_writer = true;
        scenario.failover.cool_down = 3_600_000;
    });
    let refused = planned.plan().refused.clone().unwrap_or_default();
    assert!(refused.contains("restoreWriter") && refused.contains("restoreWithinSeconds"), "{refused}");
}

#[test]
fn a_failover_that_rds_may_drop_is_never_called_for() {
    let refused = played(DrillKind::Database, |scenario| {
        scenario.failover.cool_down = 3_600_000;
        scenario.overrides().recent_failover = true;
    });
    refused.was_refused(Outcome::NotInjected, "within 3600 s");
}

#[test]
fn a_plan_never_runs_what_the_request_cannot() {
    let planned = planned(DrillKind::Instance, |scenario| {
        scenario.overrides().instance = Some(|instance, _| instance.spot = true);
    });
    assert!(!planned.plan().could_run());
    let plan: Value = serde_json::to_value(planned.plan()).unwrap();
    assert!(plan["refused"].as_str().unwrap_or_default().contains("Spot"), "{plan:#}");
}
