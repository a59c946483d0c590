"""Packages: the zip of a function's code, put into its bucket by its path on this machine.

Stands in for the upload of `sam package`. Debug binaries have 50 MB each; through the emulator's port, six of them
took longer than everything else in a deployment.
"""

import io
import zipfile
from pathlib import Path

from ministack.services import s3


def put(bucket: str, key: str, binary: str) -> dict:
    """Puts a zip that holds this binary as `bootstrap` into the bucket."""
    status, _, answer = s3._put_object(bucket, key, zipped(Path(binary).read_bytes()), {})
    if status != 200:
        raise ValueError(f"s3://{bucket}/{key}: {answer!r}")
    return {"bucket": bucket, "key": key}


def zipped(binary: bytes) -> bytes:
    """A zip with an executable `bootstrap`; not compressed, since it stays on this machine."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(2000, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.create_system = 3  # Unix, or the mode does not count
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, binary)
    return target.getvalue()
