"""Timers: callbacks at a time, and at an interval. Each runs on one daemon thread."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("emulator.clock")


class Clock:
    """Runs callbacks at their time on one thread: 250 stopping instances need no 250 timers."""

    def __init__(self, name: str) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def later(self, delay_ms: float, act: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay_ms / 1000, next(self._order), act))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                act = heapq.heappop(self._due)[2]
            guarded(act)


def every(seconds: float, name: str, act: Callable[[], None]) -> None:
    """Calls `act` at this interval; an exception is logged and does not end the timer."""

    def run() -> None:
        while True:
            time.sleep(seconds)
            guarded(act)

    threading.Thread(target=run, name=name, daemon=True).start()


def guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception:
        log.exception("a background act failed")
