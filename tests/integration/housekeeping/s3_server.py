"""A store that speaks S3: Versity's gateway to a folder, where each object is a file."""

import json
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.session import Session

from local.free_port import free_port
from tests.processes import CLEAN, Process
from tests.telemetry_stores import go_server

_BUCKET, _ROOT, _SECRET = "backups", "root", "secret-of-root"
# An account that may do what backups need, but delete nothing.
KEEPER = ("keeper", "secret-of-keeper")


class S3Server(Process):
    def __init__(self, folder: Path, options: Sequence[str] = (), scheme: str = "http") -> None:
        self.folder, self._port = folder, free_port()
        self.url = f"{scheme}://127.0.0.1:{self._port}"
        for name in ("objects", "sidecar", "accounts"):
            (folder / name).mkdir()
        self._program = str(go_server("versitygw"))
        command = [
            *(self._program, "--quiet", "--port", f"127.0.0.1:{self._port}"),
            *("--iam-dir", str(folder / "accounts"), *options),
            *("posix", "--sidecar", str(folder / "sidecar"), str(folder / "objects")),
        ]
        names = {"ROOT_ACCESS_KEY": _ROOT, "ROOT_SECRET_KEY": _SECRET}
        super().__init__(command, folder / "s3.log", self._answers, env={**CLEAN, **names})

    def settle(self, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Backups go to a new place here; returns the folder of its objects."""
        if not (self.folder / "objects" / _BUCKET).exists():
            self.client().create_bucket(Bucket=_BUCKET)
        prefix = f"shop/{uuid.uuid4()}"
        settings = {
            "BACKUP_S3_URL": f"s3://{_BUCKET}/{prefix}",
            "BACKUP_S3_ENDPOINT": self.url,
            "BACKUP_S3_ACCESS_KEY_ID": _ROOT,
            "BACKUP_S3_SECRET_ACCESS_KEY": _SECRET,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return self.folder / "objects" / _BUCKET / prefix

    def client(self) -> Any:
        """As root."""
        return Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=_ROOT,
            aws_secret_access_key=_SECRET,
            config=Config(s3={"addressing_style": "path"}),
        )

    def uploads(self) -> list[str]:
        """Keys of which there are parts, and nothing whole yet."""
        found = self.client().list_multipart_uploads(Bucket=_BUCKET)
        return [one["Key"] for one in found.get("Uploads", [])]

    def admit_keeper(self) -> None:
        admin = [self._program, "admin", "-a", _ROOT, "-s", _SECRET, "--endpoint-url", self.url]
        create = ["create-user", "-a", KEEPER[0], "-s", KEEPER[1], "-r", "user"]
        subprocess.run([*admin, *create], check=True, capture_output=True)
        resources = [f"arn:aws:s3:::{_BUCKET}", f"arn:aws:s3:::{_BUCKET}/*"]
        allowed = ["GetObject", "PutObject", "ListBucket", "ListBucketMultipartUploads"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": [KEEPER[0]]},
            "Action": [f"s3:{action}" for action in allowed],
            "Resource": resources,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client().put_bucket_policy(Bucket=_BUCKET, Policy=policy)

    def _answers(self) -> bool:
        try:
            # That it does not know who asks is an answer.
            return httpx.get(self.url, timeout=5, verify=False).status_code > 0
        except httpx.TransportError:
            return False
