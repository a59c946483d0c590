//! What a drill would do, told without doing it.

use firedrill_core::Outcome;
use firedrill_local::emulator::Call;
use serde_json::{Value, json};

use super::fixture::with_drill_fixture;
use crate::fixture::{caller_of, until};

#[test]
fn a_plan_never_touches_what_it_tells_of() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("planned");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let mut request = case.request(&shop.url());
        request["execute"] = json!(false);
        let before = fixture.aws.calls().await.unwrap().last().unwrap().n;
        let answer = case.invoke(&request).await;
        assert_eq!(
            (&answer["outcome"], &answer["couldRun"]),
            (&json!("planned"), &json!(true)),
            "{answer:#}"
        );
        let plan = &answer["plan"];
        let list = |field: &str, of: &str| -> Vec<Value> {
            plan[field].as_array().unwrap().iter().map(|one| one[of].clone()).collect()
        };
        let short = |value: &Value| value.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let hops: Vec<String> = list("wiring", "to").iter().map(short).collect();
        let failover = case.drill().replace("-drill-", "-failover-");
        assert_eq!(hops, ["drills-alarms-cdn".to_owned(), failover, format!("distribution/{}", case.id)]);
        assert!(plan["exercises"].as_str().unwrap().contains("response"), "{plan:#}");
        let steps: Vec<(Value, Value)> =
            list("steps", "action").into_iter().zip(list("steps", "plane")).collect();
        let control = json!("control plane (us-east-1)");
        assert_eq!(
            steps,
            [
                (json!("cloudwatch:SetAlarmState"), control.clone()),
                (json!("sns:Publish"), json!("data plane")),
                (json!("cloudfront:UpdateDistribution"), control.clone()),
                (json!("cloudwatch:SetAlarmState"), control.clone()),
                (json!("cloudfront:UpdateDistribution"), control),
            ]
        );
        let permissions = plan["permissions"].as_array().unwrap();
        assert!(
            !permissions.is_empty() && permissions.iter().all(|one| one["proof"] == "not checked"),
            "{plan:#}"
        );
        assert_eq!(list("excluded", "resource").iter().map(short).collect::<Vec<_>>(), ["drills-alarms-cdn"]);

        case.untouched().await;
        let calls = fixture.aws.calls_since(before).await.unwrap();
        let ours = caller_of(&case.drill());
        let about = |call: &&Call| {
            call.caller.as_ref() == Some(&ours)
                && call.mutating
                && call.service != "dynamodb"
                && call
                    .resource
                    .as_ref()
                    .is_some_and(|one| *one == case.id || *one == case.name || one.contains("alarms"))
        };
        assert_eq!(calls.iter().filter(about).count(), 0, "{calls:#?}");
        assert_eq!(case.origin().await, "primary");
    });
}

#[test]
fn a_second_failover_that_cannot_fit_is_never_planned() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("cooling");
        case.alarm_is("OK").await;
        let url = fixture.aws.endpoint();
        let mut request = case.request(url);
        request["execute"] = json!(false);
        request["target"]["restoreWriter"] = json!(true);
        request["target"]["primaryProbe"] = json!({ "tcp": { "host": "127.0.0.1", "port": 1 } });
        let answer = case.invoke(&request).await;
        assert_eq!(
            (&answer["outcome"], &answer["couldRun"]),
            (&json!("planned"), &json!(false)),
            "{answer:#}"
        );
        let refused = answer["plan"]["refused"].as_str().unwrap();
        assert!(refused.contains("restoreWriter") && refused.contains("restoreWithinSeconds"), "{refused}");

        // And what RDS may drop is not asked for either.
        let fields = [("Action", "FailoverDBCluster"), ("DBClusterIdentifier", "cooling")];
        fixture.operator.query("rds", "2014-10-31", &fields).await;
        until("it has failed over", async || {
            let cluster = case.cluster().await;
            (cluster.status == "available" && cluster.writer.as_deref() == Some("cooling-2")).then_some(())
        })
        .await;
        let record = case.run(&case.request(url)).await;
        let reason = record.run.reason.unwrap();
        assert!(reason.contains("within 3600 s"), "{reason}");
        assert_eq!(record.run.outcome, Some(Outcome::NotInjected));
        case.untouched().await;
    });
}
