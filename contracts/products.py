"""The catalogue as the API shows it."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from contracts.orders import Contract

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 24
MAX_PAGE = 10**9
MAX_PRICE_IDR = 10**12
MAX_QUERY_LENGTH = 100
MAX_BRAND_LENGTH = 100
MAX_QUERY_WORDS = 8
MAX_IDS = 50


class ProductSort(StrEnum):
    """Ties are broken by `product_id`, so that pages never overlap."""

    NAME = "name"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"


class Product(Contract):
    product_id: int
    slug: str = Field(description="Ends in the product id; names the product page")
    brand: str
    collection: str
    name: str
    description: str = Field(description="Indonesian")
    description_en: str
    movement: str
    case_material: str
    case_mm: int
    strap: str
    water_resistance_m: int
    price_idr: int
    stock: int | None = Field(
        description="At most 2 s old; null while the database cannot be asked (see `Age`)"
    )
    released_on: date
    face: str = Field(description="Drawing instructions of the dial, as `key=value;…`")


class ProductPage(Contract):
    items: tuple[Product, ...]
    page: int
    page_size: int
    total: int


class Brand(Contract):
    brand: str
    products: int


class BrandList(Contract):
    items: tuple[Brand, ...]
