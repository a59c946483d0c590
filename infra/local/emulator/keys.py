"""The KMS key that AWS manages for EBS. ministack has customer managed keys only; a drill must tell the two apart."""

import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms

ALIAS, KEY_ID = "alias/aws/ebs", "00000000-aaaa-4000-8000-000000000eb5"


def _key() -> dict:
    return {
        "KeyId": KEY_ID, "Arn": f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{KEY_ID}", "CreationDate": time.time(),
        "Enabled": True, "Description": "Default key that protects my EBS volumes when no other key is defined",
        "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
    }  # fmt: skip


def _resolve(wanted: str):
    if wanted in (ALIAS, KEY_ID) or str(wanted).endswith((f":{ALIAS}", f":key/{KEY_ID}")):
        return _key()
    return _ministack_resolve(wanted)


def _metadata(record: dict) -> dict:
    return _ministack_metadata(record) | ({"KeyManager": "AWS"} if record["KeyId"] == KEY_ID else {})


_ministack_resolve, _ministack_metadata = kms._resolve_key, kms._key_metadata


def install() -> None:
    kms._resolve_key = _resolve
    kms._key_metadata = _metadata
