//! Runs that end before anything is touched.

use firedrill_core::{Outcome, failover::AlarmState, kind::DrillKind};
use firedrill_simulator::{
    Scenario,
    scenario::{Radius, WrongFunction},
};
use serde_json::{Value, json};

use super::played::{Played, played};

const KEY: &str = "arn:aws:kms:eu-west-2:123456789012:key/11111111-2222-3333-4444-555555555555";

#[test]
fn an_instance_that_may_not_be_stopped_never_is() {
    let reasons = ["firedrill:allowed", "environment", "Spot", "protected", "DisableApiStop"];
    for (first_unfit, reason) in reasons.into_iter().enumerate() {
        let refused = played(DrillKind::Instance, |scenario| {
            scenario.fleet.fit = 0;
            scenario.fleet.unfit = 1;
            scenario.fleet.first_unfit = first_unfit;
        });
        refused.was_refused(Outcome::NotInjected, reason);
    }
}

#[test]
fn an_instance_that_might_not_start_again_is_never_stopped() {
    type Change = fn(&mut Scenario);
    let changes: [(Change, &str); 4] = [
        (
            |it| {
                it.overrides().instance = Some(|it, _| "instance-store".clone_into(&mut it.root_device_type));
            },
            "not EBS",
        ),
        (|it| it.overrides().instance = Some(|it, _| "stopped".clone_into(&mut it.state)), "not running"),
        (|it| it.overrides().volume = Some(|it, _| it.key = Some(KEY.to_owned())), "might not start again"),
        (|it| it.overrides().stop_protection = Some(|it, _| *it = Some(true)), "protected"),
    ];
    for (change, reason) in changes {
        played(DrillKind::Instance, change).was_refused(Outcome::NotInjected, reason);
    }
}

#[test]
fn a_database_that_backs_up_is_never_drilled() {
    let refused = played(DrillKind::Database, |scenario| scenario.failover.backs_up = Some((0, 900_000)));
    refused.was_refused(Outcome::NotInjected, "is backing-up, not available");
}

#[test]
fn a_target_that_matches_nothing_is_refused() {
    let refused = played(DrillKind::Instance, |scenario| scenario.fleet.fit = 0);
    refused.was_refused(Outcome::NotInjected, "no instance in");
}

#[test]
fn a_group_that_is_not_whole_before_the_drill_is_never_drilled() {
    let refused = played(DrillKind::Instance, |scenario| {
        scenario.fleet.replaced_after = Some(1_000);
        scenario.overrides().group = Some(|group, _| "Standby".clone_into(&mut group.members[0].lifecycle));
    });
    let why = "Auto Scaling group bookstore is not whole: i-00000000000000000 is Standby";
    refused.was_refused(Outcome::NotInjected, why);
}

#[test]
fn the_only_member_of_a_group_is_never_stopped() {
    let refused = played(DrillKind::Instance, |scenario| {
        scenario.fleet.fit = 1;
        scenario.fleet.replaced_after = Some(1_000);
    });
    refused.was_refused(Outcome::NotInjected, "last healthy instance of bookstore");
}

#[test]
fn nothing_is_injected_while_a_stop_condition_answers_no_however_many_it_takes_to_end_a_run() {
    for kind in DrillKind::ALL {
        let refused = played(kind, |scenario| {
            scenario.change_request = Some(|request| {
                let check = json!({ "http": { "url": "http://127.0.0.1:1/checkout", "status": 200 } });
                request["stopConditions"] =
                    json!([{ "probe": { "name": "checkout answers", "check": check, "count": 50 } }]);
            });
            scenario.overrides().http = Some(|url, reply, _| {
                if url.path() == "/checkout" {
                    reply.status = 503;
                }
            });
        });
        refused.was_refused(Outcome::Skipped, "stop condition checkout answers: it answered no");
    }
}

#[test]
fn a_probe_of_the_metadata_service_never_counts() {
    let refused = played(DrillKind::Instance, |scenario| scenario.overrides().forbidden_address = true);
    refused.was_refused(Outcome::Skipped, "is not known");
    let refused = played(DrillKind::Cdn, |scenario| scenario.overrides().forbidden_address = true);
    refused
        .was_refused(Outcome::NotInjected, "169.254.169.254 is a link-local or metadata address: not asked");
}

#[test]
fn an_answer_from_a_cache_is_never_taken_for_one_of_now() {
    let refused = played(DrillKind::Cdn, |scenario| {
        scenario.overrides().http = Some(|url, reply, _| {
            if url.path() == "/status" {
                reply.headers.push(("age".to_owned(), "7".to_owned()));
            }
        });
    });
    refused.was_refused(Outcome::Skipped, "primary serves");
    assert!(refused.reason().contains("is not known"), "{}", refused.reason());
}

