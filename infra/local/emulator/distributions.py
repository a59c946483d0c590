"""CloudFront distributions: a change takes time; it is InProgress, then reaches the edges, then is Deployed.

ministack applies an update in an instant, knows no edges, keeps a template's configuration without the members
that CloudFront fills in, accepts a cache behaviour without an origin, and has a code of its own for the tags of what does
not exist. Stands in for the deployment to the edges.
"""

import functools
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import fromstring
from ministack.services import cloudfront

from .clock import Clock
from .properties import after
from .transitions import ms

NONE = "<Quantity>0</Quantity>"
GET_AND_HEAD = "<Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items>"
# CloudFront's defaults for what a request leaves out. An update must send all of them, because it replaces the whole.
FILLED_IN = {
    "DistributionConfig": f"""<Aliases>{NONE}</Aliases><DefaultRootObject/><OriginGroups>{NONE}</OriginGroups>
        <CacheBehaviors>{NONE}</CacheBehaviors><CustomErrorResponses>{NONE}</CustomErrorResponses><Comment/>
        <Logging><Enabled>false</Enabled><IncludeCookies>false</IncludeCookies><Bucket/><Prefix/></Logging>
        <PriceClass>PriceClass_All</PriceClass><Enabled>true</Enabled><ViewerCertificate>
        <CloudFrontDefaultCertificate>true</CloudFrontDefaultCertificate><SSLSupportMethod>vip</SSLSupportMethod>
        <MinimumProtocolVersion>TLSv1</MinimumProtocolVersion><CertificateSource>cloudfront</CertificateSource>
        </ViewerCertificate><Restrictions><GeoRestriction><RestrictionType>none</RestrictionType>{NONE}</GeoRestriction>
        </Restrictions><WebACLId/><HttpVersion>http2</HttpVersion><IsIPV6Enabled>false</IsIPV6Enabled>
        <ContinuousDeploymentPolicyId/><Staging>false</Staging>""",
    "Origin": f"""<OriginPath/><CustomHeaders>{NONE}</CustomHeaders><ConnectionAttempts>3</ConnectionAttempts>
        <ConnectionTimeout>10</ConnectionTimeout><OriginShield><Enabled>false</Enabled></OriginShield>
        <OriginAccessControlId/>""",
    "CustomOriginConfig": """<HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginSslProtocols><Quantity>3</Quantity><Items>
        <SslProtocol>TLSv1</SslProtocol><SslProtocol>TLSv1.1</SslProtocol><SslProtocol>TLSv1.2</SslProtocol></Items>
        </OriginSslProtocols><OriginReadTimeout>30</OriginReadTimeout><OriginKeepaliveTimeout>5</OriginKeepaliveTimeout>""",
    "CacheBehavior": f"""<TrustedSigners><Enabled>false</Enabled>{NONE}</TrustedSigners>
        <TrustedKeyGroups><Enabled>false</Enabled>{NONE}</TrustedKeyGroups><AllowedMethods>{GET_AND_HEAD}
        <CachedMethods>{GET_AND_HEAD}</CachedMethods></AllowedMethods><SmoothStreaming>false</SmoothStreaming>
        <Compress>false</Compress><LambdaFunctionAssociations>{NONE}</LambdaFunctionAssociations>
        <FunctionAssociations>{NONE}</FunctionAssociations><FieldLevelEncryptionId/>
        <GrpcConfig><Enabled>false</Enabled></GrpcConfig>""",
}
clock = Clock("distributions")


@dataclass
class Edges:
    """The state of one distribution at the edges."""

    serving: str | None = None  # the configuration that they serve; None until the first one has arrived
    arrived: int = 0  # the number of the change that they serve
    changes: int = 0
    etags: set[str] = field(default_factory=set)  # every one it ever had: so that a stale one is distinguished from a wrong one


_edges: dict[str, Edges] = {}


def _changed(dist: dict, at_once: bool = False) -> None:
    """Sends a new configuration to the edges. An older one that arrives later does not replace a newer one."""
    edges = _edges.setdefault(dist["Id"], Edges())
    edges.etags.add(dist["ETag"])
    edges.changes += 1
    number, config = edges.changes, dist["config_xml"]

    def serve() -> None:
        if number > edges.arrived:
            edges.serving, edges.arrived = config, number

    def deployed() -> None:
        serve()
        if number == edges.changes:
            dist["Status"] = "Deployed"

    if at_once:
        return deployed()
    dist["Status"] = "InProgress"
    clock.later(ms("edgeMs"), serve)
    return clock.later(ms("deployMs"), deployed)


def _whole(config: Element) -> str:
    """The configuration with CloudFront's defaults filled in."""
    parts = [("DistributionConfig", config)]
    parts += [("Origin", origin) for origin in config.findall("Origins/Items/Origin")]
    parts += [("CustomOriginConfig", custom) for custom in config.findall("Origins/Items/Origin/CustomOriginConfig")]
    parts += [("CacheBehavior", behavior) for behavior in _behaviors(config)]
    for kind, part in parts:
        present = {child.tag for child in part}
        part.extend(child for child in fromstring(f"<x>{FILLED_IN[kind]}</x>") if child.tag not in present)
        if kind == "Origin" and not present & {"S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig"}:
            # A template's `S3OriginConfig: {}`, which ministack drops as empty.
            part.append(fromstring("<S3OriginConfig><OriginAccessIdentity/></S3OriginConfig>"))
    return tostring(config, encoding="unicode")


