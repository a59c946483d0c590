"""RDS databases: failovers that take time, and states that no RDS call can set.

ministack exchanges the roles of a cluster in an instant, restarts an instance without a failover, makes every member
of a template's cluster a writer, and knows no zones, no cool-down and no failover events. moto does no more, and does
not see the stacks. Stands in for the course of a failover and for RDS's events about it.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from ministack.core.responses import new_uuid, request_scope
from ministack.services import eventbridge, rds

from .clock import Clock
from .properties import after
from .transitions import ms

LOCK = rds._shared_container_lock  # ministack's own, under which it changes clusters
clock = Clock("databases")
# Left out by RDS where there is nothing; ministack answers them empty.
OPTIONAL = ("DBName", "DBClusterIdentifier", "ReadReplicaSourceDBInstanceIdentifier", "ReplicaMode", "KmsKeyId",
            "MonitoringRoleArn", "EnhancedMonitoringResourceArn", "SecondaryAvailabilityZone")  # fmt: skip
# RDS's events by their number. DescribeEvents has the message only; EventBridge has the number, too.
EVENTS = {
    "0004": ("availability", "DB instance shutdown."),
    "0006": ("availability", "DB instance restarted."),
    "0013": ("failover", "Multi-AZ instance failover started."),
    "0015": ("failover", "Multi-AZ failover to standby complete - DNS propagation may take a few minutes."),
    "0034": ("failover", "Abandoning user requested failover since a failover recently occurred on the database instance."),
    "0049": ("failover", "Multi-AZ instance failover completed."),
    "0071": ("failover", "Completed failover to DB instance: {}"),
    "0072": ("failover", "Started same AZ failover to DB instance: {}"),
    "0073": ("failover", "Started cross AZ failover to DB instance: {}"),
}


@dataclass
class Course:
    """The transition that is under way for one cluster or instance."""

    connectable: bool = True
    over: float | None = None  # when its last failover ended
    epoch: int = 0  # a transition of an earlier one is void

    def cooling_down(self) -> bool:
        return self.over is not None and time.monotonic() - self.over < ms("coolDownMs") / 1000

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        epoch = self.epoch

        def due() -> None:
            with LOCK:
                if self.epoch == epoch:
                    act()

        clock.later(delay_ms, due)


_courses: dict[str, Course] = {}


def _course(record: dict) -> Course:
    return _courses.setdefault(record.get("DBClusterArn") or record["DBInstanceArn"], Course())


def failover(p):
    """FailoverDBCluster."""
    with LOCK:
        wanted = str(rds._p(p, "DBClusterIdentifier")).lower()
        cluster = rds._resolve_cluster_in_request_region(wanted)
        if cluster is None:
            return rds._error("DBClusterNotFoundFault", f"DBCluster {wanted} not found.", 404)
        name, status = cluster["DBClusterIdentifier"], cluster["Status"]
        if status != "available":
            return rds._error("InvalidDBClusterStateFault", f"DbCluster {name} is in {status} state but expected it to be one of available.", 400)  # fmt: skip
        target, refused = _target(cluster, str(rds._p(p, "TargetDBInstanceIdentifier")).lower())
        if refused:
            return rds._error(*refused)
        if _course(cluster).cooling_down():
            tell("0034", _writer(cluster) or target)
        else:
            _fail_over(cluster, target)
        answer = f"<FailoverDBClusterResult><DBCluster>{rds._cluster_xml(cluster)}</DBCluster></FailoverDBClusterResult>"
        return rds._xml(200, "FailoverDBClusterResponse", answer)


def _target(cluster: dict, wanted: str) -> tuple[dict | None, tuple[str, str, int] | None]:
    """(the reader to become the writer, or the refusal)."""
    name, members = cluster["DBClusterIdentifier"], cluster["DBClusterMembers"]
    if not wanted:
        for member in sorted(members, key=lambda m: int(m.get("PromotionTier", 1))):
            one = rds._instances.get(member["DBInstanceIdentifier"])
            if one and not member["IsClusterWriter"] and one["DBInstanceStatus"] == "available":
                return one, None
        return None, ("InvalidDBClusterStateFault", f"Cannot failover DB cluster {name} because it has no available reader instance to promote.", 400)  # fmt: skip
    one = rds._resolve_instance(wanted)
    if one is None:
        return None, ("DBInstanceNotFound", f"DBInstance {wanted} not found.", 404)
    member = next((m for m in members if m["DBInstanceIdentifier"] == wanted), None)
    if member is None:
        return None, ("InvalidDBInstanceState", f"DBInstance {wanted} is not a member of DB cluster {name}.", 400)
    if member["IsClusterWriter"]:
        return None, ("InvalidDBInstanceState", f"DBInstance {wanted} is already the writer of DB cluster {name}.", 400)
    if one["DBInstanceStatus"] != "available":
        return None, ("InvalidDBInstanceState", f"DBInstance {wanted} is in {one['DBInstanceStatus']} state but expected it to be one of available.", 400)  # fmt: skip
    return one, None


def _fail_over(cluster: dict, target: dict) -> None:
    """failing-over and unreachable; then the new writer serves; then available, with the old writer as a reader."""
    course, old = _course(cluster), _writer(cluster)
    course.epoch += 1
    course.connectable = False
    cluster["Status"] = "failing-over"
    same = bool(old) and old["AvailabilityZone"] == target["AvailabilityZone"]
    tell("0072" if same else "0073", cluster, target["DBInstanceIdentifier"])
    if old:
        old["DBInstanceStatus"] = "rebooting"
        tell("0004", old)

    def serves() -> None:
        for member in cluster["DBClusterMembers"]:
            member["IsClusterWriter"] = member["DBInstanceIdentifier"] == target["DBInstanceIdentifier"]
        course.connectable = True

    def over() -> None:
        if not course.connectable:
            serves()
        cluster["Status"], course.over = "available", time.monotonic()
        if old and old["DBInstanceStatus"] == "rebooting":
            old["DBInstanceStatus"] = "available"
            tell("0006", old)
        tell("0071", cluster, target["DBInstanceIdentifier"])

    course.later(ms("writerMs"), serves)
    course.later(ms("failoverMs"), over)


def reboot(p):
    """RebootDBInstance: with a failover to the other zone, or in place."""
    with LOCK:
        wanted, forced = str(rds._p(p, "DBInstanceIdentifier")).lower(), str(rds._p(p, "ForceFailover")).lower() == "true"
        one = rds._resolve_instance(wanted)
        if one is None:
            return rds._error("DBInstanceNotFound", f"DBInstance {wanted} not found.", 404)
        status = one["DBInstanceStatus"]
        if status != "available":
            return rds._error("InvalidDBInstanceState", f"Instance {wanted} is in {status} state but expected it to be one of available.", 400)  # fmt: skip
        if forced and not one.get("MultiAZ"):
            return rds._error("InvalidParameterCombination", "ForceFailover cannot be specified since the instance is not configured for MultiAZ.", 400)  # fmt: skip
        if forced and _course(one).cooling_down():
            tell("0034", one)
        else:
            _reboot(one, forced)
        return rds._single_instance_response("RebootDBInstanceResponse", "RebootDBInstanceResult", one)


def _reboot(one: dict, forced: bool) -> None:
    course = _course(one)
    course.epoch += 1
    course.connectable = False
    one["DBInstanceStatus"] = "rebooting"
    if forced:
        tell("0013", one)

    def serves() -> None:
        course.connectable = True
        if forced:
            tell("0015", one)

    def over() -> None:
        if not course.connectable:
            serves()
        one["DBInstanceStatus"] = "available"
        tell("0006", one)
        if forced:
            course.over = time.monotonic()
            tell("0049", one)
            course.later(ms("zoneMs"), exchange)

    def exchange() -> None:
        one["AvailabilityZone"], one["SecondaryAvailabilityZone"] = _second_zone(one), one["AvailabilityZone"]

    course.later(ms("writerMs"), serves)
    course.later(ms("failoverMs"), over)


def tell(number: str, record: dict, *names: str) -> None:
    """Writes an RDS event: for DescribeEvents, and on the default event bus."""
    category, message = EVENTS[number]
    arn, cluster = record.get("DBClusterArn") or record["DBInstanceArn"], "DBClusterArn" in record
    name = record["DBClusterIdentifier"] if cluster else record["DBInstanceIdentifier"]
    event = {
        "SourceIdentifier": name, "SourceType": "db-cluster" if cluster else "db-instance", "SourceArn": arn,
        "Message": message.format(*names), "Date": time.time(), "EventCategories": [category],
    }  # fmt: skip
    with request_scope(arn.split(":")[4], arn.split(":")[3]):
        rds._events[new_uuid()] = event
        detail = event | {
            "SourceType": "CLUSTER" if cluster else "DB_INSTANCE", "Date": rds._format_time(event["Date"]),
            "EventID": f"RDS-EVENT-{number}",
        }  # fmt: skip
        entry = {"Source": "aws.rds", "DetailType": f"RDS DB {'Cluster' if cluster else 'Instance'} Event",
                 "Resources": [arn], "Detail": rds.json.dumps(detail)}  # fmt: skip
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _writer(cluster: dict) -> dict | None:
    name = next((m["DBInstanceIdentifier"] for m in cluster["DBClusterMembers"] if m["IsClusterWriter"]), None)
    return _record(rds._instances, cluster, name) if name else None


def _record(store, beside: dict, name: str) -> dict | None:
    """The record of this name in the account and Region of `beside`: a transition runs outside any request."""
    arn = (beside.get("DBClusterArn") or beside["DBInstanceArn"]).split(":")
    return store.get_scoped(arn[4], arn[3], name)


def _second_zone(one: dict) -> str:
    zone = one["AvailabilityZone"]
    return one.get("SecondaryAvailabilityZone") or zone[:-1] + ("b" if zone.endswith("a") else "a")


def _cluster_from_template(props: dict, name: str) -> None:
    """ministack drops a template's tags of a cluster."""
    _tag(rds._clusters[name], "DBClusterArn", props)


