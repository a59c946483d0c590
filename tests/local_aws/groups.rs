//! Auto Scaling groups: a drill stops a member, and the group recovers by replacing it.

use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use serde_json::json;

use crate::fixture::{Fixture, REGION, request, with};

async fn group(fixture: &Fixture, name: &str, size: i32) {
    let data =
        RequestLaunchTemplateData::builder().image_id("ami-12c6146b").instance_type(InstanceType::T3Nano);
    let template =
        fixture.ec2.create_launch_template().launch_template_name(name).launch_template_data(data.build());
    template.send().await.unwrap();
    let client = aws_sdk_autoscaling::Client::new(&fixture.sdk);
    let tag = |key: &str, value: &str| {
        let tag = Tag::builder().key(key).value(value).propagate_at_launch(true).resource_id(name);
        tag.resource_type("auto-scaling-group").build()
    };
    client
        .create_auto_scaling_group()
        .auto_scaling_group_name(name)
        .launch_template(
            LaunchTemplateSpecification::builder().launch_template_name(name).version("1").build(),
        )
        .min_size(size)
        .max_size(size)
        .desired_capacity(size)
        .availability_zones(format!("{REGION}a"))
        .tags(tag("firedrill:allowed", "true"))
        .tags(tag("case", name))
        .send()
        .await
        .unwrap();
}

async fn members(fixture: &Fixture, name: &str) -> Vec<(String, String)> {
    let client = aws_sdk_autoscaling::Client::new(&fixture.sdk);
    let answer = client.describe_auto_scaling_groups().auto_scaling_group_names(name).send().await.unwrap();
    let group = &answer.auto_scaling_groups()[0];
    let member = |i: &aws_sdk_autoscaling::types::Instance| {
        (i.instance_id().unwrap().to_owned(), i.lifecycle_state().unwrap().as_str().to_owned())
    };
    group.instances().iter().map(member).collect()
}

#[test]
fn a_group_that_replaced_its_member_is_back_though_the_instance_is_gone() {
    with(async |fixture| {
        group(fixture, "fleet", 2).await;
        let before = members(fixture, "fleet").await;
        // Long enough to be seen by a function that has to wait for a processor.
        fixture.aws.set_transitions(&json!({ "replaceMs": 8_000 })).await.unwrap();
        let mut drill = request("fleet", fixture.aws.endpoint());
        drill["target"]["instances"]["select"] = json!({ "autoScalingGroup": "fleet" });
        drill["steadyState"]["probes"] =
            json!([{ "name": "at strength", "check": { "groupAtStrength": "fleet" }, "count": 2 }]);
        let answer = fixture.invoke(&drill).await.unwrap();
        assert_eq!(
            (&answer["outcome"], &answer["impaired"]),
            (&json!("recovered"), &json!(true)),
            "{answer:#}"
        );
        let after = members(fixture, "fleet").await;
        assert_eq!(after.len(), 2);
        assert!(after.iter().all(|(_, lifecycle)| lifecycle == "InService"), "{after:?}");
        let stopped = answer["targets"][0].as_str().unwrap();
        assert!(before.iter().any(|(id, _)| id == stopped));
        assert!(after.iter().all(|(id, _)| id != stopped), "the group replaced it");
    });
}

#[test]
fn a_group_that_is_not_whole_before_the_drill_is_never_drilled() {
    with(async |fixture| {
        group(fixture, "resting", 3).await;
        let ids: Vec<String> = members(fixture, "resting").await.into_iter().map(|(id, _)| id).collect();
        let client = aws_sdk_autoscaling::Client::new(&fixture.sdk);
        let standby = client.enter_standby().auto_scaling_group_name("resting").instance_ids(&ids[0]);
        standby.should_decrement_desired_capacity(true).send().await.unwrap();
        let mut drill = request("resting", fixture.aws.endpoint());
        drill["target"]["instances"]["select"] = json!({ "autoScalingGroup": "resting" });
        drill["steadyState"]["withinSeconds"] = json!(3);
        let why = format!("Auto Scaling group resting is not whole: {} is Standby", ids[0]);
        let answer = fixture.invoke(&drill).await.unwrap();
        assert_eq!(answer["outcome"], "not-injected", "{answer:#}");
        assert!(answer["reason"].as_str().unwrap().contains(&why), "{answer:#}");
        assert!(fixture.mutations_of(&ids).await.is_empty());
        (drill["execute"], drill["runId"]) = (json!(false), json!("plan"));
        let plan = fixture.invoke(&drill).await.unwrap();
        assert!(plan["plan"]["refused"].as_str().unwrap().contains(&why), "{plan:#}");
    });
}

#[test]
fn the_only_member_of_a_group_is_never_stopped() {
    with(async |fixture| {
        group(fixture, "lonely", 1).await;
        let mut drill = request("lonely", fixture.aws.endpoint());
        drill["target"]["instances"]["select"] = json!({ "autoScalingGroup": "lonely" });
        let answer = fixture.invoke(&drill).await.unwrap();
        assert_eq!(answer["outcome"], "not-injected", "{answer:#}");
        assert!(answer["reason"].as_str().unwrap().contains("last healthy instance of lonely"), "{answer:#}");
        let ids: Vec<String> = members(fixture, "lonely").await.into_iter().map(|(id, _)| id).collect();
        assert!(fixture.mutations_of(&ids).await.is_empty());
    });
}
