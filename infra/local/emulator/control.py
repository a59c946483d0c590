"""Control API under /_local/: what tests and the demo ask of local AWS beside AWS's own API. Never in the call log."""

import json
import re
from urllib.parse import parse_qs

from . import databases, distributions, instances, objects, packages, transitions
from .deliveries import deliveries, messages


def handle(gateway, method: str, path: str, query: str, body: bytes):
    """(status, headers, body) of one request; a bad request is a 400 that says what is wrong."""
    try:
        content, status = _route(gateway, method, path, query, body), 200
    except LookupError as error:
        content, status = {"error": str(error)}, 404
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        content, status = {"error": f"{type(error).__name__}: {error}"}, 400
    return status, [(b"content-type", b"application/json")], json.dumps(content).encode()


def _route(gateway, method: str, path: str, query: str, body: bytes):
    one_instance = re.fullmatch(r"/_local/instances/(i-[0-9a-f]+)", path)
    one_database = re.fullmatch(r"/_local/databases/([a-z0-9-]+)", path)
    one_bucket = re.fullmatch(r"/_local/objects/([a-z0-9.-]+)", path)
    since = int(parse_qs(query).get("since", ["0"])[0])
    match method, path:
        case "GET", "/_local/ready":
            return {"ready": True}
        case "GET", "/_local/calls":
            return gateway.calls.since(since)
        case "GET", "/_local/faults":
            return gateway.faults.all()
        case "PUT", "/_local/faults":
            gateway.faults.replace(json.loads(body))
            return gateway.faults.all()
        case "GET", "/_local/transitions":
            return transitions.current()
        case "PUT", "/_local/transitions":
            return transitions.change(json.loads(body))
        case "GET", "/_local/instances":
            return instances.listed()
        case "POST", _ if one_instance:
            return instances.patch(one_instance[1], json.loads(body))
        case "GET", "/_local/distributions":
            return distributions.listed()
        case "GET", "/_local/databases":
            return databases.listed()
        case "POST", _ if one_database:
            return databases.patch(one_database[1], json.loads(body))
        case "GET", _ if one_bucket:
            return objects.listed(one_bucket[1])
        case "GET", "/_local/resources":
            return {
                "instances": instances.listed(), "distributions": distributions.listed(), "databases": databases.listed(),
            }  # fmt: skip
        case "POST", "/_local/packages":
            return packages.put(**json.loads(body))
        case "GET", "/_local/deliveries":
            return deliveries.since(since)
        case "POST", "/_local/deliveries":
            return deliveries.control(json.loads(body))
        case "POST", "/_local/redeliver":
            return deliveries.redeliver(json.loads(body))
        case "GET", "/_local/messages":
            return messages(since)
    raise NotFound(f"there is no {method} {path}")


class NotFound(LookupError):
    """The path or method does not exist."""
