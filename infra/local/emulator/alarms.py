"""CloudWatch alarms: evaluated by time, with a history to the millisecond and the messages CloudWatch sends.

ministack evaluates an alarm only when a datapoint arrives, over all dimensions at once, and treats missing
data as nothing; it sends nothing to Lambda and no event, and its history knows whole seconds.
"""

import datetime as dt
import json
import logging
import time
import uuid

import cbor2  # noqa: F401  without it ministack answers CloudWatch's writes with OK and does nothing
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import cloudwatch, eventbridge, sns

from .clock import every
from .functions import invoke_async_by_arn
from .transitions import ms

log = logging.getLogger("emulator.alarms")
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions"}
BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}
_evaluated: dict[tuple, float] = {}


def look_at_all() -> None:
    """One comparison of every metric alarm that is due. A state that was forced lasts until here."""
    now = time.time()
    for key, alarm in list(cloudwatch._alarms._data.items()):
        if now - _evaluated.get(key, alarm.get("StateUpdatedTimestamp") or 0) < ms("alarmMs") / 1000:
            continue
        _evaluated[key] = now
        set_request_account_id(key[0])
        set_request_region(key[1])
        try:
            evaluate(alarm, now)
        except Exception:
            log.exception("alarm %s", key)


def evaluate(alarm: dict, now: float) -> None:
    """M of the last N whole periods, per CloudWatch's rules for missing data."""
    if not alarm.get("MetricName") or alarm.get("ComparisonOperator") not in BREACHES:
        return
    period, periods = int(alarm.get("Period") or 60), int(alarm.get("EvaluationPeriods") or 1)
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    values = _values(alarm, period, periods, now)
    missing = alarm.get("TreatMissingData") or "missing"
    breaches = BREACHES[alarm["ComparisonOperator"]]
    judged = [missing == "breaching" if value is None else breaches(value, float(alarm["Threshold"])) for value in values]
    known = [v for v in values if v is not None]
    if not known and missing == "missing":
        state, reason = "INSUFFICIENT_DATA", "Insufficient Data: no datapoints"
    elif not known and missing == "ignore":
        return
    elif sum(judged) >= needed:
        state, reason = "ALARM", f"Threshold Crossed: {sum(judged)} out of the last {periods} datapoints {known} crossed the threshold ({alarm['Threshold']})."  # fmt: skip
    else:
        state, reason = "OK", f"Threshold Crossed: {sum(judged)} out of the last {periods} datapoints {known} were breaching, {needed} are needed."  # fmt: skip
    old = alarm["StateValue"]
    if state == old:
        return
    stamp = _stamp(now)
    data = {"version": "1.0", "queryDate": stamp, "period": period, "recentDatapoints": known, "threshold": alarm["Threshold"]}
    alarm.update(StateValue=state, StateReason=reason, StateReasonData=json.dumps(data), StateUpdatedTimestamp=now)
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def _values(alarm: dict, period: int, periods: int, now: float) -> list[float | None]:
    """The statistic of each of the last whole periods; None where nothing was published."""
    dimensions = {d["Name"]: d["Value"] for d in alarm.get("Dimensions") or []}
    points = [
        point
        for (namespace, metric, _), bucket in list(cloudwatch._metrics.items())
        if namespace == alarm.get("Namespace") and metric == alarm["MetricName"]
        for point in list(bucket)
        if _dimensions(point) == dimensions
    ]
    end = now // period * period
    values: list[float | None] = []
    for back in range(periods, 0, -1):
        inside = [p for p in points if end - back * period <= p["Timestamp"] < end - (back - 1) * period]
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        values.append(cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside) if inside else None)
    return values


def _dimensions(point: dict) -> dict[str, str]:
    found = point.get("Dimensions") or {}
    return found if isinstance(found, dict) else {d["Name"]: d["Value"] for d in found}


def dispatch(alarm: dict, old: str, new: str, reason: str) -> None:
    """The actions of a change of state: SNS, Lambda, and the event on the default bus."""
    alarm["StateUpdatedTimestamp"] = alarm["StateTransitionedTimestamp"] = time.time()
    stamp, arn = _stamp(time.time()), alarm["AlarmArn"]
    state = {"value": new, "reason": reason, "timestamp": stamp}
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    data = {"alarmName": alarm["AlarmName"], "state": state, "previousState": {"value": old, "timestamp": stamp},
            "configuration": {"metrics": []}}  # fmt: skip
    if alarm.get("ActionsEnabled", True):
        for action in alarm.get(ACTIONS.get(new, "InsufficientDataActions")) or []:
            _act(action, alarm, old, new, reason, stamp, data)
    event = {"Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change", "Resources": [arn], "Detail": json.dumps(data)}
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)


