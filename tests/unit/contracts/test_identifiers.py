"""One spelling for each UUID."""

import uuid

import pytest

from contracts.identifiers import parse_uuid

ID = uuid.UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11")


@pytest.mark.parametrize("text", [str(ID), str(ID).upper()])
def test_a_uuid_is_read_in_either_case(text: str) -> None:
    assert parse_uuid(text) == ID


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "x", ID.hex, f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}", f"{ID}\n"),
        *(str(ID)[:-1], f"{ID}0", str(ID).replace("6", "\u0666"), str(ID).replace("-", "")),
    ],
)
def test_no_other_text_is_one(text: str | None) -> None:
    assert parse_uuid(text) is None
