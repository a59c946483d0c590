//! Refusals: drills that are refused before anything is touched, each with its reason in the record.

use firedrill_core::Outcome;
use serde_json::{Value, json};

use super::{
    fixture::{CROSSED, DrillCase, DrillFixture, WELL, with_drill_fixture},
    template::distribution_arn,
};
use crate::fixture::{caller_of, calls_of, until};

/// The run is refused with this in its reason, and changes nothing.
async fn refused(case: &DrillCase<'_>, request: &Value, because: &str) {
    let record = case.run(request).await;
    let reason = record.run.reason.unwrap_or_default();
    assert_eq!(record.run.outcome, Some(Outcome::NotInjected), "{}: {reason}", case.name);
    assert!(reason.contains(because), "{}: expected `{because}` in: {reason}", case.name);
    assert!(record.run.injection.is_none() && record.run.undo.is_empty(), "{}", case.name);
    case.untouched().await;
}

/// A request that is refused before the steady state matters, so no application is needed. Each number is another run.
fn request(case: &DrillCase<'_>, number: u32) -> Value {
    let mut request = case.request(case.fixture.aws.endpoint());
    request["application"] = json!(format!("{}-{number}", case.name));
    request
}

async fn run_refused(fixture: &DrillFixture, name: &'static str, because: &str) {
    let case = fixture.case(name);
    case.alarm_is("OK").await;
    refused(&case, &request(&case, 1), because).await;
}

#[test]
fn an_alarm_that_could_set_nothing_off_is_never_forced() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("states");
        // No automation acts on this alarm's real changes.
        fixture.aws.hold_deliveries(case.name).await.unwrap();
        refused(&case, &request(&case, 1), "is in INSUFFICIENT_DATA, not in OK").await;
        case.set("ALARM", CROSSED).await;
        refused(&case, &request(&case, 2), "is in ALARM, not in OK (Threshold Crossed").await;
        case.set("OK", WELL).await;

        run_refused(fixture, "asleep", "ActionsEnabled").await;

        let rule = json!({
            "Name": "night", "Rule": { "Schedule": { "Expression": "cron(* * * * *)", "Duration": "PT1H" } },
            "MuteTargets": { "AlarmNames": ["quiet"] }
        });
        let target = "GraniteServiceVersion20100801.PutAlarmMuteRule";
        fixture.call("monitoring", Some(target), "/", rule.to_string()).await;
        run_refused(fixture, "quiet", "is muted by").await;

        run_refused(fixture, "nobody", "its actions lead to no Lambda function").await;
        run_refused(fixture, "nowhere", "its actions lead to no Lambda function").await;
    });
}

#[test]
fn a_failover_of_something_else_is_never_taken_for_the_one_that_is_drilled() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("elsewhere");
        case.alarm_is("OK").await;
        let mut other = request(&case, 1);
        let distribution = distribution_arn(&fixture.case("asleep").id);
        other["target"]["distribution"]["arn"] = json!(distribution);
        refused(&case, &other, &format!(", not {distribution}")).await;
        run_refused(fixture, "untagged", "opt-in tag firedrill:allowed=true").await;
        run_refused(fixture, "moved", "there is nothing to fail over from").await;
        run_refused(fixture, "barred", "opt-in tag firedrill:allowed=true").await;
        fixture.aws.patch_database("cold-2", &json!({ "status": "rebooting" })).await.unwrap();
        run_refused(fixture, "cold", "no available reader").await;
    });
}

#[test]
fn a_health_check_alone_is_never_taken_for_moved_by_a_forced_state() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("checked");
        case.alarm_is("OK").await;
        let check = "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                     <CallerReference>checked</CallerReference><HealthCheckConfig>\
                     <Type>CLOUDWATCH_METRIC</Type>\
                     <AlarmIdentifier><Region>us-east-1</Region><Name>checked</Name></AlarmIdentifier>\
                     </HealthCheckConfig></CreateHealthCheckRequest>";
        fixture.call("route53", None, "/2013-04-01/healthcheck", check.to_owned()).await;
        refused(&case, &request(&case, 1), "use mode `metric`").await;
        // In mode `metric` it counts as a path, if the request says how long the automation may act.
        let mut metric = request(&case, 2);
        metric["mode"] = json!("metric");
        metric["execute"] = json!(false);
        metric["target"]["distribution"]["trigger"]["metric"] = json!({ "value": 0, "perPeriod": 2 });
        let plan = case.invoke(&metric).await;
        let said = plan["plan"]["refused"].as_str().unwrap().to_owned();
        assert!(said.contains("automationDeadlineSeconds"), "{said}");
        metric["target"]["distribution"]["trigger"]["automationDeadlineSeconds"] = json!(30);
        let plan = case.invoke(&metric).await;
        assert_eq!(plan["plan"]["refused"], Value::Null, "{plan:#}");
        case.untouched().await;
    });
}

