//! From the alarm to what fails over: what leads elsewhere, or cannot be read, is never assumed.

use firedrill_core::{Outcome, failover::AlarmState, kind::DrillKind};
use firedrill_drills::ports::{HealthCheck, Kind, MetricRule, Rule, Special, Subscription};
use firedrill_simulator::{Scenario, overrides::Unread, scenario::Elsewhere};
use serde_json::{Value, json};

use super::played::{Played, played};

const THROUGH_AN_ALARM: [DrillKind; 2] = [DrillKind::Cdn, DrillKind::Database];
const TERMINATE: &str = "arn:aws:automate:us-east-1:ec2:terminate";

type Change = fn(&mut Scenario);

fn rule(kind: &mut Kind) -> &mut MetricRule {
    match kind {
        Kind::Metric(rule) => rule,
        Kind::Composite { .. } => panic!("it is a metric alarm"),
    }
}

#[test]
fn an_alarm_that_could_set_nothing_off_is_never_forced() {
    let changes: [(Change, &str); 5] = [
        (
            |it| it.overrides().alarm = Some(|it, _| it.state = Some(AlarmState::InsufficientData)),
            "is in INSUFFICIENT_DATA, not in OK",
        ),
        (
            |it| it.overrides().alarm = Some(|it, _| it.state = Some(AlarmState::Alarm)),
            "is in ALARM, not in OK",
        ),
        (|it| it.overrides().alarm = Some(|it, _| it.actions_enabled = false), "ActionsEnabled"),
        (|it| it.overrides().mute_rules = &["night"], "is muted by"),
        (
            |it| it.overrides().alarm = Some(|it, _| it.alarm_actions.clear()),
            "its actions lead to no Lambda function",
        ),
    ];
    for kind in THROUGH_AN_ALARM {
        for (change, reason) in changes {
            // A drawn alarm of the stop condition has no actions: only the trigger's has some.
            played(kind, change).was_refused(Outcome::NotInjected, reason);
        }
    }
}

#[test]
fn what_did_not_opt_in_or_has_nowhere_to_go_is_never_moved() {
    let untagged: Change = |it| it.overrides().tags = Some(|tags, _| tags.clear());
    for kind in THROUGH_AN_ALARM {
        played(kind, untagged).was_refused(Outcome::NotInjected, "opt-in tag firedrill:allowed=true");
    }
    let moved = played(DrillKind::Cdn, |scenario| {
        scenario.overrides().distribution = Some(|it, _| "standby".clone_into(&mut it.default_origin));
    });
    moved.was_refused(Outcome::NotInjected, "there is nothing to fail over from");
    let alone = played(DrillKind::Database, |scenario| {
        scenario.overrides().cluster_instance = Some(|it, _| {
            if it.id == "standby" {
                "rebooting".clone_into(&mut it.status);
            }
        });
    });
    alone.was_refused(Outcome::NotInjected, "no available reader");
}

#[test]
fn a_region_without_mute_rules_is_never_taken_for_one_whose_rules_cannot_be_read() {
    for kind in THROUGH_AN_ALARM {
        played(kind, |it| it.overrides().no_mute_rules = Some("InvalidAction")).ended(Outcome::Recovered);
        let denied = played(kind, |it| it.overrides().no_mute_rules = Some("AccessDenied"));
        denied.was_refused(Outcome::NotInjected, "cloudwatch:ListAlarmMuteRules is denied");
    }
}

#[test]
fn tags_that_a_description_leaves_out_are_never_taken_for_none() {
    let left_out: Change = |it| it.overrides().cluster = Some(|cluster, _| cluster.tags = None);
    played(DrillKind::Database, left_out).ended(Outcome::Recovered);
    let unread = played(DrillKind::Database, |scenario| {
        left_out(scenario);
        scenario.overrides().unread =
            Some(Unread { action: "rds:ListTagsForResource", span: (0, 900_000), denied: true });
    });
    unread.was_refused(Outcome::NotInjected, "rds:ListTagsForResource is denied");
    let untagged = played(DrillKind::Database, |scenario| {
        left_out(scenario);
        scenario.overrides().tags = Some(|tags, _| tags.clear());
    });
    untagged.was_refused(Outcome::NotInjected, "opt-in tag");
}

fn terminates(allowed: bool) -> Played {
    played(DrillKind::Cdn, |scenario| {
        scenario.overrides().alarm = Some(|alarm, _| alarm.alarm_actions.push(TERMINATE.to_owned()));
        if allowed {
            scenario.change_request = Some(|request| {
                request["target"]["distribution"]["trigger"]["allowedActions"] = json!([TERMINATE]);
            });
        }
    })
}

