"""CloudWatch alarms: evaluated at intervals, with a history in milliseconds and the actions of a change.

ministack evaluates an alarm only when a datapoint arrives, over all dimensions at once, ignores missing data, drops
metric math, knows no parents of an alarm, and records in its history neither the reason nor the result of an action.
"""

import json
import logging
import threading
import time
import uuid

import cbor2  # noqa: F401  without it ministack answers CloudWatch's writes with OK and does nothing
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudwatch, eventbridge, sns
from ministack.services.cloudformation import provisioners

from . import alarmmessages as messages
from . import metrics, mutes
from .clock import every
from .deliveries import deliveries
from .functions import found
from .properties import enabled
from .transitions import ms

log = logging.getLogger("emulator.alarms")
# Requests run on one thread, evaluations on another: under this lock, a change of state ends before the next begins.
LOCK = threading.RLock()
STATES = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}
_evaluated: dict[tuple, float] = {}
_muted: dict[str, dict] = {}  # the actions that a muted alarm has not carried out, by its ARN
_last_change = 0.0


def evaluate_all() -> None:
    """Evaluates every metric alarm that is due. A forced state lasts until then."""
    now = time.time()
    with LOCK:
        for key, alarm in list(cloudwatch._alarms._data.items()):
            set_request_account_id(key[0])
            set_request_region(key[1])
            try:
                _unmuted(alarm, now)
                if now - _evaluated.get(key, alarm.get("StateUpdatedTimestamp") or 0) >= ms("alarmMs") / 1000:
                    _evaluated[key] = now
                    evaluate(alarm, now)
            except Exception:
                log.exception("alarm %s", key)


def evaluate(alarm: dict, now: float) -> None:
    """M of the last N whole periods, per CloudWatch's rules for missing data."""
    if alarm.get("ComparisonOperator") not in BREACHES or alarm.get("Threshold") is None:
        return
    periods = int(alarm.get("EvaluationPeriods") or 1)
    values = metrics.values(alarm, periods, now)
    if values is None:
        return
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    missing = alarm.get("TreatMissingData") or "missing"
    breaches, limit = BREACHES[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    judged = [missing == "breaching" if value is None else breaches(value, limit) for value in values]
    known = [v for v in values if v is not None]
    if not known and missing == "missing":
        state, reason = "INSUFFICIENT_DATA", "Insufficient Data: no datapoints"
    elif not known and missing == "ignore":
        return
    elif sum(judged) >= needed:
        state, reason = "ALARM", f"Threshold Crossed: {sum(judged)} out of the last {periods} datapoints {known} crossed the threshold ({limit})."  # fmt: skip
    else:
        state, reason = "OK", f"Threshold Crossed: {sum(judged)} out of the last {periods} datapoints {known} were breaching, {needed} are needed."  # fmt: skip
    if state == alarm["StateValue"]:
        return
    data = {"version": "1.0", "queryDate": messages.stamp(now), "statistic": alarm.get("Statistic"), "period": alarm.get("Period"),
            "recentDatapoints": known, "threshold": limit}  # fmt: skip
    change(alarm, state, reason, json.dumps({k: v for k, v in data.items() if v is not None}))


def change(alarm: dict, new: str, reason: str, reason_data: str | None, seen=frozenset(), triggering=()) -> None:
    """Changes the state, with one timestamp for alarm, history and messages. Without a change there is no action."""
    global _last_change
    before, now = messages.state(alarm), max(round(time.time(), 3), round(_last_change + 0.001, 3))
    before_data = _parsed(alarm.get("StateReasonData"))
    alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=now)
    alarm.pop("StateReasonData", None)
    if reason_data:
        alarm["StateReasonData"] = reason_data
    if new == before["value"]:
        return
    _last_change = alarm["StateTransitionedTimestamp"] = now  # two changes never have the same time
    _remember(alarm, now, "StateUpdate", f"Alarm updated from {before['value']} to {new}", {
        "version": "1.0", "oldState": _historic(before["value"], before["reason"], before_data),
        "newState": _historic(new, reason, _parsed(reason_data)),
    })  # fmt: skip
    data = messages.alarm_data(alarm, before)
    eventbridge._put_events({"Entries": [messages.for_eventbridge(alarm, data)]}, allow_aws_source=True)
    message = messages.for_topic(alarm, before, list(triggering))
    _muted.pop(alarm["AlarmArn"], None)
    if alarm.get("ActionsEnabled", True):
        if mutes.muting(alarm["AlarmName"], now):
            _muted[alarm["AlarmArn"]] = {"message": message, "data": data}
        else:
            _act_all(alarm, message, data)
    cloudwatch._evaluate_parent_alarms(alarm, seen)


