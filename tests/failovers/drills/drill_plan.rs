//! What a drill would do, told without doing it.

use firedrill_core::Outcome;
use firedrill_local::emulator::Call;
use serde_json::{Value, json};

use super::world::on_ground;
use crate::place::{caller_of, until};

#[test]
fn a_plan_never_touches_what_it_tells_of() {
    on_ground(async |ground| {
        let world = ground.world("planned");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let mut request = world.request(&shop.url());
        request["execute"] = json!(false);
        let before = ground.aws.calls().await.unwrap().last().unwrap().n;
        let answer = world.invoke(&request).await;
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
        let failover = world.drill().replace("-drill-", "-failover-");
        assert_eq!(hops, ["drills-alarms-cdn".to_owned(), failover, format!("distribution/{}", world.id)]);
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
        assert_eq!(list("leftOut", "resource").iter().map(short).collect::<Vec<_>>(), ["drills-alarms-cdn"]);

        world.untouched().await;
        let calls = ground.aws.calls_since(before).await.unwrap();
        let ours = caller_of(&world.drill());
        let about = |call: &&Call| {
            call.caller.as_ref() == Some(&ours)
                && call.mutating
                && call.service != "dynamodb"
                && call
                    .resource
                    .as_ref()
                    .is_some_and(|one| *one == world.id || *one == world.name || one.contains("alarms"))
        };
        assert_eq!(calls.iter().filter(about).count(), 0, "{calls:#?}");
        assert_eq!(world.origin().await, "primary");
    });
}

#[test]
fn a_second_failover_that_cannot_fit_is_never_planned() {
    on_ground(async |ground| {
        let world = ground.world("cooling");
        world.alarm_is("OK").await;
        let url = ground.aws.endpoint();
        let mut request = world.request(url);
        request["execute"] = json!(false);
        request["target"]["restoreWriter"] = json!(true);
        request["target"]["primaryProbe"] = json!({ "tcp": { "host": "127.0.0.1", "port": 1 } });
        let answer = world.invoke(&request).await;
        assert_eq!(
            (&answer["outcome"], &answer["couldRun"]),
            (&json!("planned"), &json!(false)),
            "{answer:#}"
        );
        let refused = answer["plan"]["refused"].as_str().unwrap();
        assert!(refused.contains("restoreWriter") && refused.contains("restoreWithinSeconds"), "{refused}");

        // And what RDS may drop is not asked for either.
        let fields = [("Action", "FailoverDBCluster"), ("DBClusterIdentifier", "cooling")];
        ground.hand.query("rds", "2014-10-31", &fields).await;
        until("it has failed over", async || {
            let cluster = world.cluster().await;
            (cluster.status == "available" && cluster.writer.as_deref() == Some("cooling-2")).then_some(())
        })
        .await;
        let record = world.run(&world.request(url)).await;
        let reason = record.run.reason.unwrap();
        assert!(reason.contains("within 3600 s"), "{reason}");
        assert_eq!(record.run.outcome, Some(Outcome::NotInjected));
        world.untouched().await;
    });
}