def _instance_from_template(props: dict, name: str) -> None:
    one = rds._instances[name]
    _tag(one, "DBInstanceArn", props)
    _joined(one, props.get("AvailabilityZone"))


def _tag(record: dict, key: str, props: dict) -> None:
    tags = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in props.get("Tags") or []]
    rds._tags[record[key]] = record["TagList"] = tags


def _joined(one: dict, zone: str | None) -> None:
    """A member joins as a reader if there is a writer already, and in another zone than the others."""
    cluster = rds._clusters.get(one.get("DBClusterIdentifier") or "")
    if cluster is None or one.get("_joined"):
        return
    one["_joined"] = True
    members = cluster["DBClusterMembers"]
    mine = next(m for m in members if m["DBInstanceIdentifier"] == one["DBInstanceIdentifier"])
    mine["IsClusterWriter"] = not any(m["IsClusterWriter"] for m in members if m is not mine)
    one["AvailabilityZone"] = zone or cluster["AvailabilityZones"][members.index(mine) % len(cluster["AvailabilityZones"])]


def _create_instance(p):
    answer = _ministack_create_instance(p)
    if answer[0] == 200:
        _joined(rds._instances[rds._p(p, "DBInstanceIdentifier")], rds._p(p, "AvailabilityZone") or None)
    return answer


