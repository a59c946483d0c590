"""Identification: reads caller, service, action and resource from a request in any of AWS's protocols."""

import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import cbor2

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
READING = ("Describe", "Get", "List", "Query", "Scan", "BatchGet", "TransactGet", "Head", "Filter", "Search",
           "Lookup", "Simulate", "Validate", "Estimate", "Test", "Detect")  # fmt: skip
# The protocols that carry the action in method and path: (service, method, path, action).
REST = [
    (service, method, re.compile(path + "/?$"), action)
    for service, method, path, action in (
        ("lambda", "POST", r"/\d[\d-]+/functions/(?P<id>[^/]+)/invocations", "Invoke"),
        ("lambda", "POST", r"/\d[\d-]+/functions", "CreateFunction"),
        ("lambda", "GET", r"/\d[\d-]+/functions", "ListFunctions"),
        ("lambda", "GET", r"/\d[\d-]+/functions/(?P<id>[^/]+)", "GetFunction"),
        ("lambda", "DELETE", r"/\d[\d-]+/functions/(?P<id>[^/]+)", "DeleteFunction"),
        ("lambda", "GET", r"/\d[\d-]+/functions/(?P<id>[^/]+)/configuration", "GetFunctionConfiguration"),
        ("lambda", "PUT", r"/\d[\d-]+/functions/(?P<id>[^/]+)/configuration", "UpdateFunctionConfiguration"),
        ("lambda", "PUT", r"/\d[\d-]+/functions/(?P<id>[^/]+)/code", "UpdateFunctionCode"),
        ("lambda", "PUT", r"/\d[\d-]+/functions/(?P<id>[^/]+)/concurrency", "PutFunctionConcurrency"),
        ("lambda", "DELETE", r"/\d[\d-]+/functions/(?P<id>[^/]+)/concurrency", "DeleteFunctionConcurrency"),
        ("lambda", "GET", r"/\d[\d-]+/functions/(?P<id>[^/]+)/concurrency", "GetFunctionConcurrency"),
        ("lambda", "PUT", r"/\d[\d-]+/functions/(?P<id>[^/]+)/event-invoke-config", "PutFunctionEventInvokeConfig"),
        ("lambda", "GET", r"/\d[\d-]+/functions/(?P<id>[^/]+)/event-invoke-config", "GetFunctionEventInvokeConfig"),
        ("lambda", "POST", r"/\d[\d-]+/functions/(?P<id>[^/]+)/policy", "AddPermission"),
        ("lambda", "GET", r"/\d[\d-]+/functions/(?P<id>[^/]+)/policy", "GetPolicy"),
        ("lambda", "GET", r"/\d[\d-]+/tags/(?P<id>.+)", "ListTags"),
        ("lambda", "GET", r"/\d[\d-]+/event-source-mappings", "ListEventSourceMappings"),
        ("scheduler", "POST", r"/schedules/(?P<id>[^/]+)", "CreateSchedule"),
        ("scheduler", "PUT", r"/schedules/(?P<id>[^/]+)", "UpdateSchedule"),
        ("scheduler", "GET", r"/schedules/(?P<id>[^/]+)", "GetSchedule"),
        ("scheduler", "DELETE", r"/schedules/(?P<id>[^/]+)", "DeleteSchedule"),
        ("scheduler", "GET", r"/schedules", "ListSchedules"),
        ("scheduler", "POST", r"/schedule-groups/(?P<id>[^/]+)", "CreateScheduleGroup"),
        ("scheduler", "GET", r"/schedule-groups/(?P<id>[^/]+)", "GetScheduleGroup"),
        ("scheduler", "DELETE", r"/schedule-groups/(?P<id>[^/]+)", "DeleteScheduleGroup"),
        ("scheduler", "GET", r"/schedule-groups", "ListScheduleGroups"),
        ("cloudfront", "POST", r"/[\d-]+/distribution", "CreateDistribution"),
        ("cloudfront", "GET", r"/[\d-]+/distribution", "ListDistributions"),
        ("cloudfront", "GET", r"/[\d-]+/distribution/(?P<id>[^/]+)", "GetDistribution"),
        ("cloudfront", "GET", r"/[\d-]+/distribution/(?P<id>[^/]+)/config", "GetDistributionConfig"),
        ("cloudfront", "PUT", r"/[\d-]+/distribution/(?P<id>[^/]+)/config", "UpdateDistribution"),
        ("cloudfront", "DELETE", r"/[\d-]+/distribution/(?P<id>[^/]+)", "DeleteDistribution"),
        ("cloudfront", "POST", r"/[\d-]+/distribution/(?P<id>[^/]+)/invalidation", "CreateInvalidation"),
        ("cloudfront", "GET", r"/[\d-]+/distribution/(?P<id>[^/]+)/invalidation/[^/]+", "GetInvalidation"),
        ("cloudfront", "GET", r"/[\d-]+/tagging", "ListTagsForResource"),
        ("cloudfront", "POST", r"/[\d-]+/tagging", "TagResource"),
        ("cloudfront", "GET", r"/[\d-]+/cache-policy", "ListCachePolicies"),
        ("cloudfront", "GET", r"/[\d-]+/cache-policy/(?P<id>[^/]+)", "GetCachePolicy"),
        ("cloudfront", "GET", r"/[\d-]+/cache-policy/(?P<id>[^/]+)/config", "GetCachePolicyConfig"),
        ("route53", "GET", r"/[\d-]+/healthcheck", "ListHealthChecks"),
        ("route53", "POST", r"/[\d-]+/healthcheck", "CreateHealthCheck"),
        ("route53", "GET", r"/[\d-]+/healthcheck/(?P<id>[^/]+)", "GetHealthCheck"),
        ("route53", "POST", r"/[\d-]+/healthcheck/(?P<id>[^/]+)", "UpdateHealthCheck"),
        ("route53", "DELETE", r"/[\d-]+/healthcheck/(?P<id>[^/]+)", "DeleteHealthCheck"),
        ("route53", "GET", r"/[\d-]+/healthcheck/(?P<id>[^/]+)/status", "GetHealthCheckStatus"),
        ("route53", "GET", r"/[\d-]+/hostedzone", "ListHostedZones"),
        ("route53", "GET", r"/[\d-]+/hostedzone/(?P<id>[^/]+)/rrset", "ListResourceRecordSets"),
        ("route53", "POST", r"/[\d-]+/hostedzone/(?P<id>[^/]+)/rrset", "ChangeResourceRecordSets"),
        ("s3", "PUT", r"/(?P<id>[^/]+)", "CreateBucket"),
        ("s3", "GET", r"/(?P<id>[^/]+)", "ListObjects"),
        ("s3", "HEAD", r"/(?P<id>[^/]+)", "HeadBucket"),
        ("s3", "DELETE", r"/(?P<id>[^/]+)", "DeleteBucket"),
        ("s3", "PUT", r"/(?P<id>.+)", "PutObject"),
        ("s3", "GET", r"/(?P<id>.+)", "GetObject"),
        ("s3", "HEAD", r"/(?P<id>.+)", "HeadObject"),
        ("s3", "DELETE", r"/(?P<id>.+)", "DeleteObject"),
    )
]
# The fields of a body that name its resource; the first one present is used.
RESOURCE_KEYS = ("TableName", "AutoScalingGroupName", "TargetGroupArn", "AlarmName", "KeyId", "FunctionName", "Rule",
                 "AlarmNames", "AlarmMuteRuleName", "TopicArn", "QueueUrl", "StackName", "DBClusterIdentifier",
                 "DBInstanceIdentifier", "SourceIdentifier", "ResourceName", "ResourceARN", "RoleName", "Namespace",
                 "CalendarNames", "GroupName", "Name")  # fmt: skip
