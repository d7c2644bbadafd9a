"""What the routes share: what is built with the app, and the gateway once it is open."""

from dataclasses import dataclass

from starlette.requests import Request

from services.frontend.assets import Assets
from services.frontend.cookies import ShopCookies
from services.frontend.csrf import FormTokens
from services.frontend.gateway import Gateway
from services.frontend.pages import Pages
from services.frontend.settings import Settings
from services.frontend.signing import SessionSecrets


@dataclass(frozen=True)
class Shop:
    assets: Assets
    cookies: ShopCookies
    pages: Pages
    form_tokens: FormTokens


def create_shop(settings: Settings) -> Shop:
    secrets = SessionSecrets(settings.session_secrets, settings.reread_session_secrets)
    cookies, assets = ShopCookies(secrets, settings.cookie_style), Assets()
    return Shop(assets, cookies, Pages(settings, assets, cookies), FormTokens(secrets))


def shop_of(request: Request) -> Shop:
    shop = request.app.state.shop
    assert isinstance(shop, Shop)
    return shop


def gateway_of(request: Request) -> Gateway:
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)
    return gateway