def _cluster_xml(cluster: dict) -> str:
    """An Aurora cluster is Multi-AZ when its instances are in more than one zone."""
    if cluster["Engine"].startswith("aurora"):
        members = [_record(rds._instances, cluster, m["DBInstanceIdentifier"]) for m in cluster["DBClusterMembers"]]
        cluster["MultiAZ"] = len({one["AvailabilityZone"] for one in members if one}) > 1
    return _ministack_cluster_xml(cluster)


def _instance_xml(one: dict) -> str:
    xml = _ministack_instance_xml(one)
    if one.get("MultiAZ"):
        xml += f"<SecondaryAvailabilityZone>{_second_zone(one)}</SecondaryAvailabilityZone>"
    return re.sub(rf"<({'|'.join(OPTIONAL)})></\1>", "", xml)


def _refresh(cluster_id: str) -> None:
    """Sets a cluster's status: ministack derives it from the members, but one that fails over is neither."""
    cluster = rds._clusters.get(cluster_id or "")
    if cluster is None or cluster["Status"] != "failing-over":
        _ministack_refresh(cluster_id)


def listed() -> dict:
    """`GET /_local/databases`: the clusters with their members, and the instances that are in no cluster."""
    with LOCK:
        instances = list(rds._instances._data.values())
        return {
            "clusters": [_listed_cluster(cluster) for cluster in list(rds._clusters._data.values())],
            "instances": [_listed_instance(one) for one in instances if not one.get("DBClusterIdentifier")],
        }


