"""Self-check of failovers: CloudFront, RDS, CloudWatch alarms, and deliveries of events to functions."""

import datetime as dt
import json
import time

from .selfcheck import Local, refusal, until


def check_distribution(aws: Local, name: str) -> None:
    cdn = aws.client("cloudfront")
    listed = lambda: next(d for d in aws.ask("GET", "distributions") if d["id"] == name)  # noqa: E731
    seen = listed()
    assert seen["arn"] == f"arn:aws:cloudfront::123456789012:distribution/{name}" and seen["status"] == "Deployed", seen
    assert seen["serving"] == seen["configured"] == {"default": "primary", "behaviors": {"/static/*": "primary"}}, seen
    assert seen["origins"] == {"primary": "one.s3.us-east-1.amazonaws.com", "standby": "two.example.com"}
    tags = cdn.list_tags_for_resource(Resource=seen["arn"])["Tags"]["Items"]
    assert {"Key": "firedrill:allowed", "Value": "true"} in tags, tags
    got = cdn.get_distribution_config(Id=name)
    config, first = got["DistributionConfig"], got["ETag"]
    assert config["Origins"]["Items"][0]["S3OriginConfig"] == {"OriginAccessIdentity": ""} and config["Comment"] == "", config
    update = lambda etag, **with_: cdn.update_distribution(Id=name, IfMatch=etag, DistributionConfig=config | with_)  # noqa: E731
    behavior = config["DefaultCacheBehavior"] | {"TargetOriginId": "standby"}
    assert refusal(update, etag="wrong", DefaultCacheBehavior=behavior) == "InvalidIfMatchVersion"
    nowhere = behavior | {"TargetOriginId": "nowhere"}
    assert refusal(update, etag=first, DefaultCacheBehavior=nowhere) == "NoSuchOrigin"
    assert refusal(update, etag=first, CallerReference="other") == "IllegalUpdate"
    assert refusal(update, etag=first, Aliases={"Quantity": 1, "Items": []}) == "InconsistentQuantities"
    aws.ask("PUT", "faults", [{"id": "cdn", "service": "cloudfront", "action": "UpdateDistribution", "when": "after", "code": "InternalError"}])
    assert refusal(update, etag=first, DefaultCacheBehavior=behavior) == "InternalError"
    seen = listed()
    assert (seen["status"], seen["configured"]["default"], seen["serving"]["default"]) == ("InProgress", "standby", "primary"), seen
    assert refusal(update, etag=first, DefaultCacheBehavior=behavior) == "PreconditionFailed"
    after = cdn.get_distribution(Id=name)
    assert after["ETag"] != first and after["Distribution"]["Status"] == "InProgress"
    assert after["Distribution"]["DistributionConfig"] == config | {"DefaultCacheBehavior": behavior}
    until("the edges serve it", lambda: listed()["serving"]["default"] == "standby" and listed()["status"] == "InProgress")
    until("deployed", lambda: listed()["status"] == "Deployed")
    call = next(c for c in aws.ask("GET", "calls") if c["fault"] == "cdn")
    assert (call["service"], call["resource"], call["mutating"], call["code"]) == ("cloudfront", name, True, "InternalError"), call
    times = aws.ask("GET", "transitions")
    aws.ask("PUT", "transitions", {"edgeMs": 60_000, "deployMs": 300})
    back = update(after["ETag"])
    assert back["Distribution"]["Status"] == "InProgress" and back["ETag"] not in (first, after["ETag"])
    aws.ask("PUT", "transitions", {"deployMs": 2000})
    update(back["ETag"], DefaultCacheBehavior=behavior)
    until("the first of two changes has arrived", lambda: listed()["serving"]["default"] == "primary")
    assert listed()["status"] == "InProgress", "the second one is under way"
    until("the second one has arrived", lambda: listed()["serving"]["default"] == "standby" and listed()["status"] == "Deployed")
    aws.ask("PUT", "transitions", {"edgeMs": times["edgeMs"], "deployMs": times["deployMs"]})
    made = cdn.create_distribution(DistributionConfig=config | {"CallerReference": "by-call"})["Distribution"]
    assert made["Status"] == "InProgress" and next(d for d in aws.ask("GET", "distributions") if d["id"] == made["Id"])["serving"] is None
    until("the new one is deployed", lambda: all(d["status"] == "Deployed" and d["serving"] for d in aws.ask("GET", "distributions")))


