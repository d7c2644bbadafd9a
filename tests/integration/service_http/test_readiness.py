"""service-http is ready once it has done what guests ask for."""

from servicekit.database.engine import DatabaseThreads
from services.service_http import product_statements
from services.service_http.database import Database
from services.service_http.product_rows import find_product, list_products
from services.service_http.resources import FirstQuestions
from services.service_http.search import ProductQuery
from tests.integration.engines import opened

COMPILED = (
    product_statements.compile_page,
    product_statements.compile_count,
    product_statements.compile_product,
)


async def test_the_first_guest_waits_for_no_connection_and_no_statement(database_url: str) -> None:
    for kept in COMPILED:
        kept.cache_clear()
    with opened(database_url, read_only=True) as engine:
        threads = DatabaseThreads(1)
        database = Database(engine, threads)
        await FirstQuestions(database).check()
        assert engine.pool.status().startswith("Pool size: 1  Connections in pool: 1")
        compiled = statements()
        await database.ask(lambda connection: list_products(connection, ProductQuery()))
        assert await database.ask(lambda connection: find_product(connection, 2))
        assert statements() == compiled
        assert all(compiled)
        await threads.close()


def statements() -> list[int]:
    """How often each was compiled."""
    return [kept.cache_info().misses for kept in COMPILED]
