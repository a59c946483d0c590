"""Environments: each process here gets its own, with nothing of the host's but the path of its folder.

An `AWS_PROFILE`, a proxy or an endpoint of the host must never reach an emulator, a function or a
deployment, so the environment is replaced as a whole rather than filtered.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

ACCOUNT = "123456789012"
REGION = "us-east-1"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
DUMMY_KEY = "LOCALOPERATOR"
DUMMY_SECRET = "local"


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is plain HTTP on this machine; anything else could be the real AWS."""
    try:
        parts = urlsplit(endpoint)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and parts.port is not None and not parts.username
    except ValueError:
        return False


def client_variables(endpoint: str, config: str, credentials: str) -> dict[str, str]:
    """The variables that keep any AWS SDK on this machine. The two files are empty, so that there is no profile."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": config,
        "AWS_SHARED_CREDENTIALS_FILE": credentials,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def isolate_client(endpoint: str) -> None:
    """Sets the environment of a short-lived client (deploy, selfcheck): dummy keys, no profile, no proxy."""
    os.environ.clear()
    os.environ.update(
        client_variables(endpoint, os.devnull, os.devnull),
        AWS_ACCESS_KEY_ID=DUMMY_KEY,
        AWS_SECRET_ACCESS_KEY=DUMMY_SECRET,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        PATH="/usr/local/bin:/usr/bin:/bin",
    )


def isolate_server(directory: Path, port: int) -> str:
    """Sets the environment of the emulator: the same, and every file that it writes is under `directory`."""
    endpoint = f"http://127.0.0.1:{port}"
    for name in ("home", "tmp", "logs", "state"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    config, credentials = directory / "aws-config", directory / "aws-credentials"
    for file in (config, credentials):
        file.write_text("")
    os.environ.clear()
    os.environ.update(
        client_variables(endpoint, str(config), str(credentials)),
        AWS_ACCESS_KEY_ID="LOCALEMULATOR",
        AWS_SECRET_ACCESS_KEY=DUMMY_SECRET,
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        PATH="/usr/local/bin:/usr/bin:/bin",
        LANG="C.UTF-8",
        HOME=str(directory / "home"),
        TMPDIR=str(directory / "tmp"),
        # By default ministack listens on all interfaces, offers IoT and SFTP and removes Docker containers.
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_REGION=REGION,
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        STATE_DIR=str(directory / "state"),
        S3_DATA_DIR=str(directory / "state" / "s3"),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        DOCKER_HOST=f"unix://{directory}/no-docker.sock",
        MOTO_ACCOUNT_ID=ACCOUNT,
    )
    return endpoint
