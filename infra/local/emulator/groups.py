"""Auto Scaling groups that replace a lost member, and load balancers that check their targets.

moto's group never checks its members and reports every target as healthy. Stands in for the health check of
Auto Scaling, its launches that take time, its balance over zones, and the health of a target group's targets.
"""

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup, elbv2_backends

from .clock import every
from .instances import boot
from .motobridge import LOCK

LOST = ("stopping", "stopped", "shutting-down", "terminated")


def check_all() -> None:
    """The health check: members follow their instances, and a lost one is replaced."""
    with LOCK:
        if ACCOUNT not in autoscaling_backends:
            return
        for backend in list(autoscaling_backends[ACCOUNT].values()):
            for group in list(backend.autoscaling_groups.values()):
                _check(backend, group)


def _check(backend: AutoScalingBackend, group: FakeAutoScalingGroup) -> None:
    suspended = {process["ProcessName"] for process in group.suspended_processes}
    for member in list(group.instance_states):
        if member.lifecycle_state not in ("InService", "Terminating"):
            continue
        lost = member.instance.state in LOST
        if "HealthCheck" not in suspended:
            member.health_status = "Unhealthy" if lost or getattr(member, "local_unhealthy", False) else "Healthy"
        if member.health_status != "Unhealthy" or member.instance.state == "stopping":
            continue
        if not suspended & {"ReplaceUnhealthy", "Terminate", "HealthCheck"}:
            _replace(backend, group, member, launch="Launch" not in suspended)


def _replace(backend: AutoScalingBackend, group: FakeAutoScalingGroup, member: InstanceState, launch: bool) -> None:
    member.instance.terminate()
    elbv2_backends[ACCOUNT][backend.region_name].notify_terminate_instances([member.instance.id])
    group.instance_states = [other for other in group.instance_states if other is not member]
    if not launch:
        return
    known = {other.instance.id for other in group.instance_states}
    group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
    for new in group.instance_states:
        if new.instance.id not in known:
            new.lifecycle_state = "Pending"
            boot(new.instance, "replaceMs", then=lambda new=new: _in_service(backend, group, new))


def _in_service(backend: AutoScalingBackend, group: FakeAutoScalingGroup, member: InstanceState) -> None:
    member.lifecycle_state = "InService"
    backend.update_attached_elbs(group.name)
    backend.update_attached_target_groups(group.name)


def _register_targets(self: AutoScalingBackend, group_name: str) -> None:
    """moto registers every member, and fails as a whole when one of them is not running."""
    group = self.autoscaling_groups[group_name]
    running = [member.instance.id for member in group.instance_states if member.instance.state == "running"]
    for arn in group.target_group_arns:
        if arn in self.elbv2_backend.target_groups:
            port = self.elbv2_backend.target_groups[arn].port
            self.elbv2_backend.register_targets(arn, [{"Id": one, "Port": port} for one in running])


def _launch_balanced(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
    """moto puts everything into the first subnet; a group spreads its members over its zones."""
    subnets, zones = self.vpc_zone_identifier, self.availability_zones
    for _ in range(count_needed):
        here = [member.instance for member in self.instance_states]
        try:
            if subnets:
                self.vpc_zone_identifier = min(
                    subnets.split(","), key=lambda subnet: sum(one.subnet_id == subnet for one in here)
                )
            else:
                self.availability_zones = [min(zones, key=lambda zone: sum(one.placement.zone == zone for one in here))]
            _moto_launch(self, 1, dict(propagated_tags))
        finally:
            self.vpc_zone_identifier, self.availability_zones = subnets, zones


def _notify_terminated(self: AutoScalingBackend, instance_ids: list[str]) -> None:
    """moto replaces a member at once, even if that process is suspended. Here the health check replaces it."""


def _set_health(self: AutoScalingBackend, instance_id: str, health_status: str) -> None:
    """SetInstanceHealth lasts: the health check does not make such a member healthy again."""
    _moto_set_health(self, instance_id, health_status)
    for group in self.autoscaling_groups.values():
        for member in group.instance_states:
            if member.instance.id == instance_id:
                member.local_unhealthy = health_status == "Unhealthy"


def _target_health(self: FakeTargetGroup, target: dict, ec2_backend) -> FakeHealthStatus:
    """A target is healthy only while its instance runs, and in a group only once it is in service."""
    seen = _moto_target_health(self, target, ec2_backend)
    if seen.status not in ("healthy", "unused") or target["Id"] not in self.targets or not target["Id"].startswith("i-"):
        return seen
    instance = ec2_backend.get_instance_by_id(target["Id"])
    port, check_port = self.targets[target["Id"]]["Port"], self.health_check_port
    if instance is None or instance.state in LOST:
        state = instance.state if instance else "terminated"
        reason = "Target.InvalidState", f"Target is in the {state} state"
        return FakeHealthStatus(target["Id"], port, check_port, "unused", *reason)
    if instance.state == "pending":
        reason = "Elb.RegistrationInProgress", "Target registration is in progress"
        return FakeHealthStatus(target["Id"], port, check_port, "initial", *reason)
    return FakeHealthStatus(target["Id"], port, check_port, "healthy")


def _active(self: FakeAutoScalingGroup) -> list[InstanceState]:
    """A member that is still launching counts, or a change of the desired capacity would launch it twice."""
    return [member for member in self.instance_states if member.lifecycle_state in ("InService", "Pending")]


_moto_launch = FakeAutoScalingGroup.replace_autoscaling_group_instances
_moto_target_health = FakeTargetGroup.health_for
_moto_set_health = AutoScalingBackend.set_instance_health


def install() -> None:
    FakeAutoScalingGroup.replace_autoscaling_group_instances = _launch_balanced
    FakeAutoScalingGroup.active_instances = _active
    FakeTargetGroup.health_for = _target_health
    AutoScalingBackend.notify_terminate_instances = _notify_terminated
    AutoScalingBackend.set_instance_health = _set_health
    AutoScalingBackend.update_attached_target_groups = _register_targets
    every(0.1, "group-health", check_all)