def _act(action: str, alarm: dict, old: str, new: str, reason: str, stamp: str, data: dict) -> None:
    try:
        if cloudwatch._is_sns_action_arn(action):
            subject = f'{new}: "{alarm["AlarmName"]}" in {_region_name()}'[:100]
            sns._fanout(action, str(uuid.uuid4()), json.dumps(_sns_message(alarm, old, new, reason, stamp)), subject)
        elif action.startswith("arn:aws:lambda:"):
            event = {"source": "aws.cloudwatch", "alarmArn": alarm["AlarmArn"], "accountId": get_account_id(), "time": stamp,
                     "region": get_region(), "alarmData": data}  # fmt: skip
            invoke_async_by_arn(action, event)
        else:
            return
        summary = f"Successfully executed action {action}"
    except Exception as error:
        log.warning("alarm %s, action %s: %s", alarm["AlarmName"], action, error)
        summary = f"Failed to execute action {action}"
    cloudwatch._history_entries().append(
        {"AlarmName": alarm["AlarmName"], "AlarmType": "CompositeAlarm" if alarm.get("AlarmRule") else "MetricAlarm",
         "Timestamp": stamp, "HistoryItemType": "Action", "HistorySummary": summary, "HistoryData": "{}"}
    )  # fmt: skip


def _sns_message(alarm: dict, old: str, new: str, reason: str, stamp: str) -> dict:
    """The JSON that CloudWatch publishes, with the fields ministack leaves out."""
    message = {
        "AlarmName": alarm["AlarmName"], "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": get_account_id(), "AlarmConfigurationUpdatedTimestamp": stamp, "NewStateValue": new,
        "NewStateReason": reason, "StateChangeTime": stamp, "Region": _region_name(), "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old, "OKActions": alarm.get("OKActions") or [], "AlarmActions": alarm.get("AlarmActions") or [],
        "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
    }  # fmt: skip
    if alarm.get("AlarmRule"):
        return message | {"AlarmRule": alarm["AlarmRule"]}
    return message | {
        "Trigger": {
            "MetricName": alarm.get("MetricName"), "Namespace": alarm.get("Namespace"), "StatisticType": "Statistic",
            "Statistic": (alarm.get("Statistic") or "").upper(), "Unit": alarm.get("Unit"),
            "Dimensions": [{"value": d["Value"], "name": d["Name"]} for d in alarm.get("Dimensions") or []],
            "Period": int(alarm.get("Period") or 60), "EvaluationPeriods": int(alarm.get("EvaluationPeriods") or 1),
            "ComparisonOperator": alarm.get("ComparisonOperator"), "Threshold": float(alarm.get("Threshold") or 0),
            "TreatMissingData": alarm.get("TreatMissingData") or "missing", "EvaluateLowSampleCountPercentile": "",
        }
    }  # fmt: skip


def _region_name() -> str:
    return {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)"}.get(get_region(), get_region())


def _stamp(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _json_stamp(value):
    """For clients that speak JSON to CloudWatch: ministack cuts their timestamps to whole seconds."""
    epoch = cloudwatch._parse_ts(value) if isinstance(value, str) else value
    return value if epoch is None else round(epoch, 3)


def _record(name, old, new, reason, alarm_type="MetricAlarm", reason_data=None) -> None:
    """The reason's data belongs into the history: it is where a forced state carries its id."""
    if reason_data is None:
        alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name) or {}
        try:
            reason_data = json.loads(alarm.get("StateReasonData") or "null")
        except ValueError:
            reason_data = None
    _ministack_record(name, old, new, reason, alarm_type, reason_data)


_ministack_record = cloudwatch._record_history


def install() -> None:
    cloudwatch._ts_iso = _stamp
    cloudwatch._json_timestamp = _json_stamp
    cloudwatch._record_history = _record
    cloudwatch._dispatch_alarm_actions = dispatch
    # The tick below compares; a datapoint that arrives does not.
    cloudwatch._evaluate_alarm = lambda alarm: None
    every(0.2, "alarms", look_at_all)