def _listed_cluster(cluster: dict) -> dict:
    writer, members = _writer(cluster), []
    for member in cluster["DBClusterMembers"]:
        if one := _record(rds._instances, cluster, member["DBInstanceIdentifier"]):
            members.append({"id": one["DBInstanceIdentifier"], "writer": member["IsClusterWriter"],
                            "status": one["DBInstanceStatus"], "zone": one["AvailabilityZone"]})  # fmt: skip
    return {
        "id": cluster["DBClusterIdentifier"], "arn": cluster["DBClusterArn"], "status": cluster["Status"],
        "writer": writer["DBInstanceIdentifier"] if writer else None, "members": members,
        # Its endpoint leads to the writer, which may be restarting by itself.
        "connectable": bool(writer) and _course(cluster).connectable and _course(writer).connectable,
    }  # fmt: skip


def _listed_instance(one: dict) -> dict:
    return {
        "id": one["DBInstanceIdentifier"], "arn": one["DBInstanceArn"], "status": one["DBInstanceStatus"],
        "zone": one["AvailabilityZone"], "secondaryZone": _second_zone(one) if one.get("MultiAZ") else None,
        "multiAz": bool(one.get("MultiAZ")), "connectable": _course(one).connectable,
    }  # fmt: skip


def patch(name: str, wanted: dict) -> dict:
    """`POST /_local/databases/<id>`: sets a status, or makes a database take no connections until it fails over."""
    if unknown := set(wanted) - {"status", "connectable"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; status and connectable can be set")
    with LOCK:
        record = next((r for store in (rds._clusters, rds._instances) for k, r in store._data.items() if k[2] == name), None)
        if record is None:
            raise LookupError(f"no database {name}")
        course = _course(record)
        if "status" in wanted:
            course.epoch += 1
            record["Status" if "DBClusterArn" in record else "DBInstanceStatus"] = str(wanted["status"])
        if "connectable" in wanted:
            course.connectable = bool(wanted["connectable"])
        return _listed_cluster(record) if "DBClusterArn" in record else _listed_instance(record)


_ministack_create_instance = rds._ACTION_MAP["CreateDBInstance"]
_ministack_cluster_xml, _ministack_instance_xml = rds._cluster_xml, rds._instance_xml
_ministack_refresh = rds._refresh_cluster_status


def install() -> None:
    rds._ACTION_MAP |= {"FailoverDBCluster": failover, "RebootDBInstance": reboot, "CreateDBInstance": _create_instance}
    rds._cluster_xml, rds._instance_xml = _cluster_xml, _instance_xml
    rds._refresh_cluster_status = _refresh
    after("AWS::RDS::DBCluster", _cluster_from_template)
    after("AWS::RDS::DBInstance", _instance_from_template)
