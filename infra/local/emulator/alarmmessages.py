"""CloudWatch's messages when an alarm changes its state: to SNS, to a function, to EventBridge.

ministack sends nothing to functions and no event, and leaves fields out of its message to SNS. The time of the change
is the same text in all three, to the millisecond.
"""

import datetime as dt
import json
import uuid

from ministack.core.responses import get_account_id, get_region

REGIONS = {"us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)", "us-west-2": "US West (Oregon)",
           "eu-west-1": "EU (Ireland)", "eu-central-1": "EU (Frankfurt)"}  # fmt: skip


def stamp(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def state(alarm: dict) -> dict:
    """The current state, as in the events for functions and EventBridge."""
    since = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp") or 0
    fields = {"value": alarm["StateValue"], "reason": alarm.get("StateReason") or "", "timestamp": stamp(since)}
    return fields | ({"reasonData": alarm["StateReasonData"]} if alarm.get("StateReasonData") else {})


def alarm_data(alarm: dict, before: dict) -> dict:
    """`alarmData` of a function's event, `detail` of EventBridge's."""
    return {"alarmName": alarm["AlarmName"], "state": state(alarm), "previousState": before, "configuration": _configuration(alarm)}


def _configuration(alarm: dict) -> dict:
    described = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if alarm.get("AlarmRule"):
        return described | {"alarmRule": alarm["AlarmRule"]}
    if alarm.get("Metrics"):
        return described | {"metrics": [_query(query) for query in alarm["Metrics"]]}
    stat = {
        "metric": {"namespace": alarm["Namespace"], "name": alarm["MetricName"], "dimensions": _by_name(alarm.get("Dimensions"))},
        "period": int(alarm.get("Period") or 60), "stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic"),
    }  # fmt: skip
    if alarm.get("Unit"):
        stat["unit"] = alarm["Unit"]
    made_up = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))  # AWS makes one up too
    return described | {"metrics": [{"id": made_up, "metricStat": stat, "returnData": True}]}


def _query(query: dict) -> dict:
    """A metric math alarm's metric or expression: an expression has no `metricStat`."""
    fields = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if query.get("Label"):
        fields["label"] = query["Label"]
    if "Expression" in query:
        return fields | {"expression": query["Expression"]}
    metric = query["MetricStat"]["Metric"]
    stat = {
        "metric": {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": _by_name(metric.get("Dimensions"))},
        "period": int(query["MetricStat"]["Period"]), "stat": query["MetricStat"]["Stat"],
    }  # fmt: skip
    return fields | {"metricStat": stat}


def _by_name(dimensions) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in dimensions or []}


def for_function(alarm: dict, data: dict) -> dict:
    return {"source": "aws.cloudwatch", "alarmArn": alarm["AlarmArn"], "accountId": get_account_id(),
            "time": data["state"]["timestamp"], "region": get_region(), "alarmData": data}  # fmt: skip


def for_eventbridge(alarm: dict, data: dict) -> dict:
    return {"Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change", "Resources": [alarm["AlarmArn"]],
            "Detail": json.dumps(data)}  # fmt: skip


def subject(alarm: dict) -> str:
    return f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {region_name()}'[:100]


def for_topic(alarm: dict, before: dict, triggering: list[dict]) -> dict:
    message = {
        "AlarmName": alarm["AlarmName"], "AlarmDescription": alarm.get("AlarmDescription") or None, "AWSAccountId": get_account_id(),
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"], "NewStateReason": alarm["StateReason"], "StateChangeTime": state(alarm)["timestamp"],
        "Region": region_name(), "AlarmArn": alarm["AlarmArn"], "OldStateValue": before["value"],
        "OKActions": alarm.get("OKActions") or [], "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }  # fmt: skip
    if alarm.get("AlarmRule"):
        children = [{"Arn": one["arn"], "State": {k.title(): v for k, v in one["state"].items()}} for one in triggering]
        return message | {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": children}
    trigger = {
        "Period": int(alarm.get("Period") or 60), "EvaluationPeriods": int(alarm.get("EvaluationPeriods") or 1),
        "ComparisonOperator": alarm.get("ComparisonOperator"), "Threshold": float(alarm.get("Threshold") or 0),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing", "EvaluateLowSampleCountPercentile": "",
    }  # fmt: skip
    if alarm.get("DatapointsToAlarm"):
        trigger["DatapointsToAlarm"] = int(alarm["DatapointsToAlarm"])
    if alarm.get("Metrics"):
        trigger["Metrics"] = [_topic_query(query) for query in alarm["Metrics"]]
        return message | {"Trigger": trigger}
    kind = "ExtendedStatistic" if alarm.get("ExtendedStatistic") else "Statistic"
    return message | {
        "Trigger": trigger | {
            "MetricName": alarm["MetricName"], "Namespace": alarm["Namespace"], "StatisticType": kind, "Unit": alarm.get("Unit"),
            kind: alarm[kind] if kind == "ExtendedStatistic" else (alarm.get("Statistic") or "").upper(),
            "Dimensions": _pairs(alarm.get("Dimensions")),
        }
    }  # fmt: skip


def _topic_query(query: dict) -> dict:
    fields = {key: value for key, value in query.items() if key != "MetricStat"} | {"ReturnData": query.get("ReturnData", True)}
    if "MetricStat" in query:
        metric = query["MetricStat"]["Metric"]
        fields["MetricStat"] = query["MetricStat"] | {"Metric": metric | {"Dimensions": _pairs(metric.get("Dimensions"))}}
    return fields


def _pairs(dimensions) -> list[dict]:
    return [{"value": one["Value"], "name": one["Name"]} for one in dimensions or []]


def region_name() -> str:
    return REGIONS.get(get_region(), get_region())