#[test]
fn a_blast_radius_that_rounds_to_nothing_never_stops_one() {
    let refused = played(DrillKind::Instance, |scenario| scenario.fleet.radius = Radius::Percent(30));
    refused.was_refused(Outcome::NotInjected, "rounds to no instance");
}

#[test]
fn production_is_never_drilled_unless_the_stack_allows_the_application() {
    for kind in DrillKind::ALL {
        // An environment that no parameter names, such as `live`, counts as production.
        let refused = played(kind, |scenario| {
            scenario.change_request = Some(|request| request["environment"] = json!("live"));
        });
        refused.was_refused(Outcome::Skipped, "ProductionApplications");
    }
}

#[test]
fn a_late_delivery_never_runs() {
    for kind in DrillKind::ALL {
        played(kind, |scenario| scenario.delivered_late = true).was_refused(Outcome::Skipped, "lateness");
    }
}

const ANOTHER: &str = "999999999999";

/// A request that names something of ours, but for the account, the Region or the partition.
fn names(kind: DrillKind, change: fn(&mut Value), and: fn(&mut Scenario)) -> Played {
    played(kind, |scenario| {
        scenario.change_request = Some(change);
        and(scenario);
    })
}

/// The field whose ARN this is, of another account.
fn of_another_account(arn: &mut Value) {
    *arn = json!(arn.as_str().unwrap().replace("123456789012", ANOTHER));
}

#[test]
fn what_belongs_to_another_account_region_or_partition_is_never_taken_for_ours() {
    let unchanged: fn(&mut Scenario) = |_| {};
    let detects: [fn(&mut Value); 3] = [
        |it| {
            it["detection"] =
                json!({ "alarmArn": "arn:aws:cloudwatch:us-east-1:999999999999:alarm:bookstore" });
        },
        |it| {
            it["detection"] =
                json!({ "alarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:bookstore" });
        },
        |it| {
            it["detection"] =
                json!({ "alarmArn": "arn:aws-cn:cloudwatch:us-east-1:123456789012:alarm:bookstore" });
        },
    ];
    for detects in detects {
        let refused = names(DrillKind::Instance, detects, unchanged);
        refused.was_refused(Outcome::NotInjected, "`detection.alarmArn`: alarm arn:aws");
    }
    let ours: fn(&mut Value) = |it| {
        it["detection"] = json!({ "alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:bookstore" });
    };
    names(DrillKind::Instance, ours, unchanged).ended(Outcome::Recovered);

    let trigger = "does not exist";
    let cdn: fn(&mut Value) =
        |it| of_another_account(&mut it["target"]["distribution"]["trigger"]["alarmArn"]);
    names(DrillKind::Cdn, cdn, unchanged).was_refused(Outcome::NotInjected, trigger);
    let db: fn(&mut Value) = |it| of_another_account(&mut it["target"]["database"]["trigger"]["alarmArn"]);
    names(DrillKind::Database, db, unchanged).was_refused(Outcome::NotInjected, trigger);
    for kind in DrillKind::ALL {
        let stops: fn(&mut Value) = |it| of_another_account(&mut it["stopConditions"][0]["alarmArn"]);
        names(kind, stops, unchanged).was_refused(Outcome::Skipped, "does not exist");
    }
}

#[test]
fn a_resource_of_another_account_is_never_taken_for_the_one_of_ours_that_has_its_id() {
    // The failover function is set up for that one, too: nothing else keeps the run from injecting.
    let all: fn(&mut Scenario) = |scenario| {
        scenario.overrides().function = Some(|function, _| {
            for value in function.environment.values_mut() {
                for resource in ["cloudfront::", "rds:eu-west-2:"] {
                    *value =
                        value.replace(&format!("{resource}123456789012"), &format!("{resource}{ANOTHER}"));
                }
            }
        });
    };
    let why = "was not found: what has its id here is arn:aws";
    let cdn: fn(&mut Value) = |it| of_another_account(&mut it["target"]["distribution"]["arn"]);
    names(DrillKind::Cdn, cdn, all).was_refused(Outcome::NotInjected, why);
    let db: fn(&mut Value) = |it| of_another_account(&mut it["target"]["database"]["arn"]);
    names(DrillKind::Database, db, all).was_refused(Outcome::NotInjected, why);
    let targets: fn(&mut Value) = |it| {
        let arn = format!("arn:aws:elasticloadbalancing:eu-west-2:{ANOTHER}:targetgroup/bookstore/1");
        it["steadyState"]["probes"][0]["check"] = json!({ "targetGroupHealthy": arn });
    };
    let refused = names(DrillKind::Instance, targets, |_| {});
    refused.was_refused(Outcome::Skipped, "the steady state is not known");
}

