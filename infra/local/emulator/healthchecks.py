"""Route 53 health checks: ministack writes booleans as Python does, which no SDK can parse."""

from ministack.services import route53


def _element(parent, check: dict) -> None:
    config = {key: str(value).lower() if isinstance(value, bool) else value for key, value in check.get("config", {}).items()}
    _ministack_element(parent, check | {"config": config})


_ministack_element = route53._build_health_check_el


def install() -> None:
    route53._build_health_check_el = _element