def _behaviors(config: Element) -> list[Element]:
    return [*config.findall("DefaultCacheBehavior"), *config.findall("CacheBehaviors/Items/CacheBehavior")]


def _parsed(config_xml: str) -> Element:
    return cloudfront._strip_namespace(fromstring(config_xml))


def _create(headers, body):
    """CreateDistribution; the same CallerReference again is answered with the existing distribution."""
    known = set(cloudfront._distributions.keys())
    answer = _ministack_create(headers, body)
    for dist_id in set(cloudfront._distributions.keys()) - known:
        dist = cloudfront._distributions[dist_id]
        dist["config_xml"] = _whole(_parsed(dist["config_xml"]))
        _changed(dist)
        return answer[0], answer[1], cloudfront._get_distribution(dist_id)[2]
    return answer


def _update(dist_id, headers, body):
    """UpdateDistribution: the whole configuration, with the current ETag."""
    dist = cloudfront._distributions.get(dist_id)
    config = cloudfront._parse_body(body)
    if dist and config is not None and (refused := _refusal(dist, headers, cloudfront._strip_namespace(config))):
        return cloudfront._error(*refused)
    answer = _ministack_update(dist_id, headers, body)
    if answer[0] != 200:
        return answer
    _changed(dist)
    return cloudfront._get_distribution(dist_id)


def _refusal(dist: dict, headers: dict, config: Element) -> tuple[str, str, int] | None:
    """The refusals of CloudFront that ministack lacks: (code, message, status)."""
    match = headers.get("if-match", "")
    if match not in _edges[dist["Id"]].etags:
        return "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.", 400
    if match != dist["ETag"]:
        return None  # ministack's PreconditionFailed
    for block in config.iter():
        items = block.find("Items")
        if block.find("Quantity") is not None and int(block.findtext("Quantity")) != (0 if items is None else len(items)):
            return "InconsistentQuantities", f"The value of Quantity and the size of Items don't match: {block.tag}", 400
    if config.findtext("CallerReference") != _parsed(dist["config_xml"]).findtext("CallerReference"):
        return "IllegalUpdate", "The update contains modifications that are not allowed: CallerReference.", 400
    origins = {origin.findtext("Id") for origin in config.findall("Origins/Items/Origin")}
    origins |= {group.findtext("Id") for group in config.findall("OriginGroups/Items/OriginGroup")}
    if not {behavior.findtext("TargetOriginId") for behavior in _behaviors(config)} <= origins:
        return "NoSuchOrigin", "One or more of your origins or origin groups do not exist.", 404
    return None


def _from_template(props: dict, dist_id: str) -> None:
    """A stack's new distribution is deployed at once, as CloudFormation waits for it; a change of one takes time."""
    dist = cloudfront._distributions[dist_id]
    dist["config_xml"] = _whole(_parsed(dist["config_xml"]))
    _changed(dist, at_once=dist_id not in _edges)


def listed() -> list[dict]:
    """`GET /_local/distributions`: what is configured, and what the edges serve."""
    return [
        {
            "id": dist["Id"], "arn": dist["ARN"], "status": dist["Status"], "domain": dist["DomainName"],
            "configured": _routing(dist["config_xml"]), "serving": _routing(_edges[dist["Id"]].serving),
            "origins": _origins(dist["config_xml"]),
        }
        for dist in list(cloudfront._distributions._data.values())
    ]  # fmt: skip


# The bookstore asks twenty times a second, and the answer changes twice in a drill.
@functools.lru_cache(maxsize=128)
def _origins(config_xml: str) -> dict:
    items = _parsed(config_xml).findall("Origins/Items/Origin")
    return {origin.findtext("Id"): origin.findtext("DomainName") for origin in items}


@functools.lru_cache(maxsize=128)
def _routing(config_xml: str | None) -> dict | None:
    if config_xml is None:
        return None
    default, *others = _behaviors(_parsed(config_xml))
    return {
        "default": default.findtext("TargetOriginId"),
        "behaviors": {other.findtext("PathPattern"): other.findtext("TargetOriginId") for other in others},
    }


def _taggable(arn):
    """The resource whose tags are asked for; `NoSuchResource` if there is none (API reference, `ListTagsForResource`)."""
    found, refused = _ministack_taggable(arn)
    if refused and refused[0] == 404:
        refused = cloudfront._error("NoSuchResource", f"A resource that was specified is not valid: {arn}", 404)
    return found, refused


_ministack_taggable = cloudfront._resolve_taggable_cloudfront_arn
_ministack_create, _ministack_update = cloudfront._create_distribution, cloudfront._update_distribution


def install() -> None:
    cloudfront._create_distribution = _create
    cloudfront._update_distribution = _update
    cloudfront._resolve_taggable_cloudfront_arn = _taggable
    after("AWS::CloudFront::Distribution", _from_template)
