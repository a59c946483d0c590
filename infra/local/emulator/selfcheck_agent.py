"""Checks the agent in the bookstore's user data: it signs as AWS's SDK does, and publishes what it measured.

Run by itself: the template's path is its argument.
"""

import http.server
import json
import queue
import re
import sys
import textwrap
import threading
import urllib.parse
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from botocore import auth, awsrequest, credentials

VALUES = {"AlarmPeriodSeconds": "0.1", "AWS::Region": "eu-west-2", "AWS::URLSuffix": "amazonaws.com", "CdnHost": "", "ClusterHost": ""}
KEYS = {"AccessKeyId": "AKID", "SecretAccessKey": "a/secret+key", "Token": "a/token+=="}
NOW = datetime(2026, 11, 23, 23, 42, 55, tzinfo=UTC)


def agents(template: Path) -> list[str]:
    """The agent of each instance, as CloudFormation fills it in."""
    found = re.findall(r"cat > /usr/local/bin/publish <<'END'\n(.*?)\n +END\n", template.read_text(), re.S)
    return [re.sub(r"\$\{([\w:]+)\}", lambda name: VALUES[name[1]], textwrap.dedent(text)) for text in found]


class Stands(http.server.BaseHTTPRequestHandler):
    """The metadata service and CloudWatch."""

    def do_PUT(self):
        assert self.path == "/latest/api/token", self.path
        self.answer("a token")

    def do_GET(self):
        assert self.headers["X-aws-ec2-metadata-token"] == "a token"
        roles = "/latest/meta-data/iam/security-credentials/"
        self.answer({roles: "a-role", roles + "a-role": json.dumps(KEYS)}[self.path])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.put((self.headers, body))
        self.answer("")

    def answer(self, text: str):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def check_signature(agent: str) -> None:
    functions = {"__name__": "agent"}
    exec(agent.partition("\nwhile True:")[0], functions)  # noqa: S102  our own template
    body = "Action=PutMetricData&Version=2010-08-01"
    ours = functions["signed"](body, KEYS, NOW)
    sent = {name: value for name, value in ours.items() if name == "content-type"}
    request = awsrequest.AWSRequest("POST", functions["CLOUDWATCH"] + "/", sent, body)
    signer = auth.SigV4Auth(credentials.Credentials(*KEYS.values()), "monitoring", "eu-west-2")
    with mock.patch.object(auth, "get_current_datetime", lambda *_, **__: NOW.replace(tzinfo=None)):
        signer.add_auth(request)
    assert ours["authorization"] == request.headers["Authorization"], (ours, dict(request.headers))


def check_published(agent: str, color: str) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stands)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    server.asked = queue.Queue()
    variables = {"AWS_ENDPOINT_URL": here, "AWS_EC2_METADATA_SERVICE_ENDPOINT": here}
    with mock.patch.dict("os.environ", variables):
        threading.Thread(target=exec, args=(agent, {"__name__": "agent"}), daemon=True).start()
        headers, body = server.asked.get(timeout=120)
        server.asked.get(timeout=120)  # and goes on
    fields = dict(urllib.parse.parse_qsl(body))
    value = fields.pop("MetricData.member.1.Value")
    assert value in ("0", "1"), value  # whether something answers on port 8080 of this machine
    assert fields == {
        "Action": "PutMetricData", "Version": "2010-08-01", "Namespace": "Bookstore",
        "MetricData.member.1.MetricName": "instance-up", "MetricData.member.1.Dimensions.member.1.Name": "Host",
        "MetricData.member.1.Dimensions.member.1.Value": color, "MetricData.member.1.StorageResolution": "1",
    }, fields  # fmt: skip
    assert headers["X-Amz-Security-Token"] == KEYS["Token"], headers
    assert "/monitoring/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in headers["Authorization"]


def main() -> None:
    found = agents(Path(sys.argv[1]))
    assert len(found) == 2, len(found)
    for agent, color in zip(found, ("blue", "green"), strict=True):
        check_signature(agent)
        check_published(agent, color)


if __name__ == "__main__":
    main()
