"""Gateway: each request is identified, logged, perhaps hit by a fault, and answered by ministack or moto."""

import asyncio
import concurrent.futures
import logging

from . import control, functions, motobridge
from .calls import Call, CallLog, now_ms
from .faults import Answer, Fault, Faults, error_answer, error_code
from .identify import Request, identify

# What ministack does too thinly for a drill (its EC2 DryRun stops the instance) is moto's.
MOTO_SERVICES = {"ec2", "autoscaling", "elasticloadbalancing"}

log = logging.getLogger("emulator.gateway")


class Gateway:
    """An ASGI application around ministack's."""

    def __init__(self, ministack) -> None:
        self._ministack = ministack
        # moto works under one lock: more threads would only wait, and ministack's pool must stay free of them.
        self._moto = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")
        self.calls = CallLog()
        self.faults = Faults()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self._ministack(scope, receive, send)
        body = await _read(receive)
        headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope["query_string"].decode()
        if scope["path"].startswith("/_local/"):
            return await _answer(send, *control.handle(self, scope["method"], scope["path"], query, body))
        request = identify(scope["method"], scope["path"], query, headers, body)
        if request is None:
            return await self._ministack(scope, _replay(body, receive), send)
        call = self.calls.arrived(
            caller=request.caller, service=request.service, action=request.action, region=request.region,
            dryRun=request.dry_run, mutating=request.mutating, resource=request.resource, detail=request.detail,
        )  # fmt: skip
        answer = await self._with_faults(scope, receive, headers, body, request, call)
        if answer is not None:
            call.status = answer[0]
            if answer[0] >= 400:
                call.code = error_code({k.decode().lower(): v.decode("latin-1") for k, v in answer[1]}, answer[2])
        call.done = now_ms()
        if answer is None:
            # A lost answer: the caller has hung up, or waits only for the connection to end.
            answer = 500, [], b""
        await _answer(send, *answer)

    async def _with_faults(self, scope, receive, headers, body, request: Request, call: Call) -> Answer | None:
        fault: Fault | None = self.faults.hit(request)
        if fault is None:
            return await self._carry_out(scope, receive, headers, body, request)
        call.fault = fault.id
        if fault.kind == "race":
            await self._update_first(scope, receive, request, fault)
            return await self._carry_out(scope, receive, headers, body, request)
        if fault.kind == "delay":
            await asyncio.sleep(fault.hangMs / 1000)
        if fault.when == "after" or fault.kind == "delay":
            answer = await self._carry_out(scope, receive, headers, body, request)
            if fault.kind == "delay":
                return answer
        if fault.kind == "kill":
            await asyncio.get_running_loop().run_in_executor(None, functions.kill, request.caller)
            return None
        if fault.kind == "hang":
            await _until_gone(receive, fault.hangMs / 1000)
            return None
        return error_answer(fault, request)

    async def _update_first(self, scope, receive, request: Request, fault: Fault) -> None:
        """Somebody else reads the resource of a REST call at its path, and writes it with the fault's text replaced."""
        kept = [(k, v) for k, v in scope["headers"] if k.lower() not in (b"content-length", b"if-match")]
        there = {**scope, "headers": kept, "method": "GET"}
        _, headers, content = await self._carry_out(there, receive, {}, b"", request)
        changed = content.replace(fault.find.encode(), fault.put.encode())
        if changed == content:
            raise ValueError(f"fault {fault.id}: {fault.find!r} is not in what {request.action} updates: {content!r}")
        etag = next(v for k, v in headers if k.lower() == b"etag")
        there = {**scope, "headers": [*kept, (b"if-match", etag), (b"content-length", str(len(changed)).encode())]}
        status, _, answer = await self._carry_out(there, receive, {}, changed, request)
        if status >= 400:
            raise ValueError(f"fault {fault.id}: the other update is refused: {answer!r}")

    async def _carry_out(self, scope, receive, headers, body, request: Request) -> Answer:
        if request.service in MOTO_SERVICES:
            loop = asyncio.get_running_loop()
            arguments = scope["method"], scope["path"], scope["query_string"].decode(), headers, body
            status, answered, content = await loop.run_in_executor(self._moto, motobridge.call, *arguments)
            return status, [(k.lower().encode(), v.encode()) for k, v in answered], content
        collected: dict = {"status": 500, "headers": [], "body": []}

        async def collect(message) -> None:
            if message["type"] == "http.response.start":
                collected.update(status=message["status"], headers=list(message.get("headers") or []))
            elif message["type"] == "http.response.body":
                collected["body"].append(message.get("body", b""))

        await self._ministack(scope, _replay(body, receive), collect)
        return collected["status"], collected["headers"], b"".join(collected["body"])


async def _read(receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive):
    """A `receive` that gives a body again that was read already."""
    sent = False

    async def again():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _until_gone(receive, seconds: float) -> None:
    """Waits until the caller has hung up, or until the time is over."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        pass


async def _answer(send, status: int, headers, body: bytes) -> None:
    kept = [(k, v) for k, v in headers if k.lower() not in (b"content-length", b"connection", b"transfer-encoding")]
    if not any(k.lower() == b"content-length" for k, _ in headers) or body:
        kept.append((b"content-length", str(len(body)).encode()))
    else:
        # The answer to a HEAD: a length, and no body.
        kept += [(k, v) for k, v in headers if k.lower() == b"content-length"]
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body})