#[test]
fn a_dangerous_action_is_never_set_off_unless_it_is_allowed_by_name() {
    terminates(false).was_refused(Outcome::NotInjected, TERMINATE);
    terminates(true).ended(Outcome::Recovered);
}

#[test]
fn an_alarm_that_leads_elsewhere_too_is_never_set_off_unless_that_is_allowed_by_name() {
    for kind in THROUGH_AN_ALARM {
        for elsewhere in Elsewhere::ALL {
            for metric in [false, true] {
                let leads = |allowed| {
                    played(kind, |scenario| {
                        scenario.failover.metric = metric;
                        scenario.failover.leads_elsewhere = Some(elsewhere);
                        scenario.failover.elsewhere_allowed = allowed;
                    })
                };
                leads(false).was_refused(Outcome::NotInjected, elsewhere.target());
                leads(true).ended(Outcome::Recovered);
            }
        }
    }
}

/// The alarm's topic has this subscription besides our own function's.
fn subscribed(change: fn(&mut Vec<Subscription>, u64)) -> Played {
    played(DrillKind::Cdn, |scenario| {
        scenario.failover.leads_elsewhere = Some(Elsewhere::Subscription);
        // What is subscribed is what the test says.
        scenario.failover.elsewhere_allowed = true;
        scenario.change_request = Some(|request| {
            request["target"]["distribution"]["trigger"]["allowedActions"] = json!([]);
        });
        scenario.overrides().subscriptions = Some(change);
    })
}

fn subscription(protocol: &str, confirmed: bool) -> Subscription {
    Subscription { protocol: protocol.to_owned(), endpoint: format!("{protocol} endpoint"), confirmed }
}

#[test]
fn a_subscription_is_never_passed_over_for_its_protocol_or_its_place() {
    type Change = fn(&mut Vec<Subscription>, u64);
    let others: [(Change, &str); 5] = [
        (|all, _| *all = vec![subscription("sqs", true)], "sqs endpoint"),
        // After what fits, and on a later page.
        (|all, _| all.push(subscription("http", true)), "http endpoint"),
        (|all, _| *all = vec![subscription("firehose", true)], "firehose endpoint"),
        (|all, _| *all = vec![subscription("lambda", true)], "lambda endpoint"),
        (|all, _| *all = vec![subscription("new", true)], "new endpoint"),
    ];
    for (other, named) in others {
        subscribed(other).was_refused(Outcome::NotInjected, named);
    }
    let people: fn(&mut Vec<Subscription>, u64) = |all, _| {
        *all = ["email", "email-json", "sms"].map(|people| subscription(people, true)).to_vec();
        all.push(subscription("https", false));
    };
    subscribed(people).ended(Outcome::Recovered);
}

#[test]
fn a_failover_of_another_resource_is_never_set_off_beside_the_one_that_is_drilled() {
    let refused = played(DrillKind::Cdn, |scenario| {
        scenario.failover.leads_elsewhere = Some(Elsewhere::Function);
        scenario.overrides().function = Some(|function, _| {
            if function.environment.is_empty() {
                let rule = json!([{
                    "alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore",
                    "distributionArn": "arn:aws:cloudfront::123456789012:distribution/EANOTHER",
                    "primaryOrigin": "a", "standbyOrigin": "b"
                }]);
                function.environment.insert("FIREDRILL_FAILOVERS".to_owned(), rule.to_string());
            }
        });
    });
    let why = "fails over arn:aws:cloudfront::123456789012:distribution/EANOTHER";
    refused.was_refused(Outcome::NotInjected, why);
}