#[test]
fn datapoints_that_could_not_raise_the_alarm_are_never_published() {
    with_drill_fixture(async |fixture| {
        // The application's own datapoint: with it, the maximum is never 0.
        let now = [
            ("Action", "PutMetricData"),
            ("Namespace", "Drills"),
            ("MetricData.member.1.MetricName", "maximum"),
            ("MetricData.member.1.Value", "1"),
            ("MetricData.member.1.StorageResolution", "1"),
        ];
        fixture.operator.query("monitoring", "2010-08-01", &now).await;
        for (name, because) in [
            ("maximum", "does not breach"),
            ("math", "metric math"),
            ("vendor", "in which only AWS publishes"),
        ] {
            let case = fixture.case(name);
            case.alarm_is("OK").await;
            let mut metric = request(&case, 1);
            metric["mode"] = json!("metric");
            metric["target"]["distribution"]["trigger"]["metric"] = json!({ "value": 0, "perPeriod": 2 });
            refused(&case, &metric, because).await;
        }
    });
}

#[test]
fn a_hop_that_cannot_be_read_is_never_assumed() {
    with_drill_fixture(async |fixture| {
        let denied = async |name: &'static str, action: &str, code: &str| {
            let case = fixture.case(name);
            case.alarm_is("OK").await;
            let (service, call) = action.split_once(':').unwrap();
            let fault = json!({
                "kind": "error", "service": service, "code": code, "status": 403, "times": -1,
                "message": format!("User is not authorized to perform: {action}")
            });
            case.fault(call, Some(name), fault).await;
            let mut request = request(&case, 1);
            request["steadyState"]["withinSeconds"] = json!(8);
            refused(&case, &request, &format!("{action} is denied: {code}")).await;
            let asked = calls_of(&fixture.aws, &caller_of(&case.drill()), call).await;
            let id = format!("{name}-{call}-");
            let tries =
                asked.iter().filter(|call| call.fault.as_ref().is_some_and(|fault| fault.starts_with(&id)));
            assert!(tries.count() > 1, "{action}: it was looked at until the baseline's time was over");
        };
        tokio::join!(
            denied("unseen", "cloudwatch:DescribeAlarms", "AccessDenied"),
            denied("unheard", "cloudwatch:ListAlarmMuteRules", "AccessDenied"),
            denied("dark", "sns:ListSubscriptionsByTopic", "AuthorizationError"),
        );
    });
}

#[test]
fn an_answer_from_a_cache_is_never_taken_for_one_of_now() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("planned");
        case.alarm_is("OK").await;
        let shop = case.shop_with(|options| options.cached = true);
        // The bookstore caches nothing before it has read its distribution.
        until("it has looked", async || (!shop.cdn_truth().is_empty()).then_some(())).await;
        let mut request = case.request(&shop.url());
        (request["application"], request["steadyState"]["withinSeconds"]) = (json!("cached"), json!(4));
        let run = case.run(&request).await.run;
        assert_eq!(run.outcome, Some(Outcome::Skipped), "{run:#?}");
        let reason = run.reason.unwrap();
        assert!(reason.contains("is not known") && reason.contains("primary serves"), "{reason}");
        case.untouched().await;
    });
}

#[test]
fn an_alarm_is_never_forced_while_a_stop_condition_answers_no() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("planned");
        case.alarm_is("OK").await;
        let shop = case.shop();
        let mut request = case.request(&shop.url());
        (request["application"], request["steadyState"]["withinSeconds"]) = (json!("shaky"), json!(5));
        // Nothing listens on port 1; its `count` would take long to end a run.
        request["stopConditions"] = json!([
            { "probe": { "name": "checkout answers", "check": { "tcp": { "host": "127.0.0.1", "port": 1 } }, "count": 50 } }
        ]);
        let run = case.run(&request).await.run;
        assert_eq!(run.outcome, Some(Outcome::Skipped), "{run:#?}");
        let reason = run.reason.unwrap();
        assert!(reason.contains("stop condition checkout answers: it answered no"), "{reason}");
        case.untouched().await;
    });
}
