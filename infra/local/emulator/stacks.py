"""CloudFormation: EC2, Auto Scaling and ELB resources are created in moto.

ministack provisions them in its own emulations, which no call would ever see here, because the calls of these
services go to moto.
"""

import re

from ministack.core.responses import get_region
from ministack.services.cloudformation import provisioners

from . import motobridge


def ec2():
    return motobridge.client("ec2", get_region())


def autoscaling():
    return motobridge.client("autoscaling", get_region())


def elb():
    return motobridge.client("elbv2", get_region())


def _tags(props: dict, kind: str) -> list[dict]:
    tags = [{"Key": t["Key"], "Value": str(t["Value"])} for t in props.get("Tags") or []]
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def _yes(value) -> bool:
    return str(value).lower() == "true"


def _kept(props: dict, *names: str) -> dict:
    return {name: props[name] for name in names if props.get(name) not in (None, "", [])}


def _typed(value):
    """Converts a template's strings into the numbers and booleans that an API needs."""
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_typed(v) for v in value]
    if value in ("true", "false"):
        return value == "true"
    return value


def instance_create(logical_id, props, stack):
    wanted = _kept(props, "ImageId", "InstanceType", "SubnetId", "SecurityGroupIds", "UserData", "KeyName", "LaunchTemplate")
    if zone := props.get("AvailabilityZone"):
        wanted["Placement"] = {"AvailabilityZone": zone}
    if devices := props.get("BlockDeviceMappings"):
        wanted["BlockDeviceMappings"] = _typed(devices)
        for device in wanted["BlockDeviceMappings"]:
            if "VolumeSize" in device.get("Ebs", {}):
                device["Ebs"]["VolumeSize"] = int(device["Ebs"]["VolumeSize"])
    if "SubnetId" not in wanted and "Placement" not in wanted:
        wanted["SubnetId"] = default_subnets()[0]
    made = ec2().run_instances(
        MinCount=1, MaxCount=1, TagSpecifications=_tags(props, "instance"), **({"ImageId": "ami-12c6146b"} | wanted)
    )["Instances"][0]
    if _yes(props.get("DisableApiStop")):
        ec2().modify_instance_attribute(InstanceId=made["InstanceId"], DisableApiStop={"Value": True})
    zone = made["Placement"]["AvailabilityZone"]
    return made["InstanceId"], {"InstanceId": made["InstanceId"], "AvailabilityZone": zone, "PrivateIp": made.get("PrivateIpAddress", ""),
                                "VpcId": made.get("VpcId", "")}  # fmt: skip


def instance_update(physical_id, old, new, stack):
    """An update in place changes tags only."""
    gone = {t["Key"] for t in old.get("Tags") or []} - {t["Key"] for t in new.get("Tags") or []}
    if gone:
        ec2().delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])
    for spec in _tags(new, "instance"):
        ec2().create_tags(Resources=[physical_id], Tags=spec["Tags"])
    return physical_id, {"InstanceId": physical_id}


def template_create(logical_id, props, stack):
    name = props.get("LaunchTemplateName") or provisioners._physical_name(stack, logical_id)
    made = ec2().create_launch_template(LaunchTemplateName=name, LaunchTemplateData=_typed(props["LaunchTemplateData"]))
    made = made["LaunchTemplate"]
    return made["LaunchTemplateId"], {"LaunchTemplateId": made["LaunchTemplateId"], "LaunchTemplateName": name, "DefaultVersionNumber": "1",
                                      "LatestVersionNumber": "1"}  # fmt: skip


def group_create(logical_id, props, stack):
    name = props.get("AutoScalingGroupName") or provisioners._physical_name(stack, logical_id, max_len=255)
    wanted = _kept(props, "LaunchTemplate", "LaunchConfigurationName", "AvailabilityZones", "HealthCheckType")
    if arns := props.get("TargetGroupARNs"):
        wanted["TargetGroupARNs"] = arns
    zones = props.get("VPCZoneIdentifier")
    if not zones and "AvailabilityZones" not in wanted:
        zones = default_subnets()
    if zones:
        wanted["VPCZoneIdentifier"] = ",".join(zones) if isinstance(zones, list) else zones
    tags = [
        {"Key": t["Key"], "Value": str(t["Value"]), "PropagateAtLaunch": _yes(t.get("PropagateAtLaunch", False)),
         "ResourceId": name, "ResourceType": "auto-scaling-group"}
        for t in props.get("Tags") or []
    ]  # fmt: skip
    smallest = int(props["MinSize"])
    autoscaling().create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=smallest, MaxSize=int(props["MaxSize"]),
        DesiredCapacity=int(props.get("DesiredCapacity", smallest)), Tags=tags, **wanted,
    )  # fmt: skip
    return name, {}


def group_update(physical_id, old, new, stack):
    sizes = {k: int(new[k]) for k in ("MinSize", "MaxSize", "DesiredCapacity") if k in new}
    autoscaling().update_auto_scaling_group(AutoScalingGroupName=physical_id, **sizes)
    return physical_id, {}


