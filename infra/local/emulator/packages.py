"""Packages: the zip of a function's code, put into its bucket by its path on this machine.

Stands in for the upload of `sam package`. Debug binaries have 50 MB each, and ministack keeps every zip in memory and
unpacks it: the zip holds a `bootstrap` that becomes the binary where cargo left it.
"""

import io
import os
import shlex
import zipfile
from pathlib import Path

from ministack.services import s3


def put(bucket: str, key: str, binary: str) -> dict:
    """Puts a zip whose `bootstrap` is this binary into the bucket."""
    if not os.access(binary, os.X_OK):
        raise ValueError(f"{binary} is no file that can be executed")
    status, _, answer = s3._put_object(bucket, key, zipped(Path(binary).resolve(strict=True)), {})
    if status != 200:
        raise ValueError(f"s3://{bucket}/{key}: {answer!r}")
    return {"bucket": bucket, "key": key}


def zipped(binary: Path) -> bytes:
    """A zip with an executable `bootstrap`, which replaces itself by the binary and so keeps its process id. Another build of
    the binary is another zip."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(2000, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.create_system = 3  # Unix, or the mode does not count
    stat = binary.stat()
    script = f"#!/bin/sh\n# {stat.st_size} bytes, {stat.st_mtime_ns}\nexec {shlex.quote(str(binary))}\n"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, script)
    return target.getvalue()
