"""CloudWatch's metrics as alarms evaluate them: by exact dimensions, by resolution, and combined by arithmetic.

ministack takes every datapoint at its own second, a query without dimensions for one about all of them, and a unit for
none, and answers GetMetricData in the wrong order.
"""

import ast
import contextvars
import json
import operator
import time

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch

PAST_S, FUTURE_S = 14 * 86400, 2 * 3600
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def values(alarm: dict, periods: int, now: float) -> list[float | None] | None:
    """The value that an alarm compares in each of the last whole periods; None for a period without datapoints. None
    instead of the list for an alarm whose expression is more than arithmetic."""
    if not alarm.get("Metrics"):
        metric = {"Namespace": alarm.get("Namespace"), "MetricName": alarm.get("MetricName"), "Dimensions": alarm.get("Dimensions")}
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        return _series(metric, statistic, int(alarm.get("Period") or 60), periods, now)
    series, expressions = {}, {}
    for query in alarm["Metrics"]:
        if stat := query.get("MetricStat"):
            series[query["Id"]] = _series(stat["Metric"], stat["Stat"], int(stat["Period"]), periods, now)
        else:
            expressions[query["Id"]] = query["Expression"]
    compared = next((query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True)), None)
    if compared in series:
        return series[compared]
    try:
        tree = ast.parse(expressions[compared], mode="eval").body
        return [_computed(tree, {name: one[i] for name, one in series.items()}) for i in range(periods)]
    except (SyntaxError, LookupError, TypeError):
        return None


def _series(metric: dict, statistic: str, period: int, periods: int, now: float) -> list[float | None]:
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or []}
    key = metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions)
    end, found = now // period * period, []
    points = [p for p in list(cloudwatch._metrics.get(key) or []) if p["Timestamp"] >= end - periods * period]
    for back in range(periods, 0, -1):
        inside = [p for p in points if end - back * period <= p["Timestamp"] < end - (back - 1) * period]
        found.append(cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside) if inside else None)
    return found


def _computed(node: ast.expr, known: dict[str, float | None]) -> float | None:
    """Arithmetic over the metrics of one period; None if one of them is missing, or at a division by zero."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _computed(operand, known)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            a, b = _computed(left, known), _computed(right, known)
            return None if a is None or b is None or (b == 0 and isinstance(op, ast.Div)) else OPERATORS[type(op)](a, b)
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.expr() as instead]):
            value = _computed(filled, known)
            return _computed(instead, known) if value is None else value
    raise TypeError(ast.dump(node))


def _put(params, cbor_data, is_cbor, is_json=False):
    """PutMetricData: without StorageResolution 1, a datapoint belongs to its minute, not to a second of it."""
    asked = cbor_data.get("MetricData", []) if is_cbor or is_json else _Flat(params)
    now = time.time()
    for datum in asked:
        at, resolution = cloudwatch._parse_ts(datum.get("Timestamp")) or now, int(datum.get("StorageResolution") or 60)
        if resolution not in (1, 60):
            message = f"The parameter MetricData.member.1.StorageResolution must be 1 or 60, not {resolution}."
            return cloudwatch._error("InvalidParameterValue", message, 400, use_json=is_json, use_cbor=is_cbor)
        if not now - PAST_S <= at <= now + FUTURE_S:
            message = "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks and the next two hours."
            return cloudwatch._error("InvalidParameterValue", message, 400, use_json=is_json, use_cbor=is_cbor)
        datum["Timestamp"] = at if resolution == 1 else at // 60 * 60
    return _ministack_put(params, cbor_data, is_cbor, is_json)


class _Flat:
    """The datapoints of a form, each as a dictionary that writes back into it."""

    def __init__(self, params: dict) -> None:
        self._params = params

    def __iter__(self):
        number = 1
        while cloudwatch._p(self._params, f"MetricData.member.{number}.MetricName"):
            yield _FlatDatum(self._params, f"MetricData.member.{number}.")
            number += 1


class _FlatDatum:
    def __init__(self, params: dict, prefix: str) -> None:
        self._params, self._prefix = params, prefix

    def get(self, key: str):
        return cloudwatch._p(self._params, self._prefix + key) or None

    def __setitem__(self, key: str, value) -> None:
        self._params[self._prefix + key] = [str(value)]


class _Exact(dict):
    """Dimensions of a query. An empty set is a choice as well, so it never counts as absent."""

    def __bool__(self) -> bool:
        return True


def _dimensions(dimensions: list[dict]) -> dict:
    return _Exact(_ministack_dimensions(dimensions))


class _OfOneUnit(AccountRegionScopedDict):
    """ministack's datapoints by metric: to a request that names a unit, only those of this unit (API reference, `Unit`)."""

    __slots__ = ()

    def items(self):
        unit = _unit.get()
        if unit is None:
            return super().items()
        return [(key, [p for p in points if p["Unit"] == unit]) for key, points in super().items()]


def _statistics(params, cbor_data, is_cbor, is_json=False):
    """GetMetricStatistics, of one unit if the request names one."""
    token = _unit.set((cbor_data.get("Unit") if is_cbor or is_json else cloudwatch._p(params, "Unit")) or None)
    try:
        return _ministack_statistics(params, cbor_data, is_cbor, is_json)
    finally:
        _unit.reset(token)


def _data(params, cbor_data, is_cbor, is_json=False):
    """GetMetricData: newest first, unless the request asks otherwise."""
    token = _newest_first.set(cbor_data.get("ScanBy") != "TimestampAscending")
    try:
        status, headers, body = _ministack_data(params, cbor_data, is_cbor, is_json)
        if is_json and status == 200:
            body = json.dumps({"MetricDataResults": [_ordered(one) for one in json.loads(body)["MetricDataResults"]]}).encode()
        return status, headers, body
    finally:
        _newest_first.reset(token)


def _ordered(result: dict) -> dict:
    return result | {key: result[key][::-1] for key in ("Timestamps", "Values")} if _newest_first.get() else result


def _data_result(result: dict) -> dict:
    return _ministack_data_result(_ordered(result))


_unit: contextvars.ContextVar[str | None] = contextvars.ContextVar("unit", default=None)
_newest_first: contextvars.ContextVar[bool] = contextvars.ContextVar("newest_first", default=False)
_ministack_put, _ministack_dimensions = cloudwatch._put_metric_data, cloudwatch._dims_from_list
_ministack_statistics = cloudwatch._get_metric_statistics
_ministack_data, _ministack_data_result = cloudwatch._get_metric_data, cloudwatch._cbor_metric_data_result


def install() -> None:
    cloudwatch._put_metric_data = _put
    cloudwatch._dims_from_list = _dimensions
    cloudwatch._metrics.__class__ = _OfOneUnit
    # Nothing here gets two weeks old, and looking for it at every call took most of an emulator's time.
    cloudwatch._evict_old_metrics = lambda: None
    cloudwatch._get_metric_statistics = _statistics
    cloudwatch._get_metric_data = _data
    cloudwatch._cbor_metric_data_result = _data_result
