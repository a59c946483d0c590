"""Transitions: how long state changes take that take minutes at AWS. `PUT /_local/transitions` changes them."""

_ms = {
    "stopMs": 2000,  # stopping -> stopped
    "startMs": 1500,  # pending -> running
    "statusChecksMs": 500,  # running -> both status checks ok
    "replaceMs": 3000,  # an Auto Scaling group's new member: launched -> InService
    "alarmMs": 1000,  # from one evaluation of a metric alarm to the next; a forced state lasts no longer
    "edgeMs": 3000,  # a distribution's change: accepted -> the edges serve it
    "deployMs": 5000,  # the same: accepted -> Deployed
    "writerMs": 2000,  # a database's failover: accepted -> the new writer takes connections
    "failoverMs": 4000,  # the same: accepted -> available
    "zoneMs": 1000,  # a Multi-AZ instance: available again -> its zones are reported as exchanged
    "coolDownMs": 0,  # within this time after a failover, the next one is accepted and dropped
    "snsRetryMs": 1000,  # from one attempt to deliver a message to a function to the next
}


def ms(name: str) -> int:
    return _ms[name]


def current() -> dict[str, int]:
    return dict(_ms)


def change(new: dict[str, int]) -> dict[str, int]:
    """Applies to transitions from now on; those under way keep their times."""
    for name, value in new.items():
        if name not in _ms or not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name}: one of {', '.join(_ms)}, in milliseconds, not negative")
    _ms.update(new)
    return current()
