"""Self-check: asserts that the stand-ins behave as AWS does, against a server in a temporary folder.

Every check awaits a condition; none sleeps for a fixed time and hopes.
"""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zoneinfo
from pathlib import Path

from .environment import REGION, isolate_client

FAST = {"stopMs": 400, "startMs": 300, "statusChecksMs": 300, "replaceMs": 500, "alarmMs": 500, "edgeMs": 500, "deployMs": 2000, "writerMs": 500,
        "failoverMs": 2000, "zoneMs": 1500, "snsRetryMs": 100}  # fmt: skip
AMI = "ami-12c6146b"
HERE = Path(__file__).parent


class Local:
    """The server under check, and clients for it."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-I", "-B", str(HERE), "serve", "--port", "0", "--dir", str(folder)]
        hostile = {"AWS_PROFILE": "hostile", "AWS_ENDPOINT_URL": "http://192.0.2.1", "HTTP_PROXY": "http://192.0.2.1:1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | hostile)
        self.endpoint = json.loads(self.process.stdout.readline())["endpoint"]
        self.folder = folder

    def client(self, service: str):
        import boto3
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": 1}, read_timeout=20)
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, config=config)

    def ask(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.endpoint + "/_local/" + path, data, method=method)) as answer:
            return json.load(answer)


def until(what: str, condition, seconds: float = 120):
    """The condition's first true value; fails if there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.03)
    raise AssertionError(f"not seen within {seconds} s: {what}")


def refusal(call, **arguments) -> str:
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "answered"


def check_paging(aws: Local) -> None:
    ec2 = aws.client("ec2")
    tag = {"ResourceType": "instance", "Tags": [{"Key": "many", "Value": "yes"}]}
    made = {i["InstanceId"] for i in ec2.run_instances(ImageId=AMI, MinCount=250, MaxCount=250, TagSpecifications=[tag])["Instances"]}
    named = [{"Name": "tag:many", "Values": ["yes"]}]
    pages = list(ec2.get_paginator("describe_instances").paginate(Filters=named, PaginationConfig={"PageSize": 40}))
    found = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert len(pages) == 7 and len(found) == 250 and set(found) == made, (len(pages), len(found))
    pages = ec2.get_paginator("describe_instance_status").paginate(IncludeAllInstances=True, PaginationConfig={"PageSize": 100})
    found = [s["InstanceId"] for page in pages for s in page["InstanceStatuses"]]
    assert len(found) == len(set(found)) and made <= set(found)
    ec2.terminate_instances(InstanceIds=sorted(made))


def check_stop_and_start(aws: Local, one: str) -> None:
    ec2 = aws.client("ec2")
    state = lambda: ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]["State"]["Name"]  # noqa: E731
    checks = lambda: ec2.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"][0]["InstanceStatus"]["Status"]  # noqa: E731, E501  # fmt: skip
    assert refusal(ec2.stop_instances, InstanceIds=[one], DryRun=True) == "DryRunOperation" and state() == "running"
    assert refusal(ec2.stop_instances, InstanceIds=[]) == "MissingParameter"
    ec2.stop_instances(InstanceIds=[one])
    assert state() == "stopping"
    assert refusal(ec2.start_instances, InstanceIds=[one]) == "IncorrectInstanceState"
    until("stopped", lambda: state() == "stopped")
    ec2.stop_instances(InstanceIds=[one])
    ec2.start_instances(InstanceIds=[one])
    assert state() == "pending"
    until("running", lambda: state() == "running" and checks() == "initializing")
    until("status checks ok", lambda: checks() == "ok")
    aws.ask("POST", f"instances/{one}", {"instanceLifecycle": "spot", "disableApiStop": True, "kmsKeyId": "arn:aws:kms:x"})
    seen = ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    volume = ec2.describe_volumes(VolumeIds=[seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])["Volumes"][0]
    assert seen["InstanceLifecycle"] == "spot" and volume["Encrypted"] and volume["KmsKeyId"] == "arn:aws:kms:x", (seen, volume)
    assert ec2.describe_instance_attribute(InstanceId=one, Attribute="disableApiStop")["DisableApiStop"]["Value"] is True
    assert refusal(ec2.stop_instances, InstanceIds=[one]) == "OperationNotPermitted"
    aws.ask("POST", f"instances/{one}", {"instanceLifecycle": None, "disableApiStop": False, "rootDeviceType": "instance-store"})
    assert refusal(ec2.stop_instances, InstanceIds=[one]) == "UnsupportedOperation"
    listed = next(i for i in aws.ask("GET", "instances") if i["id"] == one)
    assert listed["zone"] == "us-east-1b" and listed["tags"]["firedrill:allowed"] == "true" and listed["state"] == "running"