def _historic(value: str, reason: str, data) -> dict:
    fields = {"stateValue": value, "stateReason": reason}
    return fields | ({"stateReasonData": data} if data is not None else {})


def _parsed(text: str | None):
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _unmuted(alarm: dict, now: float) -> None:
    """When a muting ends, the alarm carries out its actions, if its state is still the same."""
    waiting = _muted.get(alarm["AlarmArn"])
    if waiting and not mutes.muting(alarm["AlarmName"], now):
        del _muted[alarm["AlarmArn"]]
        if alarm.get("ActionsEnabled", True):
            _act_all(alarm, waiting["message"], waiting["data"])


def _act_all(alarm: dict, message: dict, data: dict) -> None:
    for action in alarm.get(STATES[alarm["StateValue"]]) or []:
        _act(action, alarm, message, data)


def _act(action: str, alarm: dict, message: dict, data: dict) -> None:
    """Carries out one action and records its result in the history."""
    fields = {"actionState": "Succeeded", "notificationResource": action, "stateUpdateTimestamp": int(alarm["StateUpdatedTimestamp"] * 1000)}
    summary = f"Successfully executed action {action}"
    try:
        if cloudwatch._is_sns_action_arn(action):
            if sns._topic_by_arn_any_scope(action) is None:
                raise LookupError(f"no topic {action}")
            fields["publishedMessage"] = {"default": json.dumps(message)}
            sns._fanout(action, str(uuid.uuid4()), json.dumps(message), messages.subject(alarm))
        elif action.startswith("arn:aws:lambda:"):
            found(action)
            deliveries.hand_over("alarm", alarm["AlarmArn"], action, messages.for_function(alarm, data))
        else:
            return  # EC2, Auto Scaling and Systems Manager: kept, not carried out
    except Exception as error:
        log.warning("alarm %s, action %s: %s", alarm["AlarmName"], action, error)
        fields |= {"actionState": "Failed", "error": str(error)}
        summary = f'Failed to execute action {action}. Received error: "{error}"'
    _remember(alarm, time.time(), "Action", summary, fields)


def _remember(alarm: dict, at: float, kind: str, summary: str, data: dict) -> None:
    cloudwatch._history_entries().append(
        {"AlarmName": alarm["AlarmName"], "AlarmType": "CompositeAlarm" if alarm.get("AlarmRule") else "MetricAlarm",
         "Timestamp": messages.stamp(at), "HistoryItemType": kind, "HistorySummary": summary, "HistoryData": json.dumps(data)}
    )  # fmt: skip


def _created(name, old, new, reason, alarm_type="MetricAlarm", reason_data=None) -> None:
    """Records the creation of an alarm, which ministack takes for a change of its state."""
    alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms[name]
    _remember(alarm, time.time(), "ConfigurationUpdate", f'Alarm "{name}" created', {"version": "1.0", "type": "Create"})


def _set_state(params, cbor_data, is_cbor, is_json=False):
    """SetAlarmState, of a metric or a composite alarm."""
    asked = cbor_data if is_cbor or is_json else {key: cloudwatch._p(params, key) for key in params}
    name, state, reason, data = (asked.get(k) for k in ("AlarmName", "StateValue", "StateReason", "StateReasonData"))
    alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    refused = None
    if state not in STATES:
        refused = "ValidationError", f"1 validation error detected: Value '{state}' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]", 400  # fmt: skip
    elif reason is None or len(reason) > 1023:
        refused = "ValidationError", "1 validation error detected: Value at 'stateReason' failed to satisfy constraint: Member must have length less than or equal to 1023", 400  # fmt: skip
    elif alarm is None:
        refused = "ResourceNotFound", f"Alarm {name} not found", 404
    elif data and (len(data) > 4000 or _parsed(data) is None):
        refused = "InvalidFormat", "StateReasonData must be JSON of at most 4000 characters", 400
    if refused:
        return cloudwatch._error(*refused, use_json=is_json, use_cbor=is_cbor)
    with LOCK:
        cloudwatch._composite_triggers.pop(name, None)
        change(alarm, state, reason, data or None)
    if is_cbor or is_json:
        return cloudwatch._cbor_ok({}) if is_cbor else cloudwatch._json_ok({})
    return cloudwatch._xml(200, "SetAlarmStateResponse", "")


def _tag_refusal(arn, is_json=False, is_cbor=False):
    """The refusal of tags of an alarm that does not exist, with the code of the API reference (`ListTagsForResource`)."""
    if _ministack_tag_refusal(arn) is None:
        return None
    return cloudwatch._error("ResourceNotFoundException", f"Alarm resource {arn} not found", 404, use_json=is_json, use_cbor=is_cbor)


