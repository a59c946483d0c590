"""Server: the emulator's process, with one port, one line on stdout, and an end that leaves nothing behind.

It ends when its standard input does. The parent holds that pipe, so that even a parent that was killed
takes the emulator with it.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

from .environment import isolate_server


def serve(port: int, directory: Path, watch_stdin: bool) -> int:
    own_group()
    directory = directory.resolve()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"emulator: port {port}: {error.strerror}", file=sys.stderr)
        return 1
    endpoint = isolate_server(directory, listener.getsockname()[1])
    terminal = os.dup(1)
    to_log_file(directory / "logs" / "emulator.log")
    guard_group()
    try:
        asyncio.run(run(listener, endpoint, terminal, watch_stdin))
    except BaseException:
        logging.exception("the emulator failed")
    return leave(1)


def own_group() -> None:
    """Makes this process the leader of a group: Ctrl-C goes to the parent only, and all children end with us."""
    try:
        os.setsid()
    except PermissionError:
        pass  # the parent made us the leader of a group already


def to_log_file(path: Path) -> None:
    """Sends all output of this process and its children to the log file, never to the terminal."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)


def guard_group() -> None:
    """Starts a shell that kills our process group once its input ends, which happens however this process dies."""
    script = 'read -r _; n=0; while kill -9 -- "-$1" 2>/dev/null && [ $n -lt 20 ]; do n=$((n+1)); sleep 0.1; done'
    theirs, ours = os.pipe()
    subprocess.Popen(
        ["/bin/sh", "-c", script, "emulator-guard", str(os.getpgrp())],
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)  # and `ours` stays open until this process is gone


async def run(listener: socket.socket, endpoint: str, terminal: int, watch_stdin: bool) -> None:
    # Imported only now, because ministack reads the environment during its import.
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    from .assembly import assemble

    gateway = assemble()
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if watch_stdin:
        threading.Thread(target=until_stdin_ends, args=(loop, ended), daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog, config.errorlog = None, logging.getLogger("hypercorn")
    config.graceful_timeout, config.shutdown_timeout = 0.1, 2
    config.keep_alive_timeout = 3600
    server = asyncio.create_task(hypercorn(gateway, config, shutdown_trigger=asyncio.Event().wait))
    announcement = asyncio.create_task(announce(endpoint, terminal))
    end_requested = asyncio.create_task(ended.wait())
    await asyncio.wait({server, end_requested}, return_when=asyncio.FIRST_COMPLETED)
    announcement.cancel()
    if end_requested.done():
        leave(0)
    server.result()  # raises the server's exception, if any


def leave(status: int) -> NoReturn:
    """Ends at once: there is nothing to save, and an orderly exit would wait for every thread and connection."""
    end_workers()
    logging.shutdown()
    os._exit(status)


def until_stdin_ends(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # a missing standard input counts as ended
    loop.call_soon_threadsafe(ended.set)


async def announce(endpoint: str, terminal: int) -> None:
    """Prints one JSON line once the port answers."""
    port = int(endpoint.rsplit(":", 1)[1])
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /_local/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if answer.startswith(b"HTTP/1.1 200"):
                break
        except OSError:
            pass
        await asyncio.sleep(0.01)
    os.write(terminal, (json.dumps({"endpoint": endpoint, "pid": os.getpid()}) + "\n").encode())
    os.close(terminal)


def end_workers() -> None:
    """Ends every function's process, and waits for it."""
    runtime = sys.modules.get("ministack.core.lambda_runtime")
    if runtime is None:
        return
    processes = [w._proc for workers in list(runtime._workers.values()) for w in workers if w._proc]
    for process in processes:
        process.kill()
    for process in processes:
        process.wait(1)
