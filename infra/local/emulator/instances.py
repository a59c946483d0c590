"""EC2 instances: states that take time, and attributes that no API call can set (Spot, instance store, ...).

moto stops and starts in an instant and refuses nothing. Stands in for EC2's own state machine and for
the refusals that a drill has to expect.
"""

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2 import ec2_backends
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, StateReason

from .clock import Clock
from .motobridge import LOCK
from .transitions import ms

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
clock = Clock("transitions")


class Refused(EC2ClientError):
    """An EC2 error with EC2's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def set_state(instance: Instance, state: str) -> None:
    # A new object, because answers still hold the old one as the previous state.
    instance._state = InstanceState(state, CODES[state])
    instance.local_epoch = getattr(instance, "local_epoch", 0) + 1  # a transition under way is void from here on


def later(instance: Instance, delay: str, act) -> None:
    """Calls `act` after the named delay, unless the instance has changed its state otherwise by then."""
    epoch = getattr(instance, "local_epoch", 0)

    def due() -> None:
        with LOCK:
            if getattr(instance, "local_epoch", 0) == epoch:
                act()

    clock.later(ms(delay), due)


def stop(self: InstanceBackend, instance_ids: list[str]):
    """StopInstances: all of them or none."""
    chosen = _chosen(self, instance_ids)
    for one in chosen:
        if one.disable_api_stop in (True, "true"):
            raise Refused("OperationNotPermitted", f"The instance '{one.id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.")  # fmt: skip
        if one.root_device_type != "ebs":
            raise Refused("UnsupportedOperation", f"The instance '{one.id}' does not have an 'ebs' root device type and cannot be stopped.")  # fmt: skip
        if one.lifecycle == "spot":
            raise Refused("UnsupportedOperation", f"You can't stop the Spot Instance '{one.id}' because it is associated with a one-time Spot Instance request.")  # fmt: skip
        if one.state in ("terminated", "shutting-down"):
            raise Refused("IncorrectInstanceState", f"This instance '{one.id}' is not in a state from which it can be stopped.")  # fmt: skip
    return [(one, _stop(one)) for one in chosen]


def _stop(one: Instance) -> InstanceState:
    before = one._state
    if one.state in ("running", "pending"):
        _moto_stop(one)
        set_state(one, "stopping")
        later(one, "stopMs", lambda: set_state(one, "stopped"))
    return before


def start(self: InstanceBackend, instance_ids: list[str]):
    """StartInstances: all of them or none."""
    chosen = _chosen(self, instance_ids)
    for one in chosen:
        if one.state in ("stopping", "shutting-down", "terminated"):
            raise Refused("IncorrectInstanceState", f"The instance '{one.id}' is not in a state from which it can be started.")  # fmt: skip
    return [(one, _start(one)) for one in chosen]


def _start(one: Instance) -> InstanceState:
    before = one._state
    if one.state == "stopped":
        _moto_start(one)
        boot(one, "startMs")
    return before


def boot(one: Instance, delay: str, then=lambda: None) -> None:
    """First pending, then running with status checks initializing, then running with status checks passed."""
    set_state(one, "pending")
    one.local_checked = False

    def running() -> None:
        set_state(one, "running")
        later(one, "statusChecksMs", lambda: setattr(one, "local_checked", True))
        then()

    later(one, delay, running)


def _chosen(backend: InstanceBackend, instance_ids: list[str]) -> list[Instance]:
    if not instance_ids:
        raise Refused("MissingParameter", "The request must contain the parameter InstanceId")
    return backend.get_multi_instances_by_id(instance_ids)


def _terminate(self: Instance):
    before = self._state
    if before.name != "terminated":
        _moto_terminate(self)
        set_state(self, "terminated")
    return before


def _checks(self: Instance) -> dict:
    if self.state != "running":
        return {"Status": "not-applicable"}
    checked = getattr(self, "local_checked", True)
    details = [{"Name": "reachability", "Status": "passed" if checked else "initializing"}]
    return {"Details": details, "Status": "ok" if checked else "initializing"}


_moto_stop, _moto_start, _moto_terminate = Instance.stop, Instance.start, Instance.terminate


def install() -> None:
    InstanceBackend.stop_instances = stop
    InstanceBackend.start_instances = start
    Instance.terminate = _terminate
    Instance.instance_status = property(_checks)
    Instance.system_status = property(_checks)
    # moto stores it under another name than its serializer reads.
    Instance.instance_lifecycle = property(lambda self: self.lifecycle)


def everywhere():
    """(region, backend) of every Region that was used."""
    return list(ec2_backends[ACCOUNT].items()) if ACCOUNT in ec2_backends else []


def listed() -> list[dict]:
    """`GET /_local/instances`: all instances, with what a load balancer would know of them."""
    found = []
    with LOCK:
        for region, backend in everywhere():
            for reservation in list(backend.reservations.values()):
                for one in reservation.instances:
                    group = getattr(one, "autoscaling_group", None)
                    tags = {tag["key"]: tag["value"] for tag in one.get_tags()}
                    found.append(
                        {
                            "id": one.id, "state": one.state, "zone": one.placement.zone, "tags": tags,
                            "group": group.name if group else None, "statusChecks": _checks(one)["Status"],
                            "region": region,
                        }
                    )  # fmt: skip
    return found


def patch(instance_id: str, wanted: dict) -> dict:
    """`POST /_local/instances/<id>`: sets attributes and states that no EC2 call can set on demand."""
    unknown = set(wanted) - {"instanceLifecycle", "rootDeviceType", "disableApiStop", "kmsKeyId", "state", "zone"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    with LOCK:
        one = next((i for _, b in everywhere() if (i := b.get_instance_by_id(instance_id))), None)
        if one is None:
            raise LookupError(f"no instance {instance_id}")
        if "state" in wanted and wanted["state"] not in CODES:
            raise ValueError(f"state: one of {', '.join(CODES)}")
        if "instanceLifecycle" in wanted:
            one.lifecycle = wanted["instanceLifecycle"]
        if "rootDeviceType" in wanted:
            one.root_device_type = wanted["rootDeviceType"]
        if "disableApiStop" in wanted:
            one.disable_api_stop = bool(wanted["disableApiStop"])
        if "zone" in wanted:
            one.placement.zone = wanted["zone"]
        if "kmsKeyId" in wanted:
            for device in one.block_device_mapping.values():
                volume = one.ec2_backend.volumes[device.volume_id]
                volume.encrypted, volume.kms_key_id = bool(wanted["kmsKeyId"]), wanted["kmsKeyId"]
        if "state" in wanted:
            set_state(one, wanted["state"])
            one.local_checked = True
            one.state_reason = StateReason()
        return next(entry for entry in listed() if entry["id"] == instance_id)
