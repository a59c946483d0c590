"""Deployment: stands in for `sam package` and `sam deploy`, against this machine only.

Each function's CodeUri becomes the S3 location of a zip that holds its binary as `bootstrap`; apart from that, the
template is deployed unchanged.
"""

import hashlib
import json
import sys
import time
import urllib.request
from pathlib import Path

from .environment import is_loopback, isolate_client

BUCKET = "local-deployments"
LONGEST_BODY = 51_200  # CloudFormation takes a longer template from S3 only, as `sam deploy` gives it
FUNCTION = "AWS::Serverless::Function"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class Failed(Exception):
    """An error for the caller to read: what failed, and why."""


def main(options) -> int:
    if not is_loopback(options.endpoint):
        print(f"deploy: {options.endpoint} is not this machine; this tool deploys nowhere else", file=sys.stderr)
        return 1
    isolate_client(options.endpoint)
    try:
        code = _pairs(options.code, "--code")
        parameters = _pairs(options.param, "--param")
        outputs = deploy(options.endpoint, options.stack, options.template, code, parameters, options.region)
    except Failed as failure:
        print(f"deploy: {failure}", file=sys.stderr)
        return 1
    print(json.dumps(outputs))
    return 0


def deploy(endpoint: str, stack: str, template: Path, code: dict, parameters: dict, region: str) -> dict[str, str]:
    """Creates or updates a stack, waits for it, and returns its outputs."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    session = boto3.session.Session(region_name=region)
    parsed = read_template(template)
    if code:
        s3 = session.client("s3", endpoint_url=endpoint, config=config)
        s3.create_bucket(Bucket=BUCKET, **({} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}))
    package(parsed, code, endpoint)
    cloudformation = session.client("cloudformation", endpoint_url=endpoint, config=config)
    located = {"TemplateBody": json.dumps(parsed)}
    if code and len(located["TemplateBody"]) > LONGEST_BODY:
        s3.put_object(Bucket=BUCKET, Key=f"{stack}.template", Body=located["TemplateBody"])
        located = {"TemplateURL": f"{endpoint}/{BUCKET}/{stack}.template"}
    return put_stack(cloudformation, stack, located, parameters)


def read_template(path: Path) -> dict:
    """The template as JSON values; !Ref, !Sub and the like in their equivalent long form."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    # A version such as 2012-10-17 is text to CloudFormation, a date to YAML.
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def intrinsic(loader, suffix, node):
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        if suffix == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", intrinsic)
    try:
        return yaml.load(path.read_text(), Loader)  # noqa: S506  a SafeLoader with CloudFormation's tags
    except (OSError, yaml.YAMLError) as error:
        raise Failed(f"{path}: {error}") from error


def package(template: dict, code: dict[str, str], endpoint: str) -> None:
    """Puts each function's binary into the bucket, and its location into the template."""
    functions = {
        name: resource["Properties"]
        for name, resource in template.get("Resources", {}).items()
        if resource.get("Type") == FUNCTION and isinstance(resource.get("Properties", {}).get("CodeUri"), str)
    }
    if missing := sorted(set(functions) - set(code)):
        raise Failed(f"no --code for {', '.join(missing)}")
    if unknown := sorted(set(code) - set(functions)):
        raise Failed(f"--code for {', '.join(unknown)}, which the template does not have")
    for name, properties in functions.items():
        try:
            with open(code[name], "rb") as binary:
                key = f"{name}/{hashlib.file_digest(binary, 'sha256').hexdigest()}"
            wanted = {"bucket": BUCKET, "key": key, "binary": str(Path(code[name]).resolve())}
            local = urllib.request.Request(f"{endpoint}/_local/packages", json.dumps(wanted).encode(), method="POST")
            urllib.request.urlopen(local).close()
        except OSError as error:
            raise Failed(f"{name}: {error}") from error
        properties["CodeUri"] = {"Bucket": BUCKET, "Key": key}


def put_stack(cloudformation, stack: str, located: dict[str, str], parameters: dict[str, str]) -> dict[str, str]:
    from botocore.exceptions import ClientError

    wanted = {
        "StackName": stack,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Capabilities": CAPABILITIES,
    } | located
    try:
        before = _status(cloudformation, stack)
        if before in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"):
            # A stack whose creation failed can only be deleted.
            cloudformation.delete_stack(StackName=stack)
            while _status(cloudformation, stack):
                time.sleep(0.05)
            before = None
        try:
            # By its id from here on: an earlier stack of that name has events as well.
            made = (cloudformation.update_stack if before else cloudformation.create_stack)(**wanted)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
            made = {"StackId": stack}
        while (status := _status(cloudformation, made["StackId"])) and status.endswith("_IN_PROGRESS"):
            time.sleep(0.05)
    except ClientError as error:
        raise Failed(f"{stack}: {error}") from error
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise Failed(f"{stack} is {status}\n{_failures(cloudformation, made['StackId'])}")
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def _status(cloudformation, stack: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    return None if status == "DELETE_COMPLETE" else status


def _failures(cloudformation, stack: str) -> str:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"]]
    failed = [e for e in reversed(events) if "FAILED" in e["ResourceStatus"] or "ROLLBACK_IN_PROGRESS" in e["ResourceStatus"]]
    return "\n".join(
        f"  {e['LogicalResourceId']} ({e.get('ResourceType')}) {e['ResourceStatus']}: {e.get('ResourceStatusReason', 'no reason given')}"
        for e in failed
    )


def _pairs(arguments: list[str], name: str) -> dict[str, str]:
    pairs = {}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not key or not separator:
            raise Failed(f"{name} {argument}: expected NAME=VALUE")
        pairs[key] = value
    return pairs