def balancer_create(logical_id, props, stack):
    name = props.get("Name") or provisioners._physical_name(stack, logical_id, lowercase=True, max_len=32)
    subnets = props.get("Subnets") or default_subnets()
    made = elb().create_load_balancer(Name=name, Subnets=subnets, **_kept(props, "Scheme", "Type", "SecurityGroups"))
    made = made["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    return arn, {"LoadBalancerArn": arn, "DNSName": made["DNSName"], "LoadBalancerName": name,
                 "LoadBalancerFullName": arn.split(":loadbalancer/")[-1]}  # fmt: skip


def targets_create(logical_id, props, stack):
    name = props.get("Name") or provisioners._physical_name(stack, logical_id, lowercase=True, max_len=32)
    vpc = props.get("VpcId") or ec2().describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    wanted = _kept(props, "Protocol", "TargetType", "HealthCheckPath", "HealthCheckProtocol", "HealthCheckPort")
    made = elb().create_target_group(Name=name, Port=int(props.get("Port", 80)), VpcId=vpc, **({"Protocol": "HTTP"} | wanted))
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    if targets := props.get("Targets"):
        elb().register_targets(
            TargetGroupArn=arn, Targets=[{k: int(v) if k == "Port" else v for k, v in t.items()} for t in targets]
        )
    return arn, {"TargetGroupArn": arn, "TargetGroupName": name, "TargetGroupFullName": arn.split(":")[-1]}


def listener_create(logical_id, props, stack):
    made = elb().create_listener(
        LoadBalancerArn=props["LoadBalancerArn"], Protocol=props.get("Protocol", "HTTP"), Port=int(props.get("Port", 80)),
        DefaultActions=_typed(props["DefaultActions"]),
    )  # fmt: skip
    arn = made["Listeners"][0]["ListenerArn"]
    return arn, {"ListenerArn": arn}


def vpc_create(logical_id, props, stack):
    made = ec2().create_vpc(CidrBlock=props.get("CidrBlock", "10.0.0.0/16"), TagSpecifications=_tags(props, "vpc"))["Vpc"]
    return made["VpcId"], {"VpcId": made["VpcId"], "CidrBlock": made["CidrBlock"]}


def subnet_create(logical_id, props, stack):
    made = ec2().create_subnet(TagSpecifications=_tags(props, "subnet"), **_kept(props, "VpcId", "CidrBlock", "AvailabilityZone"))
    made = made["Subnet"]
    return made["SubnetId"], {"SubnetId": made["SubnetId"], "VpcId": made["VpcId"], "AvailabilityZone": made["AvailabilityZone"]}


def security_group_create(logical_id, props, stack):
    name = props.get("GroupName") or provisioners._physical_name(stack, logical_id)
    made = ec2().create_security_group(GroupName=name, Description=props["GroupDescription"], **_kept(props, "VpcId"))
    return made["GroupId"], {"GroupId": made["GroupId"], "VpcId": props.get("VpcId", "")}


def default_subnets() -> list[str]:
    found = ec2().describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    return [subnet["SubnetId"] for subnet in sorted(found, key=lambda subnet: subnet["AvailabilityZone"])]


def _delete(remove):
    """Deleting a resource that is already gone succeeds, as in CloudFormation."""

    def delete(physical_id, props):
        try:
            remove(physical_id)
        except Exception as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if not re.search(r"NotFound|ValidationError", code):
                raise

    return delete


MOTO = {
    "AWS::EC2::Instance": (instance_create, instance_update, lambda i: ec2().terminate_instances(InstanceIds=[i])),
    "AWS::EC2::LaunchTemplate": (template_create, None, lambda i: ec2().delete_launch_template(LaunchTemplateId=i)),
    "AWS::EC2::VPC": (vpc_create, None, lambda i: ec2().delete_vpc(VpcId=i)),
    "AWS::EC2::Subnet": (subnet_create, None, lambda i: ec2().delete_subnet(SubnetId=i)),
    "AWS::EC2::SecurityGroup": (security_group_create, None, lambda i: ec2().delete_security_group(GroupId=i)),
    "AWS::AutoScaling::AutoScalingGroup": (
        group_create, group_update,
        lambda i: autoscaling().delete_auto_scaling_group(AutoScalingGroupName=i, ForceDelete=True),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (balancer_create, None, lambda i: elb().delete_load_balancer(LoadBalancerArn=i)),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (targets_create, None, lambda i: elb().delete_target_group(TargetGroupArn=i)),
    "AWS::ElasticLoadBalancingV2::Listener": (listener_create, None, lambda i: elb().delete_listener(ListenerArn=i)),
}  # fmt: skip


def install() -> None:
    for kind, (create, update, remove) in MOTO.items():
        handler = {"create": create, "delete": _delete(remove)}
        if update:
            handler["update"] = update
        provisioners._RESOURCE_HANDLERS[kind] = handler
