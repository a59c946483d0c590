"""Paging, where moto answers everything at once or counts something else than AWS does.

Stands in for EC2's and Auto Scaling's paging. DescribeInstances counts instances, so that one launch of 250
is spread over pages too; without MaxResults it answers at most 1000.
"""

import copy

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.tags import TagResponse


class BadPage(EC2ClientError):
    """A token or page size that is refused."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def _page(response, items: list, size_name: str, default: int, bounds: tuple[int, int] | None):
    """(this page's items, the next token). The token is the place of the next item."""
    size = int(response._get_param(size_name) or default)
    if bounds and response._get_param(size_name) and not bounds[0] <= size <= bounds[1]:
        raise BadPage("InvalidParameterValue", f"Value ( {size} ) for parameter {size_name.lower()} is invalid. Expecting a value between {bounds[0]} and {bounds[1]}.")  # fmt: skip
    token = response._get_param("NextToken")
    if token and not token.isdigit():
        raise BadPage("InvalidParameterValue", f"Unable to parse pagination token {token}")
    start = int(token or 0)
    return items[start : start + size], str(start + size) if len(items) > start + size else None


def _paged(original, key: str, size_name: str, default: int, bounds: tuple[int, int] | None):
    def method(self):
        result = original(self).result
        items, token = _page(self, list(result[key]), size_name, default, bounds)
        return ActionResult(result | {key: items, "NextToken": token})

    return method


def _describe_instances(self: InstanceResponse):
    self.error_on_dryrun()
    ids, filters = self._get_param("InstanceIds", []), self._filters_from_querystring()
    if ids and self._get_param("MaxResults"):
        raise BadPage("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults")  # fmt: skip
    if ids:
        reservations = self.ec2_backend.get_reservations_by_instance_ids(ids, filters=filters)
    else:
        reservations = self.ec2_backend.describe_instances(filters=filters)
    flat = [(reservation, one) for reservation in reservations for one in reservation.instances]
    page, token = _page(self, flat, "MaxResults", 1000, (5, 1000))
    answer: list = []
    for reservation, one in page:
        if not answer or answer[-1].id != reservation.id:
            part = copy.copy(reservation)
            part.instances = []
            answer.append(part)
        answer[-1].instances.append(one)
    return ActionResult({"Reservations": answer, "NextToken": token})


def install() -> None:
    InstanceResponse.describe_instances = _describe_instances
    for owner, name, key, size_name, default, bounds in (
        (InstanceResponse, "describe_instance_status", "InstanceStatuses", "MaxResults", 1000, (5, 1000)),
        (ElasticBlockStore, "describe_volumes", "Volumes", "MaxResults", 1000, (5, 1000)),
        (TagResponse, "describe_tags", "Tags", "MaxResults", 1000, (5, 1000)),
        (AutoScalingResponse, "describe_auto_scaling_instances", "AutoScalingInstances", "MaxRecords", 50, None),
    ):
        setattr(owner, name, _paged(getattr(owner, name), key, size_name, default, bounds))
