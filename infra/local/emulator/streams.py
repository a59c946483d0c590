"""DynamoDB streams: a function names the records that it could not handle, and is sent them again.

ministack takes every answer of a stream's function for success. Stands in for `ReportBatchItemFailures`: the batch is
sent again as a whole until no record of it fails. Nothing is given up here after some attempts, as AWS does.
"""

from ministack.services import lambda_svc

_ministack_execute = lambda_svc._execute_function


def _execute(func: dict, event) -> dict:
    result = _ministack_execute(func, event)
    records = event.get("Records") if isinstance(event, dict) else None
    if not records or records[0].get("eventSource") != "aws:dynamodb" or result.get("error"):
        return result
    body = result.get("body")
    failed = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failed:
        return result
    return {**result, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": str(failed)}}


def install() -> None:
    lambda_svc._execute_function = _execute