def check_cluster(aws: Local, cluster: str, writer: str, reader: str) -> None:
    rds = aws.client("rds")
    listed = lambda: next(c for c in aws.ask("GET", "databases")["clusters"] if c["id"] == cluster)  # noqa: E731
    described = lambda: rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"][0]  # noqa: E731
    events = lambda: [e["Message"] for e in rds.describe_events(SourceIdentifier=cluster, SourceType="db-cluster")["Events"]]  # noqa: E731
    seen = described()
    assert seen["TagList"] == rds.list_tags_for_resource(ResourceName=seen["DBClusterArn"])["TagList"]
    assert {"Key": "firedrill:allowed", "Value": "true"} in seen["TagList"], seen
    assert [m["IsClusterWriter"] for m in seen["DBClusterMembers"]] == [True, False] and seen["MultiAZ"], seen
    assert listed()["writer"] == writer and listed()["connectable"] and len({m["zone"] for m in listed()["members"]}) == 2
    to = lambda target=None: rds.failover_db_cluster(DBClusterIdentifier=cluster, **({"TargetDBInstanceIdentifier": target} if target else {}))  # noqa: E731, E501  # fmt: skip
    assert refusal(rds.failover_db_cluster, DBClusterIdentifier="none") == "DBClusterNotFoundFault"
    assert refusal(to, target="none") == "DBInstanceNotFound" and refusal(to, target=writer) == "InvalidDBInstanceState"
    aws.ask("POST", f"databases/{reader}", {"status": "storage-optimization"})
    assert rds.describe_db_instances(DBInstanceIdentifier=reader)["DBInstances"][0]["DBInstanceStatus"] == "storage-optimization"
    assert refusal(to) == "InvalidDBClusterStateFault" and refusal(to, target=reader) == "InvalidDBInstanceState"
    aws.ask("POST", f"databases/{reader}", {"status": "available"})
    aws.ask("PUT", "faults", [{"id": "db", "service": "rds", "action": "FailoverDBCluster", "when": "after", "code": "InternalFailure"}])
    assert refusal(to, target=reader) == "InternalFailure"
    call = next(c for c in aws.ask("GET", "calls") if c["fault"] == "db")
    assert (call["service"], call["resource"], call["mutating"]) == ("rds", cluster, True), call
    assert (listed()["status"], listed()["connectable"], listed()["writer"]) == ("failing-over", False, writer), listed()
    assert refusal(to) == "InvalidDBClusterStateFault"
    until("a new writer", lambda: listed()["writer"] == reader and listed()["connectable"])
    assert described()["Status"] == "failing-over"
    until("available", lambda: described()["Status"] == "available")
    assert {m["DBInstanceIdentifier"]: m["IsClusterWriter"] for m in described()["DBClusterMembers"]} == {writer: False, reader: True}
    assert {m["status"] for m in listed()["members"]} == {"available"}
    assert events() == [f"Started cross AZ failover to DB instance: {reader}", f"Completed failover to DB instance: {reader}"], events()
    aws.ask("PUT", "transitions", {"coolDownMs": 60_000})
    to()
    dropped = rds.describe_events(SourceIdentifier=reader, SourceType="db-instance")["Events"][-1]
    assert dropped["Message"].startswith("Abandoning user requested failover") and dropped["EventCategories"] == ["failover"], dropped
    assert listed()["status"] == "available" and listed()["writer"] == reader
    aws.ask("PUT", "transitions", {"coolDownMs": 0})


