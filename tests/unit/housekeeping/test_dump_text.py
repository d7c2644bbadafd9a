"""What is found in a dump while it streams by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekeeping.backups.dump_text import DumpText
from housekeeping.backups.manifest import Position
from housekeeping.backups.streams import Damage

END = b"-- Dump completed on 2026-11-28\n"
TEXTS = st.text(st.sampled_from("(),;'\"\\ab\n\0`é"), max_size=12)


def literal(text: str) -> str:
    """As mysql_real_escape_string() writes it."""
    escapes = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\0": "\\0"}
    return "'" + "".join(escapes.get(c, c) for c in text) + "'"


def row(number: int, text: str) -> str:
    return f"({number},{literal(text)},NULL,0xFF)"


def dumped(text: str, *, size: int = 7) -> DumpText:
    content = text.encode() + END
    found = DumpText()
    found.read(content[at : at + size] for at in range(0, len(content), size))
    return found


@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(1, 50))
def test_rows_are_counted_whatever_is_in_them_and_however_they_are_written(
    texts: list[str], size: int
) -> None:
    rows = [row(number, text) for number, text in enumerate(texts)]
    at_once = "INSERT INTO `t` VALUES " + ",".join(rows) + ";\n"
    one_by_one = "".join(f"INSERT INTO `t` VALUES {one};\n" for one in rows)
    by_lines = "INSERT INTO `t` VALUES\n" + ",\n".join(rows) + ";\n"
    found = [
        dumped("CREATE TABLE `t` (\n" + text, size=size).tables
        for text in (at_once, one_by_one, by_lines)
    ]
    assert found[0]["t"].rows == len(rows)
    assert found[0] == found[1] == found[2]


@given(TEXTS, TEXTS)
def test_other_content_has_another_digest(one: str, other: str) -> None:
    digests = {
        dumped(f"INSERT INTO `t` VALUES {row(1, text)};\n").tables["t"].digest
        for text in (one, other)
    }
    assert len(digests) == len({one, other})


def test_an_empty_table_is_a_table() -> None:
    assert dumped("CREATE TABLE `empty` (\n").tables["empty"].rows == 0


@pytest.mark.parametrize(
    "line",
    [
        "-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000003', SOURCE_LOG_POS=157;",
        "-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000003', MASTER_LOG_POS=157;",
    ],
)
def test_the_position_in_the_binary_log_is_found(line: str) -> None:
    assert dumped(line + "\n").position == Position(file="binlog.000003", offset=157)


def test_the_revision_is_found() -> None:
    assert dumped("INSERT INTO `alembic_version` VALUES\n('0002');\n").revision == "0002"


def test_a_dump_without_its_end_is_damaged() -> None:
    for content in (b"", b"INSERT INTO `t` VALUES (1);\n", END[:8]):
        with pytest.raises(Damage, match="in the middle"):
            DumpText().read([content])
