"""Embedded metrics: a line of a function's log in CloudWatch's embedded metric format becomes datapoints.

Stands in for what CloudWatch Logs does with such a line of a function's log.
"""

import json
import logging

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudwatch

log = logging.getLogger("emulator.embedded")
MOST_DIMENSIONS, MOST_METRICS = 30, 100


def publish(line: bytes, function_arn: str) -> None:
    """Publishes the metrics of one line, in its function's account and Region. A line in a broken format is plain
    text, as at AWS; the emulator's log says what is wrong with it."""
    if not line.startswith(b"{") or b'"_aws"' not in line:
        return
    try:
        found = data(json.loads(line))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return log.warning("not in the embedded metric format: %s: %s", type(error).__name__, error)
    _, _, _, region, account, *_ = function_arn.split(":")
    set_request_account_id(account)
    set_request_region(region)
    for namespace, datum in found:
        status, _, body = cloudwatch._put_metric_data({}, {"Namespace": namespace, "MetricData": [datum]}, False, True)
        if status != 200:
            log.warning("embedded metric %s: %s", datum["MetricName"], body)


def data(document: dict) -> list[tuple[str, dict]]:
    """(namespace, datum of PutMetricData) for every metric and every set of its dimensions."""
    about, found = document["_aws"], []
    for directive in about["CloudWatchMetrics"]:
        metrics, sets = directive["Metrics"], directive.get("Dimensions") or [[]]
        if len(metrics) > MOST_METRICS or any(len(names) > MOST_DIMENSIONS for names in sets):
            raise ValueError(f"over {MOST_METRICS} metrics, or over {MOST_DIMENSIONS} dimensions")
        for names in sets:
            dimensions = [{"Name": name, "Value": _text(document[name])} for name in names]
            for metric in metrics:
                if metric["Name"] not in document:
                    continue
                datum = {"MetricName": metric["Name"], "Dimensions": dimensions, "Timestamp": about["Timestamp"] / 1000,
                         "Unit": metric.get("Unit", "None"), "StorageResolution": metric.get("StorageResolution", 60)}  # fmt: skip
                found.append((directive["Namespace"], datum | _value(document[metric["Name"]])))
    return found


def _text(value) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"a dimension's value is text, not {value!r}")
    return value


def _value(value) -> dict:
    """One number, or a list of them."""
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in numbers):
        raise TypeError(f"a metric's value is a number or a list of numbers, not {value!r}")
    return {"Values": numbers} if isinstance(value, list) else {"Value": value}