def check_instance(aws: Local, name: str) -> None:
    rds = aws.client("rds")
    one = lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]  # noqa: E731
    listed = lambda: next(i for i in aws.ask("GET", "databases")["instances"] if i["id"] == name)  # noqa: E731
    before = one()
    assert before["MultiAZ"] and before["SecondaryAvailabilityZone"] != before["AvailabilityZone"] and "DBClusterIdentifier" not in before
    assert {"Key": "a", "Value": "b"} in rds.list_tags_for_resource(ResourceName=before["DBInstanceArn"])["TagList"]
    rds.create_db_instance(DBInstanceIdentifier="alone", DBInstanceClass="db.t4g.micro", Engine="postgres")
    assert refusal(rds.reboot_db_instance, DBInstanceIdentifier="alone", ForceFailover=True) == "InvalidParameterCombination"
    assert rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)["DBInstance"]["DBInstanceStatus"] == "rebooting"
    assert not listed()["connectable"]
    assert refusal(rds.reboot_db_instance, DBInstanceIdentifier=name) == "InvalidDBInstanceState"
    until("connectable", lambda: listed()["connectable"])
    until("available, in the old zone still", lambda: one()["DBInstanceStatus"] == "available" and one()["AvailabilityZone"] == before["AvailabilityZone"])
    until("zones exchanged", lambda: one()["AvailabilityZone"] == before["SecondaryAvailabilityZone"])
    assert one()["SecondaryAvailabilityZone"] == before["AvailabilityZone"]
    said = [e["Message"] for e in rds.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]]
    assert said[0] == "Multi-AZ instance failover started." and said[-1] == "Multi-AZ instance failover completed.", said
    aws.ask("POST", f"databases/{name}", {"connectable": False})
    assert not listed()["connectable"]


