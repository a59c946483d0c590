"""CloudFormation properties that ministack ignores, applied after it has created a resource.

A schedule's time zone and dates, the numbers of retry policies, a table's recovery, expiry and index states, a function's reserved concurrency and VPC.
"""

import functools

from ministack.services import dynamodb, eventbridge, lambda_svc, scheduler
from ministack.services.cloudformation import provisioners


def after(kind: str, mend) -> None:
    """Runs `mend(properties, physical id)` after ministack has created or updated a resource of a kind."""
    handler = provisioners._RESOURCE_HANDLERS[kind]
    for operation, place in (("create", 1), ("update", 2)):
        original = handler.get(operation)
        if original is None:
            continue

        @functools.wraps(original)
        def wrapped(*args, original=original, place=place, **kwargs):
            result = original(*args, **kwargs)
            mend(args[place], result[0])
            return result

        handler[operation] = wrapped


def _schedule_kept(props: dict, name: str) -> None:
    schedule = scheduler._schedules.get(f"{props.get('GroupName', 'default')}/{name}")
    for key in ("ScheduleExpressionTimezone", "StartDate", "EndDate", "ActionAfterCompletion"):
        if schedule is not None and key in props:
            schedule[key] = props[key]
    if schedule is not None:
        _with_numbers(schedule.get("Target") or {}, "RetryPolicy")
        _with_numbers(schedule, "FlexibleTimeWindow")


def _rule_kept(props: dict, name: str) -> None:
    for targets in list(eventbridge._targets._data.values()):
        for target in targets:
            _with_numbers(target, "RetryPolicy")


def _with_numbers(holder: dict, name: str) -> None:
    """A parameter's value is a text in the template, and a number in the answers of the services."""
    if isinstance(holder.get(name), dict):
        holder[name] = {key: int(value) if str(value).isdecimal() else value for key, value in holder[name].items()}


def _table_kept(props: dict, name: str) -> None:
    for index in (dynamodb._tables.get(name) or {}).get("GlobalSecondaryIndexes") or []:
        for key, value in (("IndexStatus", "ACTIVE"), ("ItemCount", 0), ("IndexSizeBytes", 0)):
            index.setdefault(key, value)
    if ttl := props.get("TimeToLiveSpecification"):
        ttl = ttl | {"Enabled": enabled(ttl.get("Enabled"))}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": ttl})


    if pitr := props.get("PointInTimeRecoverySpecification"):
        wanted = {"PointInTimeRecoveryEnabled": enabled(pitr.get("PointInTimeRecoveryEnabled"))}
        dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": wanted})


def _function_kept(props: dict, name: str) -> None:
    reserved = props.get("ReservedConcurrentExecutions")
    lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)
    lambda_svc._functions[name]["config"]["VpcConfig"] = lambda_svc._vpc_config_with_id(props.get("VpcConfig"))


def enabled(value) -> bool:
    """Whether a template's boolean, or its text, is true."""
    return str(value).lower() == "true"


def install() -> None:
    after("AWS::Scheduler::Schedule", _schedule_kept)
    after("AWS::Events::Rule", _rule_kept)
    after("AWS::DynamoDB::Table", _table_kept)
    after("AWS::Lambda::Function", _function_kept)
