"""Puts the emulators and the stand-ins together. Importing this imports ministack and moto."""

import ministack.app
from ministack.core import hypercorn_compat

from . import (
    alarms,
    databases,
    deliveries,
    distributions,
    functions,
    groups,
    healthchecks,
    instances,
    keys,
    metrics,
    mutes,
    paging,
    properties,
    schedules,
    stacks,
    streams,
)
from .gateway import Gateway


def assemble() -> Gateway:
    hypercorn_compat.install()
    # Scripts of a LocalStack set-up on the host must not run here.
    ministack.app._collect_scripts = lambda *_paths: []
    for part in (
        instances, groups, paging, functions, schedules, deliveries, metrics, mutes, alarms, healthchecks,
        keys, properties, stacks, streams, distributions, databases,
    ):  # fmt: skip
        part.install()
    return Gateway(ministack.app.app)
