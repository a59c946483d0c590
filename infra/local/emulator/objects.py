"""S3: what lies in a bucket, read as a whole."""

from ministack.services import s3


def listed(bucket: str) -> dict[str, str]:
    """Each object's text, by its key."""
    found = s3._buckets.get(bucket)
    if found is None:
        raise LookupError(f"there is no bucket {bucket}")
    return {key: (s3._get_object_data(bucket, key) or b"").decode() for key in sorted(found["objects"])}