#[test]
fn a_rule_that_may_match_the_alarm_is_never_passed_over() {
    let ruled = |change: fn(&mut Vec<Rule>, u64)| {
        played(DrillKind::Database, |scenario| {
            scenario.failover.leads_elsewhere = Some(Elsewhere::Rule);
            scenario.overrides().rules = Some(change);
        })
    };
    let unreadable = |all: &mut Vec<Rule>, _| all[2].pattern = Some("{".to_owned());
    ruled(unreadable).was_refused(Outcome::NotInjected, "arn:aws:sqs");
    let prefixed = |all: &mut Vec<Rule>, _| {
        all[2].pattern = Some(r#"{"detail": {"alarmName": [{"prefix": "book"}]}}"#.to_owned());
    };
    ruled(prefixed).was_refused(Outcome::NotInjected, "arn:aws:sqs");
    // What is off, or about something else, sets nothing off.
    let disabled = played(DrillKind::Database, |scenario| {
        scenario.overrides().rules = Some(|all, _| {
            all[1].pattern = Some("{}".to_owned());
            all[1].enabled = false;
        });
    });
    disabled.ended(Outcome::Recovered);
}

#[test]
fn what_cannot_be_read_of_the_wiring_is_never_assumed_unless_that_is_allowed_by_name() {
    let reads = [
        ("events:ListRules", "unread:events"),
        ("events:ListTargetsByRule", "unread:events"),
        ("sns:ListSubscriptionsByTopic", "unread:sns"),
    ];
    for denied in [true, false] {
        for (action, token) in reads {
            let unread = move |allowed: Option<fn(&mut Value)>| {
                played(DrillKind::Cdn, |scenario| {
                    let topic = action.starts_with("sns");
                    let elsewhere = if topic { Elsewhere::Subscription } else { Elsewhere::Rule };
                    scenario.failover.leads_elsewhere = Some(elsewhere);
                    scenario.failover.elsewhere_allowed = true;
                    scenario.change_request = allowed;
                    scenario.overrides().unread = Some(Unread { action, span: (0, 200_000), denied });
                })
            };
            unread(None).was_refused(Outcome::NotInjected, token);
            if denied {
                let allowed: fn(&mut Value) = |request| {
                    request["target"]["distribution"]["trigger"]["allowedActions"] =
                        json!(["unread:events", "unread:sns"]);
                };
                unread(Some(allowed)).ended(Outcome::Recovered);
            }
        }
    }
}

#[test]
fn a_plan_lists_everything_that_the_alarm_sets_off() {
    let planned = played(DrillKind::Cdn, |scenario| {
        scenario.failover.leads_elsewhere = Some(Elsewhere::Subscription);
        scenario.change_request = Some(|request| request["execute"] = json!(false));
    });
    let plan = planned.plan();
    for to in ["team@example.com", Elsewhere::Subscription.target(), "distribution/E1"] {
        assert!(plan.wiring.iter().any(|hop| hop.to.contains(to)), "{to}: {:#?}", plan.wiring);
    }
    let refused = plan.refused.clone().unwrap_or_default();
    assert!(
        refused.contains(Elsewhere::Subscription.target()) && refused.contains("allowedActions"),
        "{refused}"
    );
}

#[test]
fn a_health_check_alone_is_never_taken_for_moved_by_a_forced_state() {
    let checked: Change = |scenario| {
        scenario.overrides().alarm = Some(|alarm, _| alarm.alarm_actions.clear());
        scenario.overrides().health_checks = Some(|| {
            let alarm = Some(("bookstore".to_owned(), "us-east-1".to_owned()));
            vec![HealthCheck { id: "h".to_owned(), kind: "CLOUDWATCH_METRIC".to_owned(), alarm }]
        });
    };
    played(DrillKind::Cdn, checked).was_refused(Outcome::NotInjected, "use mode `metric`");
    // In mode `metric` it counts as a path, if the request says how long the automation may act.
    let metric = |deadline: bool| {
        played(DrillKind::Cdn, |scenario| {
            checked(scenario);
            scenario.failover.metric = true;
            scenario.change_request = Some(if deadline {
                |request| {
                    request["execute"] = json!(false);
                    request["target"]["distribution"]["trigger"]["automationDeadlineSeconds"] = json!(30);
                }
            } else {
                |request| request["execute"] = json!(false)
            });
        })
    };
    let refused = metric(false).plan().refused.clone().unwrap_or_default();
    assert!(refused.contains("automationDeadlineSeconds"), "{refused}");
    assert_eq!(metric(true).plan().refused, None);
}

#[test]
fn datapoints_that_could_not_raise_the_alarm_are_never_published() {
    let changes: [(Change, &str); 3] = [
        // The application's own datapoints: with them, the maximum is never 0.
        (
            |it| {
                it.overrides().alarm =
                    Some(|it, _| rule(&mut it.kind).statistic = Some("Maximum".to_owned()));
            },
            "does not breach",
        ),
        (
            |it| it.overrides().alarm = Some(|it, _| rule(&mut it.kind).special = vec![Special::Math]),
            "metric math",
        ),
        (
            |it| {
                it.overrides().alarm =
                    Some(|it, _| "AWS/ApplicationELB".clone_into(&mut rule(&mut it.kind).metric.namespace));
            },
            "in which only AWS publishes",
        ),
    ];
    for (change, reason) in changes {
        let refused = played(DrillKind::Cdn, |scenario| {
            scenario.failover.metric = true;
            change(scenario);
        });
        refused.was_refused(Outcome::NotInjected, reason);
    }
}
