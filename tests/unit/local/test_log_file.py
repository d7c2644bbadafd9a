import errno
import os
from pathlib import Path

import pytest

from local.log_file import LogFile

LINE = b"x" * 99 + b"\n"


def test_a_log_keeps_the_newest_lines_in_two_files_of_bounded_size(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINE)  # of an earlier run
    log = LogFile(tmp_path / "a.log", max_bytes=1050)
    for _ in range(24):
        log.write(LINE)
    log.close()
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sizes == {"a.log": 500, "a.log.1": 1000}


def test_a_log_goes_on_after_a_disk_too_full_to_turn_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    log = LogFile(tmp_path / "a.log", max_bytes=10)
    log.write(b"first\n")
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", fail)
        log.write(b"lost\n\n")
    log.write(b"second\n")
    log.close()
    assert (tmp_path / "a.log").read_bytes() == b"second\n"


def test_a_line_that_a_full_disk_cut_is_ended_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(tmp_path / "a.log")
    log.write(b"whole\n")

    class Full:
        def __init__(self, file: object) -> None:
            self._file = file

        def tell(self) -> int:
            return 0

        def write(self, data: bytes) -> int:
            return self._file.write(data[:3])  # type: ignore[attr-defined, no-any-return]

    with monkeypatch.context() as full:
        full.setattr(log, "_file", Full(log._file))
        log.write(b"torn\n")
    log.write(b"next\n")
    log.close()
    assert (tmp_path / "a.log").read_bytes() == b"whole\ntor\nnext\n"
