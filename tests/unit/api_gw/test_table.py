"""The route table: what is in it, and that nothing else is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.api import DESCRIPTION
from contracts.api import PATHS as PUBLIC_PATHS
from contracts.orders import MAX_PRODUCT_ID
from servicekit.settings import ServiceSettings
from services.api_gw.settings import Settings
from services.api_gw.table import TABLE, PathTemplate, routes_by_path
from tests.hostile_paths import HOSTILE_PATHS

PATHS = [PathTemplate(path) for path in routes_by_path()]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_hostile_path_is_none_of_the_table(path: str) -> None:
    assert [template.parse(path.encode("latin-1")) for template in PATHS] == [None] * len(PATHS)


@given(st.integers(1, MAX_PRODUCT_ID), st.uuids())
def test_every_id_has_one_path(product_id: int, order_id: UUID) -> None:
    """And one template takes it; an order's id is built in its canonical form."""
    for path, parameters in {
        "/api/products": {},
        "/api/orders": {},
        f"/api/products/{product_id}": {"product_id": str(product_id)},
        f"/api/orders/{str(order_id).upper()}": {"order_id": str(order_id)},
    }.items():
        found = [
            parsed for template in PATHS if (parsed := template.parse(path.encode())) is not None
        ]
        assert found == [parameters]


@given(st.binary(max_size=60))
def test_what_is_built_from_any_bytes_is_a_path_of_the_table(path: bytes) -> None:
    """Whatever is accepted leads back to the very same parameters."""
    for route in TABLE:
        template = PathTemplate(route.path)
        parameters = template.parse(b"/api/products/" + path)
        if parameters is not None:
            assert template.parse(route.path.format_map(parameters).encode()) == parameters


def test_the_public_paths_are_those_of_the_table() -> None:
    """The frontend names requests by them."""
    assert set(PUBLIC_PATHS) == {*routes_by_path(), DESCRIPTION}


def test_each_route_waits_longer_than_its_service_and_shorter_than_the_gateway() -> None:
    service = ServiceSettings.model_fields["request_timeout_seconds"].default
    gateway = Settings.model_fields["request_timeout_seconds"].default
    assert all(service < route.timeout_seconds < gateway for route in TABLE)
