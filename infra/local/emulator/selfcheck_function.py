"""The self-check's function, without a runtime library: logs its environment and each event, writes a row,
prints, fails or sleeps when the event says so.
"""

import json
import os
import time
import urllib.request

import boto3

base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
print("environment " + json.dumps(dict(os.environ)), flush=True)
while True:
    with urllib.request.urlopen(base + "next") as answer:
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(answer.read())
    print("event " + json.dumps([request_id, event]), flush=True)
    if "Records" in event:  # from SNS: the message says what to do
        event = json.loads(event["Records"][0]["Sns"]["Message"])
    time.sleep(event.get("sleep", 0))
    if "print" in event:
        print(json.dumps(event["print"]), flush=True)
    if event.get("write"):
        boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item={"pk": {"S": request_id}})
    if event.get("fail"):
        kind, body = "error", {"errorType": "Told", "errorMessage": "to fail"}
    else:
        kind, body = "response", event
    urllib.request.urlopen(urllib.request.Request(base + request_id + "/" + kind, json.dumps(body).encode())).read()
