"""One at a time among machines: an object that says who works in a store, and that is renewed while
they do. One that was not renewed for five minutes, by the store's own clock, holds nobody up."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from housekeeping.backups.s3.bucket import Bucket, Refused
from housekeeping.backups.s3.transfer import put
from housekeeping.failures import CouldNot
from housekeeping.lock import describe_holder, sign

_RENEW_SECONDS, _ENDS_AFTER_SECONDS = 60, 300
_CONDITION_FAILED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
# A store without conditional requests: two that begin in the same moment see each other only by
# reading it again.
_NO_CONDITIONS = {"NotImplemented", "501"}


class Lease:
    """`place` is the same for all who hold the same lock on one folder of work: of these, whoever
    asks for the lease knows that another holder is no more."""

    def __init__(self, bucket: Bucket, key: str, command: str, place: str) -> None:
        self._bucket, self._key, self._place = bucket, key, place
        self._content = {**sign(command), "place": place, "token": uuid.uuid4().hex}
        self._tag: str | None = None
        self._guard = threading.Lock()

    @contextmanager
    def held(self) -> Iterator["Lease"]:
        self._take()
        stop = threading.Event()
        renewer = threading.Thread(target=self._keep, args=(stop,), daemon=True)
        renewer.start()
        try:
            yield self
        finally:
            stop.set()
            renewer.join()
            # Written over, not deleted: an account that may not delete can work, too.
            with suppress(CouldNot):
                self._write({**self._content, "released": True})

    def require(self) -> None:
        """Renew it. Raises `CouldNot` if somebody else has it now."""
        try:
            self._write(self._content)
        except Refused as error:
            if error.code not in _CONDITION_FAILED:
                raise
            raise CouldNot(
                f"{self._bucket} was taken over meanwhile by {self._holder()}: try again after it"
            ) from None

    def _take(self) -> None:
        tag = self._require_free()
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        try:
            try:
                self._tag = put(self._bucket, self._key, self._text(self._content), **condition)
            except Refused as error:
                if error.code not in _NO_CONDITIONS:
                    raise
                self._tag = put(self._bucket, self._key, self._text(self._content))
        except Refused as error:
            if error.code in _CONDITION_FAILED:
                raise self._in_use() from None
            raise
        if self._read()[0].get("token") != self._content["token"]:
            raise self._in_use()

    def _require_free(self) -> str | None:
        """The tag of the lease that may be written over, None if there is none."""
        try:
            content, tag, age = self._read()
        except Refused as error:
            if error.is_not_there:
                return None
            raise
        if content.get("released") or content.get("place") == self._place:
            return tag
        if age > _ENDS_AFTER_SECONDS:
            return tag
        raise self._in_use()

    def _read(self) -> tuple[dict[str, Any], str, float]:
        content, answer = self._bucket.read(self._key)
        try:
            found = json.loads(content)
        except ValueError:
            found = {}
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        changed: datetime = answer["LastModified"]
        age = parsedate_to_datetime(headers["date"]) - changed
        return found if isinstance(found, dict) else {}, answer["ETag"], age.total_seconds()

    def _write(self, content: dict[str, Any]) -> None:
        with self._guard:
            try:
                condition = {"IfMatch": self._tag or ""}
                self._tag = put(self._bucket, self._key, self._text(content), **condition)
            except Refused as error:
                if error.code not in _NO_CONDITIONS:
                    raise
                self._tag = put(self._bucket, self._key, self._text(content))

    def _keep(self, stop: threading.Event) -> None:
        while not stop.wait(_RENEW_SECONDS):
            # Whoever works asks again before the last step.
            with suppress(CouldNot):
                self._write(self._content)

    def _text(self, content: dict[str, Any]) -> bytes:
        return json.dumps(content).encode()

    def _in_use(self) -> CouldNot:
        return CouldNot(f"{self._bucket} is in use by {self._holder()}: try again after it")

    def _holder(self) -> str:
        with suppress(CouldNot):
            return describe_holder(self._read()[0])
        return "another command"
