"""EventBridge Scheduler and scheduled rules.

ministack's scheduler knows no time zones, no context attributes (<aws.scheduler.scheduled-time>), no retry policy and
no dead letters, checks only at long intervals, and does not fire a schedule that was created again under the same
name. Both take `rate(5 seconds)` here: AWS's shortest rate is a minute, and tests need shorter ones.
"""

import datetime as dt
import json
import logging
import re
import threading
import time
import uuid
import zoneinfo

from ministack.core.arn import parse_arn
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge, scheduler

from .deliveries import deliveries
from .functions import invoke_async_by_arn

log = logging.getLogger("emulator.schedules")
CONTEXT = re.compile(r"<aws\.scheduler\.([a-z-]+)>")
# The last firing: the schedule's key -> (its creation, when).
_fired: dict[tuple, tuple[object, float]] = {}


def tick() -> None:
    now = time.time()
    for key, schedule in list(scheduler._schedules._data.items()):
        try:
            _look_at(key, schedule, now)
        except Exception:
            log.exception("schedule %s", key)


def _look_at(key: tuple, schedule: dict, now: float) -> None:
    begin, end = scheduler._to_epoch(schedule.get("StartDate")), scheduler._to_epoch(schedule.get("EndDate"))
    if schedule.get("State") != "ENABLED" or (begin and now < begin) or (end and now > end):
        return
    making = (schedule["ScheduleExpression"], schedule.get("ScheduleExpressionTimezone"), schedule["LastModificationDate"])
    seen, last = _fired.get(key, (None, None))
    if seen != making:
        last = None
    due, once = _due(schedule, last)
    if due is None or now < due:
        if last is None and not once:
            _fired[key] = making, schedule["LastModificationDate"]
        return
    _fired[key] = making, due
    threading.Thread(target=_deliver, args=(dict(schedule), key[0], key[1], due), daemon=True).start()
    if once and schedule.get("ActionAfterCompletion") == "DELETE":
        scheduler._schedules._data.pop(key, None)


def _due(schedule: dict, last: float | None) -> tuple[float | None, bool]:
    """(when it fires next, whether only once). The nominal time, not the time of the check."""
    expression, zone = schedule["ScheduleExpression"], zoneinfo.ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    if once := re.fullmatch(r"\s*at\((.+)\)\s*", expression):
        due = dt.datetime.fromisoformat(once[1].strip()).replace(tzinfo=zone).timestamp()
        return (None if last is not None else due), True
    since = last if last is not None else schedule["LastModificationDate"]
    if (interval := eventbridge._parse_rate_seconds(expression)) is not None:
        return since + interval, False
    fields = eventbridge._parse_cron_fields(expression)
    following = fields and eventbridge._cron_next_fire(fields, dt.datetime.fromtimestamp(since, zone))
    return (following.timestamp() if following else None), False


def _rate(expression: str) -> int | None:
    """The seconds of a rate, including rates in seconds, which AWS lacks."""
    if seconds := re.fullmatch(r"rate\(([1-9]\d*) seconds?\)", expression):
        return int(seconds[1])
    return _ministack_rate(expression)


def _is_valid(expression: str) -> bool:
    return _rate(expression) is not None or _ministack_is_valid(expression)


def _deliver(schedule: dict, account: str, region: str, due: float) -> None:
    """One firing: retried until the target accepts it, or else sent to the dead-letter queue."""
    set_request_account_id(account)
    set_request_region(region)
    target, policy = schedule["Target"], schedule["Target"].get("RetryPolicy") or {}
    retries = int(policy.get("MaximumRetryAttempts", 185))
    oldest = time.time() + int(policy.get("MaximumEventAgeInSeconds", 86400))
    attempt = 1
    while True:
        payload = _substituted(target.get("Input") or "{}", schedule, due, attempt)
        try:
            return _send(target, payload, schedule, account, region, due)
        except LookupError as error:
            if attempt > retries or time.time() > oldest:
                log.warning("schedule %s gave up: %s", schedule["Name"], error)
                if queue := (target.get("DeadLetterConfig") or {}).get("Arn"):
                    eventbridge._dispatch_to_sqs(parse_arn(queue), payload)
                return None
        time.sleep(min(60, 2**attempt))
        attempt += 1


def _substituted(text: str, schedule: dict, due: float, attempt: int) -> str:
    """The text with its context attributes filled in. An unknown one stays as it is, as at AWS."""
    values = {
        "scheduled-time": dt.datetime.fromtimestamp(due, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),  # differs per attempt, as at AWS
        "attempt-number": str(attempt),
        "schedule-arn": schedule["Arn"],
    }
    return CONTEXT.sub(lambda found: values.get(found[1], found[0]), text)


def _send(target: dict, payload: str, schedule: dict, account: str, region: str, due: float) -> None:
    if parse_arn(target["Arn"]).service == "lambda":
        return invoke_async_by_arn(target["Arn"], json.loads(payload))
    event = {
        "EventId": uuid.uuid4().hex, "Source": "aws.scheduler", "DetailType": "Scheduled Event", "Detail": "{}",
        "Time": due, "Resources": [schedule["Arn"]], "Account": account, "Region": region,
    }  # fmt: skip
    return eventbridge._invoke_target({**target, "Input": payload}, event, schedule)


def _rule_to_lambda(arn: str, payload: str) -> None:
    """A rule's target is invoked asynchronously, with Lambda's own retries; ministack's tries once."""
    try:
        event = json.loads(payload)
    except ValueError:
        event = payload
    source = event.get("source") if isinstance(event, dict) else None
    deliveries.hand_over("rule", source or "rule", arn, event)


class _Items(list):
    """A list whose elements a path can select, by a step such as `0`."""

    def __getitem__(self, index):
        return super().__getitem__(int(index) if isinstance(index, str) else index)


class _Indexed:
    """An event whose lists a path can index; ministack's paths know only names."""

    def __init__(self, view) -> None:
        self._view, self.envelope = view, view.envelope

    def event_with_detail(self):
        return _indexed(self._view.event_with_detail())


def _indexed(value):
    if isinstance(value, dict):
        return {key: _indexed(item) for key, item in value.items()}
    return _Items(map(_indexed, value)) if isinstance(value, list) else value


def _transform(transformer: dict, rule: dict, view) -> str:
    """An InputTransformer whose paths may hold an index, as `$.resources[0]` does."""
    paths = {name: re.sub(r"\[(\d+)\]", r".\1", path) for name, path in transformer.get("InputPathsMap", {}).items()}
    return _ministack_transform(transformer | {"InputPathsMap": paths}, rule, _Indexed(view))


_ministack_transform = eventbridge._apply_input_transformer
_ministack_rate, _ministack_is_valid = eventbridge._parse_rate_seconds, eventbridge._validate_schedule_expression


def install() -> None:
    scheduler._tick_schedules = tick
    scheduler._SCHEDULE_TICK_INTERVAL = 0.5
    eventbridge._SCHEDULER_TICK_INTERVAL = 0.25
    eventbridge._parse_rate_seconds = _rate
    eventbridge._validate_schedule_expression = _is_valid
    eventbridge._dispatch_to_lambda = _rule_to_lambda
    eventbridge._apply_input_transformer = _transform
