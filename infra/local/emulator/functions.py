"""Lambda functions as native processes: their environment, their logs, and asynchronous invocation.

Stands in for Lambda's sandbox (ministack passes the host's environment on), for CloudWatch Logs as a file that
can be followed, and for the queue behind asynchronous invocation.
"""

import contextvars
import functools
import logging
import os
import re
import socketserver
import threading
import time
import uuid
from pathlib import Path

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import embedded
from .clock import guarded
from .environment import DUMMY_SECRET, client_variables

log = logging.getLogger("emulator.functions")
LOGS = Path(os.environ["HOME"]).parent / "logs"
RETRY_WAIT_S = 1  # AWS waits a minute, then two
_request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)


def access_key(function: str) -> str:
    """The dummy access key that names a function in the call log."""
    return "LOCAL" + re.sub(r"[^A-Za-z0-9]", "", function).upper()


def worker_environment(config: dict, code_dir: str, port: int) -> dict[str, str]:
    """The variables of Lambda, of the function's template, and those that keep its SDK on this machine."""
    name, region = config.get("FunctionName", "unknown"), config.get("FunctionArn", "").split(":")[3]
    own = {k: str(v) for k, v in lambda_svc._runtime_env_vars(config).items()}
    return own | {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": os.environ["TMPDIR"],
        "LAMBDA_TASK_ROOT": code_dir,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": config.get("Handler", "bootstrap"),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key(name),
        "AWS_SECRET_ACCESS_KEY": DUMMY_SECRET,
        "AWS_SESSION_TOKEN": "local",
        **client_variables(os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_CONFIG_FILE"], os.environ["AWS_SHARED_CREDENTIALS_FILE"]),
    }


class _Copied:
    """A worker's output, each line of which is also written to a file at once, and its metrics to CloudWatch."""

    def __init__(self, stream, path: Path, function_arn: str) -> None:
        self._stream, self._path, self._function_arn = stream, path, function_arn

    def readline(self) -> bytes:
        line = self._stream.readline()
        if line:
            with open(self._path, "ab") as file:
                file.write(line)
            guarded(functools.partial(embedded.publish, line, self._function_arn))
        return line

    def close(self) -> None:
        self._stream.close()


def _pump(self, stream, log_queue) -> None:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", self.func_name)
    _ministack_pump(self, _Copied(stream, LOGS / f"{name}.log", self.config["FunctionArn"]), log_queue)


def invoke_async(func: dict, event, wait_ms: int | None = None, ended=lambda succeeded, attempts: None) -> None:
    """Returns at once. The event waits for a free slot, is retried when the function fails, keeps its request id
    over the retries, and at last goes to the dead-letter queue. `ended` is called with the result."""
    config = func.get("config") or func
    settings = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    retries = settings.get("MaximumRetryAttempts")
    retries = 2 if retries is None else int(retries)
    oldest = time.monotonic() + int(settings.get("MaximumEventAgeInSeconds") or 21600)
    dead_letters = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or (
        config.get("DeadLetterConfig") or {}
    ).get("TargetArn")

    def deliver():
        _request_id.set(str(uuid.uuid4()))
        attempt, result = 0, {}
        while time.monotonic() < oldest:
            result = lambda_svc._execute_function(func, event)
            if not result.get("error"):
                return ended(True, attempt + 1)
            if result.get("throttle"):
                time.sleep(0.1)  # waits for a slot, which costs no retry
                continue
            log.warning("%s failed: %s", config.get("FunctionName"), result.get("body"))
            if attempt == retries:
                break
            attempt += 1
            time.sleep(RETRY_WAIT_S * attempt if wait_ms is None else wait_ms / 1000)
        ended(False, attempt + 1)
        if dead_letters:
            lambda_svc._run_with_function_config_scope(
                config, lambda_svc._route_async_failure, dead_letters, config.get("FunctionName", ""), event, result
            )
        return None

    # In a copy of the context, so that the caller's Region and account apply in the thread as well.
    threading.Thread(target=contextvars.copy_context().run, args=(deliver,), daemon=True).start()


def invoke_async_by_arn(arn: str, event, **how) -> None:
    """`invoke_async` by the function's ARN. Raises LookupError if there is no such function."""
    func, config = found(arn)
    invoke_async(lambda_svc._execution_record_for_config(func, config), event, **how)


def found(arn: str) -> tuple[dict, dict]:
    """A function's record and configuration; LookupError if there is no such function."""
    func, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        raise LookupError(f"function not found: {arn}")
    return func, config


def kill(caller: str | None) -> None:
    """Kills every process of the function with this access key, as if its machine had failed. Only processes that
    this module started are known to it."""
    workers = [worker for pool in list(lambda_runtime._workers.values()) for worker in list(pool)]
    processes = [w._proc for w in workers if w._proc is not None and access_key(w.func_name) == caller]
    for process in processes:
        process.kill()
    for process in processes:
        process.wait(5)


@functools.wraps(lambda_svc._execute_function_dispatch)
def _dispatch(func, config, event, request_id, started):
    """Keeps the request id over retries, as Lambda does; ministack makes a new one per attempt."""
    return _ministack_dispatch(func, config, event, _request_id.get() or request_id, started)


_ministack_pump = lambda_runtime.ProvidedWorker._pump_output
_ministack_dispatch = lambda_svc._execute_function_dispatch


def install() -> None:
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True  # Nagle costs 40 ms per warm invocation
    lambda_svc._provided_worker_env = worker_environment
    lambda_svc.invoke_async_with_retry = invoke_async
    lambda_svc._execute_function_dispatch = _dispatch
    lambda_runtime.ProvidedWorker._pump_output = _pump