def check_metrics(aws: Local) -> None:
    watch = aws.client("cloudwatch")
    at = dt.datetime.fromtimestamp(time.time() // 60 * 60 - 60, dt.UTC)
    put = lambda name, value, offset, **more: watch.put_metric_data(Namespace="M", MetricData=[{"MetricName": name, "Value": value, "Timestamp": at + dt.timedelta(seconds=offset), **more}])  # noqa: E731, E501  # fmt: skip
    for offset, value in ((11, 1), (14, 3), (25, 5)):
        put("fine", value, offset, StorageResolution=1, Dimensions=[{"Name": "Host", "Value": "a"}])
        put("coarse", value, offset)
    put("fine", 100, 12, StorageResolution=1)
    period = {"Namespace": "M", "StartTime": at, "EndTime": at + dt.timedelta(seconds=60), "Period": 10}
    every = ["Average", "Minimum", "Maximum", "Sum", "SampleCount"]
    got = lambda name, **more: [[p[s] for s in every] for p in watch.get_metric_statistics(MetricName=name, Statistics=every, **period, **more)["Datapoints"]]  # noqa: E731, E501  # fmt: skip
    assert got("fine", Dimensions=[{"Name": "Host", "Value": "a"}]) == [[2, 1, 3, 4, 2], [5, 5, 5, 5, 1]]
    assert got("fine") == [[100, 100, 100, 100, 1]], "no dimensions are dimensions too"
    assert got("coarse") == [[3, 1, 5, 9, 3]], "without StorageResolution 1 a datapoint belongs to its minute"
    query = {"Id": "q", "MetricStat": {"Metric": {"Namespace": "M", "MetricName": "fine", "Dimensions": [{"Name": "Host", "Value": "a"}]},
                                       "Period": 10, "Stat": "Sum"}}  # fmt: skip
    asked = {"MetricDataQueries": [query], "StartTime": at, "EndTime": at + dt.timedelta(seconds=60)}
    newest = watch.get_metric_data(**asked)["MetricDataResults"][0]
    assert newest["Values"] == [5, 4] and newest["Timestamps"][0] == at + dt.timedelta(seconds=20), newest
    assert watch.get_metric_data(ScanBy="TimestampAscending", **asked)["MetricDataResults"][0]["Values"] == [4, 5]
    assert refusal(put, name="fine", value=1, offset=0, StorageResolution=10) == "InvalidParameterValue"
    assert refusal(put, name="fine", value=1, offset=3 * 3600) == "InvalidParameterValue"


def check_alarm_actions(aws: Local, topic: str, function: str) -> None:
    """A forced alarm sends the same to topic, function and event bus; afterwards only its history shows it."""
    watch, bus, functions = aws.client("cloudwatch"), aws.client("events"), aws.client("lambda")
    bus.put_rule(Name="alarms", EventPattern=json.dumps({"source": ["aws.cloudwatch"], "detail": {"alarmName": ["forced"]}}))
    bus.put_targets(Rule="alarms", Targets=[{"Id": "f", "Arn": function}])
    watch.put_metric_alarm(AlarmName="forced", Namespace="N", MetricName="seldom", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
                           ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching", AlarmActions=[topic, function],
                           Dimensions=[{"Name": "Host", "Value": "a"}])  # fmt: skip
    state = lambda: watch.describe_alarms(AlarmNames=["forced"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    until("ok", lambda: state() == "OK")
    aws.ask("PUT", "transitions", {"alarmMs": 1000})
    aws.ask("POST", "deliveries", {"hold": "self-check"})
    last = max((d["n"] for d in aws.ask("GET", "deliveries")["deliveries"]), default=0)
    aws.ask("PUT", "faults", [{"id": "cw", "service": "cloudwatch", "action": "SetAlarmState", "when": "after", "code": "InternalServiceFault"}])
    began = time.time()
    assert refusal(watch.set_alarm_state, AlarmName="forced", StateValue="ALARM", StateReason="run [r1]") == "InternalServiceFault"
    ended = time.time()
    held = lambda: aws.ask("GET", f"deliveries?since={last}")["deliveries"]  # noqa: E731
    alarms = until("three shapes of the ALARM", lambda: (a := [d for d in held() if d["alarmState"] == "ALARM"]) and len(a) == 3 and a)
    assert {d["via"] for d in alarms} == {"sns", "alarm", "rule"} and {d["state"] for d in alarms} == {"held"}
    by = {d["via"]: d["event"] for d in alarms}
    sns = json.loads(by["sns"]["Records"][0]["Sns"]["Message"])
    stamps = {sns["StateChangeTime"], by["alarm"]["alarmData"]["state"]["timestamp"], by["rule"]["detail"]["state"]["timestamp"]}
    history = watch.describe_alarm_history(AlarmName="forced", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    forced = next(i for i in history if "r1" in json.loads(i["HistoryData"])["newState"]["stateReason"])
    assert began - 0.002 <= forced["Timestamp"].timestamp() <= ended + 0.002, (began, forced, ended)
    stamps.add(forced["Timestamp"].astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000")
    assert len(stamps) == 1, stamps
    data = json.loads(forced["HistoryData"])
    assert (data["oldState"]["stateValue"], data["newState"]) == ("OK", {"stateValue": "ALARM", "stateReason": "run [r1]"}), data
    assert by["alarm"]["alarmData"] == by["rule"]["detail"] and by["alarm"]["source"] == "aws.cloudwatch"
    stat = by["alarm"]["alarmData"]["configuration"]["metrics"][0]["metricStat"]
    assert stat == {"metric": {"namespace": "N", "name": "seldom", "dimensions": {"Host": "a"}}, "period": 60, "stat": "Sum"}, stat
    assert by["alarm"]["alarmData"]["previousState"]["timestamp"] < by["alarm"]["time"]
    actions = watch.describe_alarm_history(AlarmName="forced", HistoryItemType="Action")["AlarmHistoryItems"]
    assert len(actions) == 2 and json.loads(actions[0]["HistoryData"])["actionState"] == "Succeeded", actions
    assert sns["Trigger"]["Dimensions"] == [{"value": "a", "name": "Host"}] and sns["OldStateValue"] == "OK"
    until("it falls back, and says so on the bus", lambda: state() == "OK" and [d for d in held() if d["alarmState"] == "OK"])
    back = next(d for d in held() if d["alarmState"] == "OK")
    delivered = lambda n: until(f"delivery {n}", lambda: [d for d in held() if d["n"] == n and d["state"] == "delivered"])  # noqa: E731
    aws.ask("POST", "deliveries", {"release": back["n"]})
    delivered(back["n"])  # the OK, before the ALARM
    sns_one = next(d for d in alarms if d["via"] == "sns")
    aws.ask("POST", "deliveries", {"release": sns_one["n"]})
    delivered(sns_one["n"])
    again = aws.ask("POST", "redeliver", {"topic": topic, "n": sns_one["n"]})
    assert again["again"] == sns_one["n"] and again["event"] == sns_one["event"]
    delivered(again["n"])
    aws.ask("POST", "deliveries", {"drop": next(d for d in alarms if d["via"] == "rule")["n"]})
    aws.ask("POST", "deliveries", {"resume": "self-check"})
    watch.set_alarm_state(AlarmName="forced", StateValue="OK", StateReason="no change")
    assert len(watch.describe_alarm_history(AlarmName="forced", HistoryItemType="Action")["AlarmHistoryItems"]) == 2, "no change, no action"
    watch.disable_alarm_actions(AlarmNames=["forced"])
    watch.set_alarm_state(AlarmName="forced", StateValue="ALARM", StateReason="without actions")
    assert len(watch.describe_alarm_history(AlarmName="forced", HistoryItemType="Action")["AlarmHistoryItems"]) == 2, "disabled"
    until("back", lambda: state() == "OK")
    watch.enable_alarm_actions(AlarmNames=["forced"])
    watch.put_alarm_mute_rule(Name="quiet", Rule={"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT1H"}}, MuteTargets={"AlarmNames": ["forced"]})
    assert [r["Status"] for r in watch.list_alarm_mute_rules(AlarmName="forced")["AlarmMuteRuleSummaries"]] == ["ACTIVE"]
    assert watch.get_alarm_mute_rule(AlarmMuteRuleName="quiet")["MuteType"] == "RECURRING"
    watch.set_alarm_state(AlarmName="forced", StateValue="ALARM", StateReason="muted")
    assert len(watch.describe_alarm_history(AlarmName="forced", HistoryItemType="Action")["AlarmHistoryItems"]) == 2, "muted"
    until("back", lambda: state() == "OK")
    aws.ask("PUT", "transitions", {"alarmMs": 60_000})
    watch.set_alarm_state(AlarmName="forced", StateValue="ALARM", StateReason="muted, then not")
    watch.delete_alarm_mute_rule(AlarmMuteRuleName="quiet")
    until("done after all", lambda: len(watch.describe_alarm_history(AlarmName="forced", HistoryItemType="Action")["AlarmHistoryItems"]) == 4)
    aws.ask("PUT", "transitions", {"alarmMs": 500})
    assert watch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"] == []
    assert refusal(watch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="") == "ResourceNotFound"
    assert functions.get_function_concurrency(FunctionName="self-check").get("ReservedConcurrentExecutions") is None
    assert functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]["TABLE"]


def check_odd_alarms(aws: Local, function: str) -> None:
    """A metric math alarm and a composite one: both in all shapes, and which of them returns to OK by itself."""
    watch = aws.client("cloudwatch")
    made = watch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNamePrefix="stack-")
    assert made["CompositeAlarms"][0]["AlarmRule"] == "ALARM(stack-math)" and made["CompositeAlarms"][0]["ActionsEnabled"], made
    assert [q["Id"] for q in made["MetricAlarms"][0]["Metrics"]] == ["e", "a"] and "Period" not in made["MetricAlarms"][0], made
    metric = lambda name: {"Metric": {"Namespace": "N", "MetricName": name, "Dimensions": []}, "Period": 10, "Stat": "Sum"}  # noqa: E731
    queries = [{"Id": "e", "Expression": "FILL(a, 0) / b", "Label": "ratio"}, {"Id": "a", "MetricStat": metric("x"), "ReturnData": False},
               {"Id": "b", "MetricStat": metric("y"), "ReturnData": False}]  # fmt: skip
    watch.put_metric_alarm(AlarmName="math", Metrics=queries, EvaluationPeriods=1, Threshold=0.5, ComparisonOperator="GreaterThanThreshold",
                           TreatMissingData="notBreaching", AlarmActions=[function])  # fmt: skip
    watch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("math")', AlarmActions=[function])
    described = watch.describe_alarms(AlarmNames=["math", "both"])
    assert described["CompositeAlarms"] == [] and described["MetricAlarms"][0]["Metrics"][0]["Expression"] == "FILL(a, 0) / b"
    assert "MetricName" not in described["MetricAlarms"][0]
    composite = lambda: watch.describe_alarms(AlarmNames=["both"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]["StateValue"]  # noqa: E731
    math = lambda: watch.describe_alarms(AlarmNames=["math"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    until("evaluated", lambda: (math(), composite()) == ("OK", "OK"))
    watch.set_alarm_state(AlarmName="both", StateValue="ALARM", StateReason="forced")
    seen = aws.ask("GET", "deliveries")["deliveries"]
    one = next(d for d in seen if (d["alarm"], d["alarmState"], d["via"]) == ("both", "ALARM", "alarm"))
    assert one["event"]["alarmData"]["configuration"] == {"alarmRule": 'ALARM("math")'}, one
    watch.set_alarm_state(AlarmName="math", StateValue="INSUFFICIENT_DATA", StateReason="forced")
    until("a metric math alarm comes back", lambda: math() == "OK")
    # Its child has changed twice, which evaluated the composite alarm; without that it stays as it was set.
    watch.set_alarm_state(AlarmName="both", StateValue="ALARM", StateReason="forced again")
    watch.put_metric_alarm(AlarmName="witness", Namespace="N", MetricName="none", Statistic="Sum", Period=10, EvaluationPeriods=1, Threshold=1,
                           ComparisonOperator="GreaterThanThreshold")  # fmt: skip
    watch.set_alarm_state(AlarmName="witness", StateValue="ALARM", StateReason="forced")
    until("alarms are compared", lambda: watch.describe_alarms(AlarmNames=["witness"])["MetricAlarms"][0]["StateValue"] != "ALARM")
    assert composite() == "ALARM"
    now = dt.datetime.now(dt.UTC)
    for offset in range(-20, 15, 5):
        data = [{"MetricName": name, "Value": 1, "StorageResolution": 1, "Timestamp": now + dt.timedelta(seconds=offset)} for name in "xy"]
        watch.put_metric_data(Namespace="N", MetricData=data)
    until("x / y = 1", lambda: math() == "ALARM")
    event = next(d for d in aws.ask("GET", "deliveries")["deliveries"] if (d["alarm"], d["alarmState"], d["via"]) == ("math", "ALARM", "alarm"))
    assert "metricStat" not in event["event"]["alarmData"]["configuration"]["metrics"][0]


def check_topic(aws: Local, topic: str) -> None:
    sns, functions = aws.client("sns"), aws.client("lambda")
    functions.put_function_event_invoke_config(FunctionName="self-check", MaximumRetryAttempts=2)
    aws.ask("PUT", "faults", [{"id": "page", "service": "sns", "action": "Publish", "when": "after", "code": "InternalError"}])
    assert refusal(sns.publish, TopicArn=topic, Message='{"fail": 1}', Subject="page") == "InternalError"
    call = next(c for c in aws.ask("GET", "calls") if c["fault"] == "page")
    assert (call["service"], call["resource"], call["mutating"]) == ("sns", topic, True), call
    published = [m for m in aws.ask("GET", "messages") if m["message"] == '{"fail": 1}']
    assert [(m["topic"], m["subject"]) for m in published] == [(topic, "page")], published
    failing = lambda: [d for d in aws.ask("GET", "deliveries")["deliveries"] if d["source"] == topic and "fail" in str(d["event"])][-1]  # noqa: E731
    until("three attempts", lambda: (failing()["state"], failing()["attempts"]) == ("failed", 3))
    for n in range(101):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=f"{n}@example.com")
    pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    assert len(pages) == 2 and len({s["SubscriptionArn"] for page in pages for s in page["Subscriptions"]}) >= 101, len(pages)


def check_health_checks(aws: Local) -> None:
    dns = aws.client("route53")
    config = {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": "us-east-1", "Name": "forced"}, "Inverted": True,
              "InsufficientDataHealthStatus": "LastKnownStatus"}  # fmt: skip
    made = dns.create_health_check(CallerReference="c", HealthCheckConfig=config)["HealthCheck"]["Id"]
    listed = next(c for c in dns.list_health_checks()["HealthChecks"] if c["Id"] == made)
    assert listed["HealthCheckConfig"] == config, listed
    calls = aws.ask("GET", "calls")
    found = {(c["action"], c["mutating"]) for c in calls if c["service"] == "route53"}
    assert found == {("CreateHealthCheck", True), ("ListHealthChecks", False)}, found
