"""What a browser makes of the shop's answers: pages with forms, links and text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from tests.integration.frontend.scripted_gateway import ScriptedGateway

# Elements that have no end tag (HTML §13.1.2).
_VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
_HIDDEN_TEXT = frozenset({"script", "style", "title", "svg"})
OUR_PAGES = {"Sec-Fetch-Site": "same-origin"}
CUSTOMER = {
    "name": "Sari Wulandari",
    "email": "sari@example.com",
    "address": "Jl. Merdeka 1\nBandung",
}


def rupiah(amount: int) -> str:
    """As Indonesian pages show it."""
    return f"Rp {amount:,}".replace(",", ".")


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Button:
    """Sends its form, perhaps elsewhere, with a field of its own."""

    form: Form
    action: str
    method: str
    field: dict[str, str]


class Page(HTMLParser):
    """A page, read strictly: every tag is closed, every id is there once, and nothing in it is
    what the content security policy forbids."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status, self.headers = answer.status_code, answer.headers
        self.language = self.title = self.text = self.html = ""
        self.forms: list[Form] = []
        self._buttons: list[dict[str, str]] = []
        self._forms_by_id: dict[str, Form] = {}
        self._form_id = ""
        self.links: list[str] = []
        self.attributes: dict[str, dict[str, str]] = {}  # by id
        self._open: list[str] = []
        self._textarea = ""
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.html = answer.text
            self.feed(answer.text)
            self.close()
            assert self._open == [], f"not closed: {self._open}"
            self.text = " ".join(self.text.split())

    def form(self, action: str, /, **fields: str) -> Form:
        """The only form with this action and these values."""
        found = [
            form
            for form in self.forms
            if form.action == action and fields.items() <= form.fields.items()
        ]
        assert len(found) == 1, f"{len(found)} forms {action} {fields} on: {self.text:.500}"
        return found[0]

    def button(self, name: str, value: str | None = None) -> Button:
        """The first button of this name, and of this value if one is given."""
        for button in self._buttons:
            if button.get("name") == name and value in (None, button.get("value", "")):
                form = self._forms_by_id[button["form"]]
                return Button(
                    form,
                    button.get("formaction", form.action),
                    button.get("formmethod", form.method),
                    {name: button.get("value", "")},
                )
        raise AssertionError(f"no button {name} {value} on: {self.text:.500}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"an attribute twice in {tag}"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "style"
        assert tag != "script" or attributes.get("src", "").startswith("/static/")
        if name := attributes.get("id"):
            assert name not in self.attributes, f"id {name} twice"
            self.attributes[name] = attributes
        if tag == "html":
            self.language = attributes["lang"]
        elif tag == "a":
            self.links.append(attributes["href"])
        elif tag == "form":
            self.forms.append(Form(attributes["action"], attributes["method"]))
            self._form_id = attributes.get("id", f"form {len(self.forms)}")
            self._forms_by_id[self._form_id] = self.forms[-1]
        elif tag == "button":
            # It belongs to the form that it stands in unless it names another.
            if "form" not in attributes:
                attributes = {"formaction": self.forms[-1].action, **attributes}
            self._buttons.append({"form": self._form_id, **attributes})
            if "form" not in attributes and "name" not in attributes:
                # What sends no more than the form is how the form is sent.
                self.forms[-1].action = attributes["formaction"]
        elif tag == "input" and "name" in attributes:
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "textarea":
            self._textarea = attributes["name"]
            self.forms[-1].fields[self._textarea] = ""
        if tag not in _VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"
        self._textarea = "" if tag == "textarea" else self._textarea

    def handle_data(self, data: str) -> None:
        if self._textarea:
            # The line end right after the tag is not part of the value (HTML §13.2.6.4.7).
            fields = self.forms[-1].fields
            fields[self._textarea] += data if fields[self._textarea] else data.removeprefix("\n")
        elif "title" in self._open:
            self.title += data
        elif not _HIDDEN_TEXT & set(self._open):
            self.text += f" {data}"


@dataclass
class Browser:
    """Keeps cookies, and sends forms as the shop's own pages would, to a shop before `gateway`."""

    http: httpx.AsyncClient
    gateway: ScriptedGateway

    async def get(self, path: str, **more: Any) -> Page:
        return Page(await self.http.get(path, **more))

    async def post(self, path: str, fields: dict[str, str], **more: Any) -> Page:
        return Page(await self.http.post(path, data=fields, headers=OUR_PAGES, **more))

    async def submit(self, form: Form, **fields: str) -> Page:
        assert form.method == "post"
        return await self.post(form.action, {**form.fields, **fields})

    async def press(self, button: Button, **typed: str) -> Page:
        """Where it leads, with what was typed into its form."""
        fields = {**button.form.fields, **typed, **button.field}
        assert button.method == "post"
        return await self.post(button.action, fields)

    async def follow(self, page: Page) -> Page:
        """Where a redirect leads."""
        assert page.status == 303, page.text
        return await self.get(page.headers["location"])

    async def put_in_cart(self, product_id: int, quantity: int = 1) -> Page:
        """The cart after it."""
        fields = {"action": "add", "product_id": str(product_id), "quantity": str(quantity)}
        return await self.follow(await self.post("/cart", fields))
