//! EC2: instances, their volumes and status checks, and the calls that stop and start them.

use std::collections::BTreeMap;

use firedrill_core::{
    CallOutcome,
    ports::{InjectingCall, Injector},
};
use firedrill_drills::ports::{Instance, InstanceFilter, Instances, Tags};

use super::{Outside, assert_done, ids, pages, refusal, until};

/// The instances that a suite may stop and start.
#[derive(Clone, Debug)]
pub struct InstancesSubject {
    /// Their Region.
    pub region: String,
    /// Their ids, at least three: running EBS instances without stop protection.
    pub running: Vec<String>,
    /// A tag that each of them carries, and no other instance.
    pub tag: (String, String),
    /// The id of an instance that does not exist.
    pub missing: String,
    /// The id of a volume that does not exist.
    pub missing_volume: String,
    /// On how many pages they come, at least.
    pub pages: usize,
}

/// The suite of [`Instances`], and of the injecting call that stops them.
///
/// # Panics
/// A promise is broken.
pub async fn instances(
    aws: &impl Instances,
    injector: &impl Injector,
    of: &InstancesSubject,
    outside: &impl Outside,
) {
    are_described(aws, of).await;
    volumes_are_those_that_exist(aws, of).await;
    protection_is_known(aws, of).await;
    nothing_is_stopped_if_one_is_missing(aws, injector, of).await;
    let down = &of.running[..2];
    let stop = InjectingCall::StopInstances { region: of.region.clone(), ids: ids(down) };
    assert_done(&injector.send(&stop).await);
    all_come_to(aws, of, "stopped", outside).await;
    nothing_is_started_by_a_refused_call(aws, of, outside).await;
    aws.start_instances(&of.region, &ids(down), false).await.unwrap();
    all_come_to(aws, of, "running", outside).await;
    aws.start_instances(&of.region, &ids(down), false).await.expect("what runs already is started, too");
    status_is_known(aws, of, outside).await;
}

async fn described(
    aws: &impl Instances,
    of: &InstancesSubject,
    filter: &InstanceFilter,
) -> (Vec<Instance>, usize) {
    pages::all(async |page| aws.describe_instances(&of.region, filter, page).await).await
}

fn tagged((key, value): (&str, &str)) -> InstanceFilter {
    let tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    InstanceFilter::Tags(Tags::new(&tags).unwrap_or_else(|| unreachable!("it is one tag")))
}

async fn are_described(aws: &impl Instances, of: &InstancesSubject) {
    let (key, value) = &of.tag;
    let found = described(aws, of, &tagged((key, value))).await;
    for instance in &found.0 {
        assert_eq!((instance.state.as_str(), instance.root_device_type.as_str()), ("running", "ebs"));
        assert_eq!(instance.tags.get(key), Some(value));
        assert!(!instance.spot && !instance.account.is_empty() && !instance.zone.is_empty(), "{instance:?}");
    }
    pages::assert_same(found, |instance| instance.id.clone(), &of.running, of.pages);
    assert_eq!(described(aws, of, &tagged((key, "of nobody"))).await.0, [], "no instance carries it");

    let asked = [of.running[0].clone(), of.missing.clone()];
    let found = described(aws, of, &InstanceFilter::Ids(ids(&asked))).await;
    pages::assert_same(found, |instance| instance.id.clone(), &asked[..1], 1);
}

async fn volumes_are_those_that_exist(aws: &impl Instances, of: &InstancesSubject) {
    let filter = InstanceFilter::Ids(ids(&of.running[..3]));
    let (found, _) = described(aws, of, &filter).await;
    let volumes: Vec<String> = found.into_iter().flat_map(|instance| instance.volumes).collect();
    assert!(volumes.len() >= 3, "each has one: {volumes:?}");
    let mut asked = volumes.clone();
    asked.push(of.missing_volume.clone());
    let read = async |page: firedrill_drills::ports::Next<'_>| {
        aws.describe_volumes(&of.region, &ids(&asked), page).await
    };
    pages::assert_same(pages::all(read).await, |volume| volume.id.clone(), &volumes, 1);
}

async fn protection_is_known(aws: &impl Instances, of: &InstancesSubject) {
    assert_eq!(aws.stop_protection(&of.region, &of.running[0]).await, Ok(Some(false)));
    assert_eq!(refusal(aws.stop_protection(&of.region, &of.missing).await), "InvalidInstanceID.NotFound");
}

/// The states of the first two.
async fn states(aws: &impl Instances, of: &InstancesSubject) -> Vec<String> {
    let (found, _) = described(aws, of, &InstanceFilter::Ids(ids(&of.running[..2]))).await;
    found.into_iter().map(|instance| instance.state).collect()
}

async fn all_come_to(aws: &impl Instances, of: &InstancesSubject, state: &str, outside: &impl Outside) {
    until(outside, state, async || (states(aws, of).await == [state, state]).then_some(())).await;
}

async fn nothing_is_stopped_if_one_is_missing(
    aws: &impl Instances,
    injector: &impl Injector,
    of: &InstancesSubject,
) {
    let with_missing = ids(&[of.running[0].clone(), of.missing.clone()]);
    let stop = InjectingCall::StopInstances { region: of.region.clone(), ids: with_missing };
    match injector.send(&stop).await {
        CallOutcome::NotExecuted { code, again: false, .. } => assert_eq!(code, "InvalidInstanceID.NotFound"),
        other => panic!("{other:?}"),
    }
    assert_eq!(states(aws, of).await, ["running", "running"]);
}

async fn nothing_is_started_by_a_refused_call(
    aws: &impl Instances,
    of: &InstancesSubject,
    outside: &impl Outside,
) {
    let with_missing = ids(&[of.running[0].clone(), of.missing.clone()]);
    let refused = refusal(aws.start_instances(&of.region, &with_missing, false).await);
    assert_eq!(refused, "InvalidInstanceID.NotFound", "all of them or none");
    let dry = refusal(aws.start_instances(&of.region, &ids(&of.running[..2]), true).await);
    assert_eq!(dry, "DryRunOperation");
    outside.pass().await;
    assert_eq!(states(aws, of).await, ["stopped", "stopped"]);
}

async fn status_is_known(aws: &impl Instances, of: &InstancesSubject, outside: &impl Outside) {
    let asked = ids(&of.running[..3]);
    until(outside, "status checks that are passed", async || {
        let found = pages::all(async |page| aws.instance_status(&of.region, &asked, page).await).await;
        let well = found.0.iter().all(|status| status.instance == "ok" && status.system == "ok");
        pages::assert_same(found, |status| status.id.clone(), &of.running[..3], 1);
        well.then_some(())
    })
    .await;
    let with_missing = ids(&[of.running[0].clone(), of.missing.clone()]);
    let refused = refusal(aws.instance_status(&of.region, &with_missing, None).await);
    assert_eq!(refused, "InvalidInstanceID.NotFound");
}