# Services whose signing name is not their usual name.
CALLED = {"monitoring": "cloudwatch"}


@dataclass(frozen=True)
class Request:
    """What a request asks for. `protocol` is the format that an error must have."""

    caller: str | None
    service: str
    region: str | None
    action: str
    protocol: str
    dry_run: bool
    mutating: bool
    resource: str | None
    detail: str | None
    body: bytes


def identify(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Request | None:
    """None for what is not signed: ministack's own pages, or a browser."""
    signed = CREDENTIAL.search(headers.get("authorization", "")) or CREDENTIAL.search(
        "Credential=" + dict(parse_qsl(query)).get("X-Amz-Credential", "")
    )
    if not signed:
        return None
    caller, region, service = signed[1], signed[2], CALLED.get(signed[3], signed[3])
    action, protocol, parameters, resource = "", "", {}, None
    if target := headers.get("x-amz-target"):
        action, protocol, parameters = target.rsplit(".", 1)[-1], "json", _json(body)
    elif operation := re.search(r"/service/[^/]+/operation/([^/?]+)$", path):
        action, protocol, parameters = operation[1], "cbor", _cbor(body)
    else:
        for rest_service, rest_method, pattern, rest_action in REST:
            if service == rest_service and method == rest_method and (found := pattern.match(path)):
                action, resource = rest_action, unquote(found.groupdict().get("id") or "") or None
                asked = dict(parse_qsl(query, keep_blank_values=True))
                resource = resource or asked.get("Resource")
                action = {"TagResource": f"{asked.get('Operation')}Resource"}.get(action, action) + ("WithTags" if "WithTags" in asked else "")
                break
        if action or service in ("lambda", "scheduler", "cloudfront", "route53", "s3"):
            protocol = {"cloudfront": "rest-xml", "route53": "rest-xml", "s3": "s3"}.get(service, "rest-json")
        else:
            parameters = dict(parse_qsl(query) + parse_qsl(body.decode("utf-8", "replace")))
            action, protocol = parameters.get("Action", ""), "ec2" if service == "ec2" else "query"
    action = action or f"{method} {path}"
    dry_run = protocol == "ec2" and str(parameters.get("DryRun", "")).lower() == "true"
    mutating = not dry_run and not action.startswith((*READING, "GET ", "HEAD "))
    resource = resource or _resource(service, parameters)
    detail = _keys(parameters) if service == "dynamodb" else parameters.get("StateValue")
    return Request(caller, service, region, action, protocol, dry_run, mutating, resource, detail, body)


def _resource(service: str, parameters: dict) -> str | None:
    if service == "ec2":
        ids = [v for k, v in parameters.items() if re.fullmatch(r"(InstanceId|ResourceId|VolumeId)(\.\d+)?", k)]
        return ",".join(ids) or None
    if service == "dynamodb" and "TableName" not in parameters:
        return ",".join(sorted(_tables(parameters))) or None
    for key in RESOURCE_KEYS:
        value = parameters.get(key)
        if value and isinstance(value, (str, list)):
            return value if isinstance(value, str) else ",".join(map(str, value))
    names = [str(v) for k, v in parameters.items() if ".member." in k and k.split(".")[0].endswith(("Names", "Ids", "Arns"))]
    return ",".join(names) or None


def _tables(parameters: dict) -> set[str]:
    """The tables of a transaction or a batch."""
    found = set(parameters.get("RequestItems") or {})
    for item in parameters.get("TransactItems") or []:
        found |= {part["TableName"] for part in item.values() if isinstance(part, dict) and "TableName" in part}
    return found


def _keys(parameters: dict) -> str | None:
    """The partition keys anywhere in a call, each once."""
    found, left = {}, [parameters]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            key = value.get("pk")
            if isinstance(key, dict) and isinstance(key.get("S"), str):
                found[key["S"]] = True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return ",".join(sorted(found)) or None


def _json(body: bytes) -> dict:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _cbor(body: bytes) -> dict:
    try:
        value = cbor2.loads(body) if body else {}
    except Exception:  # whatever cbor2 raises: an unreadable body names nothing
        return {}
    return value if isinstance(value, dict) else {}
