"""Files to and from a bucket, a piece at a time."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from housekeeping.backups.s3.bucket import Bucket
from housekeeping.backups.streams import CHUNK
from housekeeping.failures import CouldNot

# What is smaller goes in one request. A store takes 10 000 parts of a file, none but the last of
# less than 5 MiB; one part is in memory at a time.
_PART, _MOST_PARTS = 16 << 20, 10_000
_DOWNLOAD_ATTEMPTS = 5


def upload(bucket: Bucket, key: str, path: Path) -> None:
    """The store compares each request with its SHA-256, if it knows how to. After an error
    nothing of the file is left there that costs room."""
    size = path.stat().st_size
    part = max(_PART, -(-size // _MOST_PARTS))
    if size <= part:
        put(bucket, key, path.read_bytes())
        return
    answer = bucket.call("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256")
    upload_id = answer["UploadId"]
    try:
        parts = _upload_parts(bucket, key, upload_id, path, part)
        bucket.call(
            "complete_multipart_upload",
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
        )
    except BaseException:
        abort(bucket, key, upload_id)
        raise


def _upload_parts(
    bucket: Bucket, key: str, upload_id: str, path: Path, size: int
) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    with path.open("rb") as file:
        while content := file.read(size):
            number, digest = len(parts) + 1, _digest(content)
            answer = bucket.call(
                "upload_part",
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=content,
                ChecksumSHA256=digest,
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            # Only from a store that knows them will it take them again.
            if answer.get("ChecksumSHA256"):
                parts[-1]["ChecksumSHA256"] = digest
    return parts


def put(bucket: Bucket, key: str, content: bytes, **conditions: str) -> str:
    """The entity tag of what is there then."""
    digest = _digest(content)
    answer = bucket.call("put_object", Key=key, Body=content, ChecksumSHA256=digest, **conditions)
    return str(answer["ETag"])


def abort(bucket: Bucket, key: str, upload_id: str) -> bool:
    """Whether the parts are gone; those of a store that is away wait for the next run."""
    try:
        bucket.call("abort_multipart_upload", Key=key, UploadId=upload_id)
    except CouldNot:
        return False
    return True


def download(bucket: Bucket, key: str, path: Path) -> None:
    """Goes on where a connection broke, and never with another object of the same name."""
    from botocore.exceptions import BotoCoreError, HTTPClientError

    condition: dict[str, str] = {}
    with path.open("wb") as file:
        for attempt in range(1, _DOWNLOAD_ATTEMPTS + 1):
            answer = bucket.call("get_object", Key=key, **condition)
            try:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    file.write(chunk)
                return
            except (BotoCoreError, HTTPClientError) as error:
                if attempt == _DOWNLOAD_ATTEMPTS:
                    raise bucket.away(error) from None
            condition = {"IfMatch": answer["ETag"], "Range": f"bytes={file.tell()}-"}


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
