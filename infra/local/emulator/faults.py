"""Injected faults: a caller's call is refused, loses its answer, hangs, takes effect late, loses a race, or ends the caller."""

import json
import re
import threading
import uuid
from dataclasses import asdict, dataclass, field, replace
from xml.sax.saxutils import escape

import cbor2

from .identify import Request

STATUS = {
    "UnauthorizedOperation": 403, "AccessDenied": 403, "AccessDeniedException": 400, "RequestLimitExceeded": 503,
    "InternalError": 500, "InternalFailure": 500, "InternalServerError": 500, "ServiceUnavailable": 503,
    "Throttling": 400, "ThrottlingException": 400, "TooManyRequestsException": 429,
}  # fmt: skip


@dataclass
class Fault:
    """One entry of `PUT /_local/faults`.

    error   the answer is an error, before or after the call took effect
    hang    the answer never comes (until hangMs), before or after the call took effect
    delay   the call takes effect after hangMs, even if the caller has ended by then
    race    right before the call, somebody else updates what it updates, replacing the text `find` with `put`
    kill    the calling function's processes are killed, before or after the call took effect
    """

    id: str
    action: str
    kind: str = "error"
    caller: str | None = None
    service: str | None = None
    dryRun: bool | None = None
    # Only calls whose body contains this text, such as an instance's id or a key of a table.
    contains: str | None = None
    skip: int = 0
    times: int = 1
    when: str = "before"
    code: str = "InternalError"
    status: int | None = None
    message: str = "injected by a test"
    hangMs: int = 3_600_000
    find: str = ""
    put: str = ""
    matched: int = field(default=0)
    hits: int = field(default=0)

    def hit_by(self, request: Request) -> bool:
        """Counts a matching call; whether the fault applies to it."""
        if self.action != request.action or self.caller not in (None, request.caller):
            return False
        if self.service not in (None, request.service) or self.dryRun not in (None, request.dry_run):
            return False
        if self.contains is not None and self.contains.encode() not in request.body:
            return False
        self.matched += 1
        if self.matched <= self.skip or 0 <= self.times <= self.hits:
            return False
        self.hits += 1
        return True


class Faults:
    """The list of faults in force. It is replaced as a whole; the first fault that applies to a call is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def replace(self, entries: list[dict]) -> None:
        """Replaces the list. A bad fault raises TypeError or ValueError with the reason, and changes nothing."""
        if not isinstance(entries, list):
            raise ValueError("faults are a JSON array")
        faults = []
        for entry in entries:
            if {"matched", "hits"} & set(entry):
                raise ValueError("matched and hits are counted, not set")
            fault = Fault(**entry)
            if fault.kind not in ("error", "hang", "delay", "race", "kill") or fault.when not in ("before", "after"):
                raise ValueError(f"fault {fault.id}: kind is error, hang, delay, race or kill; when is before or after")
            faults.append(fault)
        with self._lock:
            # A fault that stays in force keeps its counts: concurrent tests add to one list.
            known = {fault.id: fault for fault in self._faults}
            for fault in faults:
                if (old := known.get(fault.id)) and replace(old, matched=0, hits=0) == fault:
                    fault.matched, fault.hits = old.matched, old.hits
            self._faults = faults

    def hit(self, request: Request) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if fault.hit_by(request)), None)

    def all(self) -> list[dict]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]


Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def error_answer(fault: Fault, request: Request) -> Answer:
    """The fault in the format of the service's protocol, so that a real SDK finds code and message."""
    status = fault.status or STATUS.get(fault.code, 400)
    code, message, request_id = escape(fault.code), escape(fault.message), str(uuid.uuid4())
    headers = [(b"x-amzn-requestid", request_id.encode())]
    if request.protocol in ("json", "rest-json", "cbor"):
        headers.append((b"x-amzn-errortype", fault.code.encode()))
        content = {"__type": fault.code, "message": fault.message}
        if request.protocol == "cbor":
            headers += [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor")]
            return status, headers, cbor2.dumps(content)
        kind = b"application/json" if request.protocol == "rest-json" else b"application/x-amz-json-1.0"
        return status, [*headers, (b"content-type", kind)], json.dumps(content).encode()
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if request.protocol == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif request.protocol == "s3":
        text = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    return status, [*headers, (b"content-type", b"text/xml")], f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def error_code(headers: dict[str, str], body: bytes) -> str | None:
    """The code of a service's error answer, for the call log."""
    if named := headers.get("x-amzn-errortype") or headers.get("x-amzn-query-error"):
        return named.split(":")[0].split(";")[0].rsplit("#", 1)[-1]
    if found := re.search(rb"<Code>([^<]+)</Code>", body):
        return found[1].decode()
    try:
        content = cbor2.loads(body) if "cbor" in headers.get("content-type", "") else json.loads(body)
        return str(content.get("__type") or content.get("code") or content.get("Code")).rsplit("#", 1)[-1]
    except Exception:  # an error without a readable code
        return None
