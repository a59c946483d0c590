//! Elastic Load Balancing: target groups, and the health of their targets.

use firedrill_core::ports::{InjectingCall, Injector};
use firedrill_drills::ports::{Instances, LoadBalancers, Next, Target};

use super::{Outside, assert_done, ids, pages, refusal, until};

/// The target group that a suite reads.
#[derive(Clone, Debug)]
pub struct TargetsSubject {
    /// Its Region.
    pub region: String,
    /// Its ARN.
    pub group: String,
    /// Its VPC.
    pub vpc: String,
    /// Its targets, at least two: instances that run, and that the suite may stop.
    pub targets: Vec<String>,
    /// The ARN of a target group that does not exist.
    pub missing: String,
}

/// The suite of [`LoadBalancers`].
///
/// # Panics
/// A promise is broken.
pub async fn load_balancers(
    aws: &(impl LoadBalancers + Instances),
    injector: &impl Injector,
    of: &TargetsSubject,
    outside: &impl Outside,
) {
    let read = async |page: Next<'_>| aws.describe_target_groups(&of.region, page).await;
    let (groups, _) = pages::all(read).await;
    let ours: Vec<_> = groups.iter().filter(|group| group.arn == of.group).collect();
    let [group] = ours[..] else { panic!("once, of all groups of the Region: {groups:?}") };
    assert_eq!(group.vpc.as_ref(), Some(&of.vpc));
    assert_eq!(group.target_type.as_deref(), Some("instance"));
    assert_eq!(refusal(aws.target_health(&of.region, &of.missing).await), "TargetGroupNotFound");

    come_to(aws, of, "every target healthy", outside, Target::is_healthy).await;
    let first = ids(&of.targets[..1]);
    let stop = InjectingCall::StopInstances { region: of.region.clone(), ids: first.clone() };
    assert_done(&injector.send(&stop).await);
    let all_but_first = |target: &Target| target.is_healthy() == (target.id != of.targets[0]);
    come_to(aws, of, "the stopped target not healthy", outside, all_but_first).await;
    until(outside, "the instance can be started", async || {
        aws.start_instances(&of.region, &first, false).await.ok()
    })
    .await;
    come_to(aws, of, "every target healthy again", outside, Target::is_healthy).await;
}

/// Waits until each target, and there are no others, is as it should be.
async fn come_to(
    aws: &impl LoadBalancers,
    of: &TargetsSubject,
    what: &str,
    outside: &impl Outside,
    is_well: impl Fn(&Target) -> bool,
) {
    until(outside, what, async || {
        let found = aws.target_health(&of.region, &of.group).await.unwrap();
        let well = found.iter().all(&is_well);
        pages::assert_same((found, 1), |target| target.id.clone(), &of.targets, 1);
        well.then_some(())
    })
    .await;
}