#[test]
fn what_belongs_to_another_environment_is_never_touched_whatever_it_is() {
    type Change = fn(&mut Scenario);
    let tagged: Change = |scenario| {
        scenario.overrides().tags = Some(|tags, _| {
            tags.insert("firedrill:environment".to_owned(), "staging".to_owned());
        });
    };
    // The alarm is asked in the first look, the resource in the second: each by itself is enough.
    let resource_only: Change = |scenario| {
        scenario.overrides().tags = Some(|tags, _| {
            tags.insert("firedrill:environment".to_owned(), "staging".to_owned());
        });
        scenario.overrides().alarm_tags = Some(|tags, _| drop(tags.remove("firedrill:environment")));
    };
    for kind in [DrillKind::Cdn, DrillKind::Database] {
        let why = "belongs to environment staging (firedrill:environment), not to test";
        played(kind, tagged).was_refused(Outcome::NotInjected, &format!("alarm bookstore {why}"));
        played(kind, resource_only).was_refused(Outcome::NotInjected, why);
    }
}

#[test]
fn nothing_without_the_tag_of_its_environment_is_touched_in_production() {
    let in_production: fn(&mut Scenario) = |scenario| {
        scenario.overrides().production_applications = &["bookstore"];
        scenario.change_request = Some(|request| request["environment"] = json!("live"));
    };
    for kind in DrillKind::ALL {
        let untagged = played(kind, in_production);
        untagged.was_refused(Outcome::NotInjected, "does not carry the tag firedrill:environment=live");
        let tagged = played(kind, |scenario| {
            in_production(scenario);
            scenario.overrides().tags = Some(|tags, _| {
                tags.insert("firedrill:environment".to_owned(), "live".to_owned());
            });
            scenario.overrides().instance = Some(|instance, _| {
                instance.tags.insert("firedrill:environment".to_owned(), "live".to_owned());
            });
        });
        tagged.ended(Outcome::Recovered);
    }
}

#[test]
fn an_application_that_is_not_in_steady_state_is_never_drilled() {
    for kind in DrillKind::ALL {
        let refused = played(kind, |scenario| scenario.unhealthy_at_start = true);
        refused.was_refused(Outcome::Skipped, "steady state did not hold");
    }
}

#[test]
fn nothing_is_injected_while_a_stop_condition_is_tripped() {
    for kind in DrillKind::ALL {
        let refused = played(kind, |scenario| scenario.condition_at = Some(0));
        refused.was_refused(Outcome::Skipped, "stop condition");
    }
}

#[test]
fn nothing_is_injected_while_a_stop_condition_has_no_data_unless_the_request_allows_it() {
    let without_data: fn(&mut Scenario) = |scenario| {
        scenario.overrides().stop_alarm = Some(|alarm, _| alarm.state = Some(AlarmState::InsufficientData));
    };
    for kind in DrillKind::ALL {
        played(kind, without_data).was_refused(Outcome::Skipped, "errors: it is in INSUFFICIENT_DATA");
        let allowed = played(kind, |scenario| {
            without_data(scenario);
            scenario.change_request = Some(|request| {
                request["stopConditions"][0]["allowInsufficientData"] = json!(true);
            });
        });
        allowed.ended(Outcome::Recovered);
        // A state that nobody knows is no missing data.
        let unknown = played(kind, |scenario| {
            scenario.overrides().stop_alarm = Some(|alarm, _| alarm.state = None);
            scenario.change_request = Some(|request| {
                request["stopConditions"][0]["allowInsufficientData"] = json!(true);
            });
        });
        unknown.was_refused(Outcome::Skipped, "a state that this version does not know");
    }
}

#[test]
fn a_stop_condition_whose_data_ends_with_the_injection_never_ends_the_run() {
    for kind in DrillKind::ALL {
        let played = played(kind, |scenario| {
            scenario.overrides().stop_alarm = Some(|alarm, at| {
                if at > 15_000 {
                    alarm.state = Some(AlarmState::InsufficientData);
                }
            });
        });
        played.ended(Outcome::Recovered);
    }
}

#[test]
fn nothing_is_injected_while_the_watchdog_is_away() {
    for kind in DrillKind::ALL {
        let refused = played(kind, |scenario| {
            scenario.watchdog.last_heartbeat = None;
            scenario.watchdog.absent = Some((0, 600_000));
        });
        refused.was_refused(Outcome::Skipped, "heartbeat");
    }
}

#[test]
fn a_failover_of_something_else_is_never_taken_for_the_one_that_is_drilled() {
    for kind in [DrillKind::Cdn, DrillKind::Database] {
        for wrong in [WrongFunction::OfAnother, WrongFunction::Disabled] {
            let refused = played(kind, |scenario| scenario.failover.wrong_function = Some(wrong));
            refused.was_refused(Outcome::NotInjected, "");
        }
    }
}
