"""CloudWatch's alarm mute rules, which ministack lacks: a muted alarm changes its state without its actions.

In the two protocols of current SDKs for CloudWatch; the old query protocol is not answered.
"""

import datetime as dt
import json
import re
import time
import zoneinfo

import cbor2
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import cloudwatch, eventbridge

DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_rules = AccountRegionScopedDict()


class Refused(Exception):
    """A request that CloudWatch would refuse: code, message, status."""


def muting(alarm: str, now: float) -> list[str]:
    """The rules that mute an alarm now."""
    return [name for name, rule in _rules.items() if alarm in _targets(rule) and _status(rule, now) == "ACTIVE"]


def _targets(rule: dict) -> list[str]:
    return (rule.get("MuteTargets") or {}).get("AlarmNames") or []


def _status(rule: dict, now: float) -> str:
    start, expire = cloudwatch._parse_ts(rule.get("StartDate")), cloudwatch._parse_ts(rule.get("ExpireDate"))
    if expire is not None and now >= expire:
        return "EXPIRED"
    schedule = rule["Rule"]["Schedule"]
    zone = zoneinfo.ZoneInfo(schedule.get("Timezone") or "UTC")
    lasts, begins = _seconds(schedule["Duration"]), _at(schedule["Expression"], zone)
    if begins is not None and now >= begins + lasts:
        return "EXPIRED"
    if begins is None:
        # The first window whose end has not passed: it is open, or still to come.
        since = dt.datetime.fromtimestamp(now - lasts, zone)
        found = eventbridge._cron_next_fire(_cron(schedule["Expression"]), since)
        begins = found.timestamp() if found else float("inf")
    return "ACTIVE" if begins <= now and (start is None or now >= start) else "SCHEDULED"


def _at(expression: str, zone: zoneinfo.ZoneInfo) -> float | None:
    once = re.fullmatch(r"at\((.+)\)", expression.strip())
    return dt.datetime.fromisoformat(once[1]).replace(tzinfo=zone).timestamp() if once else None


def _cron(expression: str):
    """Converts five cron fields into EventBridge's six, which need a question mark for one of the two days."""
    found = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+)\)", expression.strip())
    if found is None:
        return None
    minute, hour, day, month, weekday = found.groups()
    day, weekday = (day, "?") if weekday == "*" else ("?" if day == "*" else day, weekday)
    return eventbridge._parse_cron_fields(f"cron({minute} {hour} {day} {month} {weekday} *)")


def _seconds(duration: str) -> int:
    found = DURATION.fullmatch(duration)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return (days * 24 + hours) * 3600 + minutes * 60


def put(asked: dict) -> dict:
    name, schedule = asked.get("Name"), (asked.get("Rule") or {}).get("Schedule") or {}
    if not name:
        raise Refused("ValidationError", "Name is required", 400)
    try:
        begins = _at(schedule.get("Expression", ""), zoneinfo.ZoneInfo(schedule.get("Timezone") or "UTC"))
    except (ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise Refused("ValidationError", f"Schedule: {error}", 400) from error
    if begins is None and _cron(schedule.get("Expression", "")) is None:
        raise Refused("ValidationError", "Schedule.Expression is cron(five fields) or at(yyyy-MM-ddThh:mm)", 400)
    if not 60 <= _seconds(schedule.get("Duration", "")) <= 15 * 86400:
        raise Refused("ValidationError", "Schedule.Duration is an ISO 8601 duration from PT1M to P15D", 400)
    kept = {key: asked[key] for key in ("Name", "Description", "Rule", "MuteTargets", "StartDate", "ExpireDate") if key in asked}
    _rules[name] = kept | {
        "AlarmMuteRuleArn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm-mute-rule:{name}",
        "LastUpdatedTimestamp": time.time(), "MuteType": "ONE_TIME" if begins is not None else "RECURRING",
    }  # fmt: skip
    return {}


def get(asked: dict) -> dict:
    rule = _rules.get(asked.get("AlarmMuteRuleName"))
    if rule is None:
        raise Refused("ResourceNotFoundException", f"Alarm mute rule {asked.get('AlarmMuteRuleName')} does not exist", 404)
    return rule | {"Status": _status(rule, time.time())}


def delete(asked: dict) -> dict:
    _rules.pop(asked.get("AlarmMuteRuleName"), None)
    return {}


def listed(asked: dict) -> dict:
    """ListAlarmMuteRules: in the order of their names, in pages."""
    found = []
    for _, rule in sorted(_rules.items()):
        status = _status(rule, time.time())
        if asked.get("AlarmName") in (None, *_targets(rule)) and status in (asked.get("Statuses") or [status]):
            summary = {key: rule[key] for key in ("AlarmMuteRuleArn", "ExpireDate", "MuteType", "LastUpdatedTimestamp") if key in rule}
            found.append(summary | {"Status": status})
    token = str(asked.get("NextToken") or 0)
    if not token.isdigit():
        raise Refused("InvalidNextToken", f"Invalid NextToken : {token}", 400)
    start, size = int(token), int(asked.get("MaxRecords") or 50)
    more = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {"AlarmMuteRuleSummaries": found[start : start + size], **more}


ACTIONS = {"PutAlarmMuteRule": put, "GetAlarmMuteRule": get, "DeleteAlarmMuteRule": delete, "ListAlarmMuteRules": listed}


async def _handle(method, path, headers, body, query_params):
    """ministack's own actions, and the four that it lacks."""
    action = (headers.get("x-amz-target") or path).replace("/", ".").rsplit(".", 1)[-1]
    if action not in ACTIONS:
        return await _ministack_handle(method, path, headers, body, query_params)
    is_cbor = "cbor" in headers.get("content-type", "") or "cbor" in headers.get("smithy-protocol", "")
    try:
        asked = (cbor2.loads(body) if is_cbor else json.loads(body)) if body else {}
        answer = ACTIONS[action](asked)
    except Refused as refused:
        return cloudwatch._error(*refused.args, use_json=not is_cbor, use_cbor=is_cbor)
    return cloudwatch._cbor_ok(_stamped(answer, cloudwatch._cbor_timestamp)) if is_cbor else cloudwatch._json_ok(_stamped(answer, lambda at: at))


def _stamped(value, encode):
    """The same value with its times in the format of the protocol."""
    if isinstance(value, list):
        return [_stamped(item, encode) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: encode(cloudwatch._parse_ts(item)) if key.endswith(("Date", "Timestamp")) else _stamped(item, encode) for key, item in value.items()
    }


_ministack_handle = cloudwatch.handle_request


def install() -> None:
    cloudwatch.handle_request = _handle