def _transition_composite(alarm, new_state, reason, triggers, seen=frozenset()) -> None:
    """A composite alarm is evaluated only when one of its children changes."""
    children = [cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name) for name in triggers]
    triggering = [
        {"arn": child["AlarmArn"], "state": {key: messages.state(child)[key] for key in ("value", "timestamp")}} for child in children if child
    ]
    cloudwatch._composite_triggers.pop(alarm["AlarmName"], None)
    change(alarm, new_state, reason, json.dumps({"triggeringAlarms": triggering}), seen, triggering)


def _put_alarm(params, cbor_data, is_cbor, is_json=False):
    """PutMetricAlarm, with the parameters that ministack ignores."""
    with LOCK:
        answer = _ministack_put(params, cbor_data, is_cbor, is_json)
        if answer[0] == 200 and (is_cbor or is_json):
            _as_asked(cloudwatch._alarms[cbor_data["AlarmName"]], cbor_data)
    return answer


def _as_asked(alarm: dict, asked: dict) -> dict:
    """Metric math in place of a metric; a percentile in place of a statistic; no threshold where none is given."""
    if asked.get("Metrics"):
        alarm["Metrics"] = asked["Metrics"]
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
            alarm.pop(key, None)
    if asked.get("ExtendedStatistic"):
        alarm.pop("Statistic", None)
    for key in ("ThresholdMetricId", "EvaluateLowSampleCountPercentile"):
        if asked.get(key):
            alarm[key] = asked[key]
    if asked.get("Threshold") is None:
        alarm.pop("Threshold", None)
    return alarm


def _from_template(name, props):
    """An alarm of a template, where ministack refuses metric math."""
    if not props.get("Metrics"):
        return _as_asked(_ministack_from_template(name, props), props)
    queries = [dict(query, ReturnData=enabled(query.get("ReturnData", True))) for query in props["Metrics"]]
    for query in queries:
        if "MetricStat" in query:
            query["MetricStat"] = query["MetricStat"] | {"Period": int(query["MetricStat"]["Period"])}
    stand_in = {"MetricName": "-", "Namespace": "-", "Metrics": None, "Threshold": props.get("Threshold", 0)}
    return _as_asked(_ministack_from_template(name, props | stand_in), props | {"Metrics": queries})


def _composite_create(logical_id, props, stack):
    name = props.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255)
    asked = props | {"AlarmName": name, "ActionsEnabled": enabled(props.get("ActionsEnabled", True))}
    status, _, body = cloudwatch._put_composite_alarm({}, asked, False, True)
    if status != 200:
        raise ValueError(f"composite alarm {name}: {body.decode()}")
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


def _composite_update(physical_id, old, new, stack):
    return _composite_create(physical_id, new | {"AlarmName": physical_id}, stack)


def _composite_delete(physical_id, props):
    cloudwatch._composite_alarms.pop(physical_id, None)


def _json_stamp(value):
    """For clients that speak JSON to CloudWatch: ministack cuts their timestamps to whole seconds."""
    epoch = cloudwatch._parse_ts(value) if isinstance(value, str) else value
    return value if epoch is None else round(epoch, 3)


_ministack_tag_refusal = cloudwatch._validate_alarm_tag_arn
_ministack_describe = cloudwatch._describe_alarms
_ministack_put, _ministack_from_template = cloudwatch._put_metric_alarm, provisioners._cw_metric_alarm_record


def _describe(params, cbor_data, is_cbor, is_json=False):
    """ministack ignores ParentsOfAlarmName, and so answers every metric alarm."""
    child = cbor_data.get("ParentsOfAlarmName") if is_cbor or is_json else None
    if child is not None:
        found = [n for n, one in cloudwatch._composite_alarms.items() if child in cloudwatch._composite_children(one)]
        # An empty list would ask for all.
        paging = {key: cbor_data[key] for key in ("MaxRecords", "NextToken") if key in cbor_data}
        cbor_data = paging | {"AlarmNames": found or [""], "AlarmTypes": ["CompositeAlarm"]}
    return _ministack_describe(params, cbor_data, is_cbor, is_json)


def install() -> None:
    cloudwatch._describe_alarms = _describe
    cloudwatch._ts_iso = messages.stamp
    cloudwatch._json_timestamp = _json_stamp
    cloudwatch._record_history = _created
    cloudwatch._validate_alarm_tag_arn = _tag_refusal
    cloudwatch._set_alarm_state = _set_state
    cloudwatch._transition_composite = _transition_composite
    cloudwatch._put_metric_alarm = _put_alarm
    provisioners._cw_metric_alarm_record = _from_template
    provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::CompositeAlarm"] = {
        "create": _composite_create, "update": _composite_update, "delete": _composite_delete,
    }  # fmt: skip
    # Only the tick below evaluates alarms; an arriving datapoint does not.
    cloudwatch._evaluate_alarm = lambda alarm: None
    every(0.2, "alarms", evaluate_all)
