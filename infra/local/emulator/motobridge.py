"""moto without a socket: requests from the gateway, and boto3 clients for this package.

moto's models are not made for threads, so that one lock covers every call and every transition.
"""

import io
import threading
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .environment import DUMMY_SECRET

LOCK = threading.RLock()
_APP = DomainDispatcherApplication(create_backend_app)
_CLIENTS: dict[tuple[str, str], object] = {}


def call(method: str, path: str, query: str, headers: dict[str, str], body: bytes):
    """One HTTP request to moto, in process: (status, headers, body)."""
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(), "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False, "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": headers.get("content-type", ""),
    }  # fmt: skip
    environ |= {"HTTP_" + k.upper().replace("-", "_"): v for k, v in headers.items() if not k.startswith("content-")}
    answer: dict = {}

    def start(status, answer_headers, _error=None):
        answer.update(status=int(status.split()[0]), headers=answer_headers)

    with LOCK:
        content = b"".join(_APP(environ, start))
    return answer["status"], answer["headers"], content


class _Raw(io.BytesIO):
    """A body as botocore expects to read it."""

    def stream(self, *_args, **_kwargs):
        while chunk := self.read(65536):
            yield chunk


def client(service: str, region: str):
    """A boto3 client whose requests go straight to moto: not through the port, and not into the call log."""

    def send(request, **_kwargs):
        headers = {k.lower(): v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
        parts = urlsplit(request.url)
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        headers.setdefault("host", parts.netloc)
        status, answered, content = call(request.method, parts.path or "/", parts.query, headers, body)
        return AWSResponse(request.url, status, dict(answered), _Raw(content))

    with LOCK:
        if (service, region) not in _CLIENTS:
            made = boto3.session.Session().client(
                service, region_name=region, aws_access_key_id="LOCALSTACKS", aws_secret_access_key=DUMMY_SECRET
            )
            made.meta.events.register("before-send", send)
            _CLIENTS[(service, region)] = made
        return _CLIENTS[(service, region)]
