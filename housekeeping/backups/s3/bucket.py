"""A bucket by botocore: each answer that is no success as one sentence, and nothing else of it."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from housekeeping.failures import CouldNot
from housekeeping.settings import HousekeepingSettings

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 60, 5
_NOT_THERE = {"NoSuchKey", "404", "NoSuchUpload"}
_WRONG_KEY = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"),
    *("XAdminUserNotFound", "AuthorizationHeaderMalformed"),
}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}


class Refused(CouldNot):
    """An answer of the store with this code."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def is_not_there(self) -> bool:
        return self.code in _NOT_THERE


class Bucket:
    def __init__(self, settings: HousekeepingSettings) -> None:
        parsed = urlsplit(settings.backup_s3_url)
        self.name, prefix = parsed.netloc, parsed.path.strip("/")
        # What every key begins with.
        self.below = f"{prefix}/" if prefix else ""
        self.endpoint = settings.backup_s3_endpoint
        self._client = _create_client(settings)

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.below}".rstrip("/")

    def key(self, *parts: str) -> str:
        return self.below + "/".join(parts)

    def call(self, operation: str, **arguments: Any) -> Any:
        """One of botocore's operations. Raises `CouldNot`, `Refused` if the store answered."""
        from botocore import exceptions

        try:
            return getattr(self._client, operation)(Bucket=self.name, **arguments)
        except exceptions.ClientError as error:
            raise self._refused(error.response, operation, arguments) from None
        except exceptions.SSLError as error:
            raise CouldNot(
                f"{self._where} shows a certificate that is not trusted here: name its authority"
                f" by BACKUP_S3_CA_FILE ({error.kwargs.get('error')})"
            ) from None
        except (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
        ):
            raise CouldNot(
                f"there are no credentials for {self}: set BACKUP_S3_ACCESS_KEY_ID_FILE and"
                " BACKUP_S3_SECRET_ACCESS_KEY_FILE, or give this machine a role"
            ) from None
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise self.away(error) from None

    def read(self, key: str) -> tuple[bytes, Any]:
        """A small object, and what the store says of it."""
        from botocore import exceptions

        answer = self.call("get_object", Key=key)
        try:
            return answer["Body"].read(), answer
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise self.away(error) from None

    def away(self, error: object) -> CouldNot:
        reason = str(error).splitlines()[0].rstrip(".")
        return CouldNot(f"{self._where} does not answer, nothing is lost, try again: {reason}")

    def pages(self, operation: str, result: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """All items of a listing, which comes in pieces of a thousand."""
        while True:
            page = self.call(operation, **arguments)
            yield from page.get(result, ())
            if not page.get("IsTruncated"):
                return
            if "NextContinuationToken" in page:
                arguments["ContinuationToken"] = page["NextContinuationToken"]
            else:
                arguments["KeyMarker"] = page["NextKeyMarker"]
                arguments["UploadIdMarker"] = page["NextUploadIdMarker"]

    @property
    def _where(self) -> str:
        return f"the store {self.endpoint}" if self.endpoint else "the store of Amazon S3"

    def _refused(
        self, answer: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> Refused:
        error = answer.get("Error", {})
        code, message = str(error.get("Code", "")), str(error.get("Message", "")).rstrip(".")
        subject = arguments.get("Key") or self
        what = operation.replace("_", " ")
        if code in _WRONG_KEY:
            sentence = f"{self._where} does not accept the credentials: {message or code}"
        elif code in _SKEWED:
            sentence = f"the clock here and that of {self._where} differ too much: set this one"
        elif code == "NoSuchBucket":
            sentence = f"there is no bucket {self.name} in {self._where}: make it first"
        elif code in ("AccessDenied", "403"):
            sentence = f"{self._where} does not allow this account to {what} ({subject}): {message}"
        else:
            sentence = f"{self._where} refuses to {what} ({subject}): {message or code}"
        return Refused(code, sentence)


def _keys(settings: HousekeepingSettings) -> tuple[str | None, str | None]:
    """None for the client's own search."""
    key = settings.backup_s3_access_key_id.get_secret_value()
    secret = settings.backup_s3_secret_access_key.get_secret_value()
    if bool(key) != bool(secret):
        raise CouldNot("of the two BACKUP_S3_ACCESS_KEY_ID and …_SECRET_ACCESS_KEY one is missing")
    return key or None, secret or None


def _create_client(settings: HousekeepingSettings) -> Any:
    try:
        from botocore.config import Config
        from botocore.session import Session
    except ImportError:
        raise CouldNot(
            "backups to S3 need botocore: install what requirements/housekeeping.txt locks"
        ) from None
    key, secret = _keys(settings)
    endpoint = settings.backup_s3_endpoint or None
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        # Not every store has a name in DNS for each bucket.
        s3={"addressing_style": "path" if endpoint else "auto"},
        # Checksums are ours, in headers: those of botocore's own come after the content, in a form
        # that not every store understands.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    ca = settings.backup_s3_ca_file
    return Session().create_client(
        "s3",
        region_name=settings.backup_s3_region or ("us-east-1" if endpoint else None),
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        verify=str(ca) if ca else None,
        config=config,
    )