def check_group(aws: Local, group: str, targets: str) -> None:
    ec2, scaling, elb = aws.client("ec2"), aws.client("autoscaling"), aws.client("elbv2")
    members = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"][0]["Instances"]  # noqa: E731, E501  # fmt: skip
    healthy = lambda: [t for t in elb.describe_target_health(TargetGroupArn=targets)["TargetHealthDescriptions"] if t["TargetHealth"]["State"] == "healthy"]  # noqa: E731, E501  # fmt: skip
    assert len({m["AvailabilityZone"] for m in members()}) == 2 and len(healthy()) == 2
    victim = members()[0]["InstanceId"]
    scaling.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=["ReplaceUnhealthy"])
    ec2.stop_instances(InstanceIds=[victim])
    until("unhealthy", lambda: any(m["HealthStatus"] == "Unhealthy" for m in members()) and len(healthy()) == 1)
    scaling.resume_processes(AutoScalingGroupName=group, ScalingProcesses=["ReplaceUnhealthy"])
    until("replacement", lambda: victim not in {m["InstanceId"] for m in members()})
    assert {m["LifecycleState"] for m in members()} == {"Pending", "InService"}, members()
    until("in service", lambda: [m["LifecycleState"] for m in members()] == ["InService"] * 2 and len(healthy()) == 2)
    new = ec2.describe_instances(InstanceIds=[m["InstanceId"] for m in members()])["Reservations"]
    assert all({"Key": "firedrill:allowed", "Value": "true"} in i["Tags"] for r in new for i in r["Instances"])


def check_faults(aws: Local, one: str, table: str) -> None:
    names = {"ec2": "describe_instances", "autoscaling": "describe_auto_scaling_groups", "dynamodb": "list_tables", "kms": "list_keys",
             "cloudwatch": "describe_alarms", "cloudfront": "list_distributions", "lambda": "list_functions", "scheduler": "list_schedules",
             "iam": "list_roles", "sns": "list_topics", "rds": "describe_db_clusters", "s3": "list_buckets", "route53": "list_health_checks"}  # fmt: skip
    for service, name in names.items():
        client = aws.client(service)
        action = client.meta.method_to_api_mapping[name]
        action = {"ListDistributions": action, "ListBuckets": "GET /"}.get(action, action)
        aws.ask("PUT", "faults", [{"id": service, "action": action, "code": "AccessDenied", "caller": "LOCALOPERATOR"}])
        assert refusal(getattr(client, name)) == "AccessDenied", service
        assert refusal(getattr(client, name)) == "answered", service
    ec2, dynamodb = aws.client("ec2"), aws.client("dynamodb")
    row = {"TableName": table, "Item": {"pk": {"S": "after"}}}
    aws.ask("PUT", "faults", [{"id": "lost", "action": "PutItem", "when": "after", "code": "InternalServerError", "skip": 1}])
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "skipped"}})
    assert refusal(dynamodb.put_item, **row) == "InternalServerError"
    assert "Item" in dynamodb.get_item(TableName=table, Key={"pk": {"S": "after"}}, ConsistentRead=True)
    aws.ask("PUT", "faults", [{"id": "silent", "service": "ec2", "action": "DescribeTags", "kind": "hang", "hangMs": 1500}])
    hanging = threading.Thread(target=refusal, args=(ec2.describe_tags,))
    hanging.start()
    until("the hang", lambda: aws.ask("GET", "faults")[0]["hits"] == 1)
    ec2.describe_instances(InstanceIds=[one])
    assert hanging.is_alive()
    hanging.join()
    aws.ask("PUT", "faults", [])
    calls = aws.ask("GET", "calls?since=0")
    lost = next(c for c in calls if c["fault"] == "lost")
    assert (lost["caller"], lost["code"], lost["resource"], lost["mutating"]) == ("LOCALOPERATOR", "InternalServerError", table, True), lost
    dry = next(c for c in calls if c["dryRun"])
    assert (dry["action"], dry["mutating"], dry["status"], dry["code"]) == ("StopInstances", False, 412, "DryRunOperation"), dry


def printed(aws: Local, word: str) -> list:
    """The entries of this name that the function printed."""
    log = aws.folder / "logs" / "self-check.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line.split(" ", 1)[1]) for line in lines if line.startswith(word + " ")]


