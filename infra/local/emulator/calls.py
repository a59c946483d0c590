"""The call log: each call's caller, action, time of arrival, time of its answer, and answer."""

import threading
import time
from collections import deque
from dataclasses import asdict, dataclass

LIMIT = 100_000


@dataclass
class Call:
    """One call, with the field names of `/_local/calls`."""

    n: int
    at: int
    done: int | None
    caller: str | None
    service: str
    action: str
    region: str | None
    dryRun: bool
    mutating: bool
    resource: str | None
    # What else tells calls of one kind apart: the keys of a table's items, the state that an alarm is set to.
    detail: str | None = None
    status: int | None = None
    code: str | None = None
    fault: str | None = None


class CallLog:
    """The latest calls, bounded. Numbers never repeat, so that a reader sees when it has missed some."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=LIMIT)
        self._lock = threading.Lock()
        self._n = 0

    def arrived(self, **what) -> Call:
        with self._lock:
            self._n += 1
            call = Call(n=self._n, at=now_ms(), done=None, **what)
            self._calls.append(call)
            return call

    def since(self, n: int) -> list[dict]:
        """The calls with a number greater than `n`, oldest first."""
        with self._lock:
            first = self._calls[0].n if self._calls else 0
            skip = max(0, n + 1 - first)
            return [asdict(self._calls[i]) for i in range(skip, len(self._calls))]


def now_ms() -> int:
    return time.time_ns() // 1_000_000
