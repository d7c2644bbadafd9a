"""What the routes share: what is built with the app, and the gateway once it is open."""

from dataclasses import dataclass

from starlette.requests import Request

from services.frontend.assets import Assets
from services.frontend.cookies import ShopCookies
from services.frontend.csrf import FormTokens
from services.frontend.gateway import Gateway
from services.frontend.pages import Pages


@dataclass(frozen=True)
class Shop:
    assets: Assets
    cookies: ShopCookies
    pages: Pages
    form_tokens: FormTokens


def shop_of(request: Request) -> Shop:
    shop = request.app.state.shop
    assert isinstance(shop, Shop)
    return shop


def gateway_of(request: Request) -> Gateway:
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)
    return gateway