def check_rates(aws: Local) -> None:
    """A rate in seconds, from a template: a schedule and a rule fire repeatedly until they are deleted."""
    fired = lambda by: len([e for _, e in printed(aws, "event") if e.get("again") == by])  # noqa: E731
    for by in ("schedule", "rule"):
        until(f"the {by} fires again and again", lambda by=by: fired(by) >= 3)
    aws.client("scheduler").delete_schedule(Name="again")
    bus = aws.client("events")
    bus.put_rule(Name="again", ScheduleExpression="rate(30 seconds)")
    assert refusal(bus.put_rule, Name="again", ScheduleExpression="rate(0 seconds)") == "ValidationException"
    bus.disable_rule(Name="again")


def check_embedded(aws: Local) -> None:
    """Metrics that a function prints: one set of dimensions each, none if the line is not in that format."""
    watch, functions = aws.client("cloudwatch"), aws.client("lambda")
    watch.put_metric_alarm(AlarmName="embedded", Namespace="E", MetricName="open", Statistic="Maximum", Period=10, EvaluationPeriods=3, DatapointsToAlarm=1, Threshold=1,
                           ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
                           Dimensions=[{"Name": "env", "Value": "test"}])  # fmt: skip
    at = dt.datetime.fromtimestamp(time.time() // 10 * 10 - 10, dt.UTC)

    def prints(**more) -> None:
        metrics = [{"Name": "open", "Unit": "Count", "StorageResolution": 1}, {"Name": "took"}, {"Name": "absent"}]
        about = {"Namespace": "E", "Dimensions": [["env", "app"], ["env"], []], "Metrics": metrics}
        line = {"_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [about]}, "env": "test", "app": "books", "open": 2, "took": [1, 5]}
        assert "FunctionError" not in functions.invoke(FunctionName="self-check", Payload=json.dumps({"print": line | more}))

    def got(name: str, *names: str) -> list:
        values = {"env": "test", "app": "books"}
        found = watch.get_metric_statistics(
            Namespace="E", MetricName=name, Statistics=["SampleCount", "Sum", "Maximum"], StartTime=at - dt.timedelta(minutes=2),
            EndTime=at + dt.timedelta(minutes=2), Period=60, Dimensions=[{"Name": n, "Value": values[n]} for n in names],
        )["Datapoints"]  # fmt: skip
        return [(p["SampleCount"], p["Sum"], p["Maximum"], p["Unit"]) for p in found]

    prints(app=7)  # not text, as a dimension's value has to be
    prints(open="many")
    prints()
    until("the datapoints", lambda: got("took"))
    for names in (("env", "app"), ("env",), ()):
        assert got("open", *names) == [(1, 2, 2, "Count")], (names, got("open", *names))
        assert got("took", *names) == [(2, 6, 5, "None")], (names, got("took", *names))
    assert {m["MetricName"] for m in watch.list_metrics(Namespace="E")["Metrics"]} == {"open", "took"}
    history = lambda: watch.describe_alarm_history(AlarmName="embedded", HistoryItemType="StateUpdate")["AlarmHistoryItems"]  # noqa: E731
    until("its alarm", lambda: any(item["HistorySummary"].endswith("to ALARM") for item in history()))


def check_functions(aws: Local, at: str, table: str) -> None:
    from botocore.exceptions import ReadTimeoutError

    functions = aws.client("lambda")
    lines = lambda word: printed(aws, word)  # noqa: E731
    scheduled = until("the schedule", lambda: [e for _, e in lines("event") if "at" in e])[0]
    assert scheduled["at"] == at, (scheduled, at)
    until("its row", lambda: any(c["caller"] == "LOCALSELFCHECK" and c["action"] == "PutItem" for c in aws.ask("GET", "calls")))
    environment = lines("environment")[0]
    assert not {"AWS_PROFILE", "HTTP_PROXY", "HOME", "MINISTACK_ACCOUNT_ID"} & set(environment)
    assert environment["AWS_ENDPOINT_URL"] == aws.endpoint
    functions.invoke(FunctionName="self-check", InvocationType="Event", Payload=b'{"fail": 1}')
    until("two retries", lambda: len([i for i, e in lines("event") if "fail" in e]) == 3)
    assert len({i for i, e in lines("event") if "fail" in e}) == 1, "retries keep the request id"
    answer = functions.invoke(FunctionName="self-check", Payload=b'{"sleep": 60}')
    assert b"timed out after 10" in answer["Payload"].read() and answer["FunctionError"]
    rows = lambda: aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Count"]  # noqa: E731

    def renewed() -> bool:
        # ministack may still be cleaning up after the worker that was ended, and answer with an error, or not in time.
        with contextlib.suppress(ReadTimeoutError):
            return "FunctionError" not in functions.invoke(FunctionName="self-check", Payload=b'{"write": true}')
        return False

    for when, written in (("before", 0), ("after", 1)):
        until("a new process", renewed)
        kill = {"id": when, "kind": "kill", "when": when, "caller": "LOCALSELFCHECK", "action": "PutItem"}
        before = rows()
        aws.ask("PUT", "faults", [kill])
        said = functions.invoke(FunctionName="self-check", Payload=b'{"write": true}')["Payload"].read()
        assert b"exited before" in said and rows() == before + written, (when, said)
    until("a new process", renewed)
    ended = next(c for c in aws.ask("GET", "calls") if c["fault"] == "after" and c["action"] == "PutItem" and c["caller"] == "LOCALSELFCHECK")
    assert ended["resource"] == table and ended["detail"], ended


def check_alarm(aws: Local) -> None:
    watch = aws.client("cloudwatch")
    watch.put_metric_alarm(AlarmName="a", Namespace="N", MetricName="up", Statistic="Minimum", Period=10, EvaluationPeriods=1, Threshold=1,
                           ComparisonOperator="LessThanThreshold", TreatMissingData="breaching")  # fmt: skip
    state = lambda: watch.describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    until("missing data breach", lambda: state() == "ALARM")
    past = dt.datetime.now(dt.UTC)
    data = [{"MetricName": "up", "Value": 1, "StorageResolution": 1, "Timestamp": past + dt.timedelta(seconds=s)} for s in range(-10, 15, 5)]
    watch.put_metric_data(Namespace="N", MetricData=data)
    until("datapoints mend it", lambda: state() == "OK")
    watch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="forced", StateReasonData='{"run": "r1"}')
    until("a forced state does not last", lambda: state() == "OK")
    items = watch.describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    states = [json.loads(i["HistoryData"]) for i in items]
    assert [s["newState"].get("stateReasonData") for s in states].count({"run": "r1"}) == 1, states
    assert [s["oldState"].get("stateReasonData") for s in states].count({"run": "r1"}) == 1, "the way back names what was before"
    assert any(i["Timestamp"].microsecond for i in items), items


def check_keys(aws: Local) -> None:
    kms = aws.client("kms")
    own = kms.create_key()["KeyMetadata"]["KeyId"]
    assert kms.describe_key(KeyId=own)["KeyMetadata"]["KeyManager"] == "CUSTOMER"
    assert kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["KeyManager"] == "AWS"


def main() -> int:
    began = time.monotonic()
    isolate_client("http://127.0.0.1:1")
    from . import selfcheck_failover as failover
    from .deploy import deploy

    with tempfile.TemporaryDirectory(prefix="emulator-selfcheck-") as folder:
        root = Path(folder).resolve()
        aws = Local(root / "aws")
        try:
            print(f"answers after {time.monotonic() - began:.1f} s at {aws.endpoint}")
            aws.ask("PUT", "transitions", FAST)
            bootstrap, template = root / "bootstrap", HERE / "selfcheck.yaml"
            bootstrap.write_text(f"#!{sys.executable} -B\n" + (HERE / "selfcheck_function.py").read_text())
            bootstrap.chmod(0o755)
            due = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=4)
            local = due.astimezone(zoneinfo.ZoneInfo("Europe/London")).strftime("at(%Y-%m-%dT%H:%M:%S)")
            out = deploy(aws.endpoint, "check", template, {"Fn": str(bootstrap)}, {"At": local}, REGION)
            deploy(aws.endpoint, "check", template, {"Fn": str(bootstrap)}, {"At": local}, REGION)
            for check, arguments in (
                (check_paging, ()),
                (check_stop_and_start, (out["One"],)),
                (check_group, (out["Group"], out["Targets"])),
                (check_faults, (out["One"], out["Table"])),
                (check_functions, (due.strftime("%Y-%m-%dT%H:%M:%SZ"), out["Table"])),
                (check_rates, ()),
                (check_embedded, ()),
                (check_alarm, ()),
                (check_keys, ()),
                (failover.check_distribution, (out["Cdn"],)),
                (failover.check_cluster, (out["Cluster"], out["Writer"], out["Reader"])),
                (failover.check_instance, (out["Single"],)),
                (failover.check_metrics, ()),
                (failover.check_alarm_actions, (out["Topic"], out["Fn"])),
                (failover.check_odd_alarms, (out["Fn"],)),
                (failover.check_topic, (out["Topic"],)),
                (failover.check_health_checks, ()),
            ):
                start = time.monotonic()
                check(aws, *arguments)
                print(f"ok  {check.__name__.removeprefix('check_')} ({time.monotonic() - start:.1f} s)")
        finally:
            group = aws.process.pid
            aws.process.stdin.close()
            aws.process.wait(20)
        until("no process of the server's group is left", lambda: _gone(group))
    print(f"ok  everything, in {time.monotonic() - began:.1f} s")
    return 0


def _gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
