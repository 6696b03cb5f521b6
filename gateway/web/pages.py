"""Pages for people: rendered from templates that hold text alone, with a strict CSP and no script; the cookie by which
a browser is known, and the token that each form carries against cross-site requests (CSRF).

One random text in the cookie serves for all: hashed, it names the session in the store, and keyed with it the form's
token is made. A page of another site knows neither.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from gateway.errors import Forbidden, GatewayError, UsageError
from gateway.identity.keys import base64url, same_secret
from gateway.identity.people import SESSION_LIFETIME_MS, Person
from gateway.service.rates import Rates
from gateway.service.signin import SignIn

SIGN_IN = "/ui/sign-in"
STATIC = "/ui/static"
MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 200
_HERE = Path(__file__).parent
_COOKIE = 43
"""Characters of a browser's cookie."""
_HEADERS = {
    "Cache-Control": "no-store",
    # Not `no-referrer`: with it browsers send `Origin: null` with the page's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

Handler = Callable[[Request], Awaitable[Response]]
PersonalHandler = Callable[[Request, Person], Awaitable[Response]]
FormHandler = Callable[[Request, Person, Mapping[str, str]], Awaitable[Response]]


class Pages:
    def __init__(self, sign_in: SignIn, rates: Rates, *, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._sign_in = sign_in
        self._rates = rates
        self._secure = parts.scheme == "https"
        # Cookies know no ports: two gateways on one machine would take each other's.
        self._cookie = "__Host-gateway" if self._secure else f"gateway_{parts.port or 80}"
        self._host = parts.netloc
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"duration": duration, "day": day}

    def endpoint(self, handler: Handler) -> Handler:
        """A handler whose errors become a page, and whose visitors may not come too often."""

        async def answered(request: Request) -> Response:
            try:
                await self._rates.of_address("page", address(request))
                return await handler(request)
            except GatewayError as error:
                return self.problem(request, error)

        return answered

    def personal(self, handler: PersonalHandler) -> Handler:
        """`endpoint` for who has signed in; everybody else does that first, and comes back."""

        async def answered(request: Request) -> Response:
            person = await self.person(request)
            return self._to_sign_in(request) if person is None else await handler(request, person)

        return self.endpoint(answered)

    def submitted(self, handler: FormHandler) -> Handler:
        """`personal` for a form of ours, filled in on one of our pages."""

        async def answered(request: Request) -> Response:
            form = await self.form(request)
            person = await self.person(request)
            return self._to_sign_in(request) if person is None else await handler(request, person, form)

        return self.endpoint(answered)

    def show(
        self, request: Request, template: str, *, status: int = 200, form_targets: Sequence[str] = (), **values: Any
    ) -> Response:
        """A page. `form_targets` are CSP sources that its forms may end at, beside the gateway itself: browsers hold
        a form against the place that its answer redirects to."""
        browser = self.browser(request) or secrets.token_urlsafe(32)
        known = {"csrf": _form_token(browser), "host": self._host, "static": STATIC}
        text = self._templates.get_template(template).render(**known, **values)
        policy = [
            "default-src 'none'",
            "style-src 'self'",
            " ".join(("form-action 'self'", *form_targets)),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
        headers = {**_HEADERS, "Content-Security-Policy": "; ".join(policy)}
        response = HTMLResponse(text, status_code=status, headers=headers)
        if browser != self.browser(request):
            self._set_cookie(response, browser, None)
        return response

    def problem(self, request: Request, error: GatewayError) -> Response:
        """What went wrong, and what to do about it."""
        response = self.show(
            request, "message.jinja", status=error.status, title="This did not work", text=error.message, fix=error.fix
        )
        if "retry_after" in error.details:
            response.headers["Retry-After"] = str(error.details["retry_after"])
        return response

    # --- browsers ------------------------------------------------------------------------------------------------

    def browser(self, request: Request) -> str | None:
        """What this browser is known by; None: it is new."""
        value = request.cookies.get(self._cookie, "")
        return value if len(value) == _COOKIE and value.isascii() else None

    async def person(self, request: Request) -> Person | None:
        """Who is signed in."""
        browser = self.browser(request)
        return None if browser is None else await self._sign_in.person(browser)

    def _to_sign_in(self, request: Request) -> Response:
        """Sign in first, then come back here."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return redirect(f"{SIGN_IN}?{urlencode({'then': here})}")

    def signed_in(self, browser: str, then: str) -> Response:
        """On to the path `then`, known by another text: one that was put there beforehand is worth nothing."""
        response = redirect(then)
        self._set_cookie(response, browser, SESSION_LIFETIME_MS // 1000)
        return response

    def signed_out(self) -> Response:
        response = redirect(SIGN_IN)
        self._set_cookie(response, "", 0)
        return response

    def _set_cookie(self, response: Response, value: str, max_age: int | None) -> None:
        # Lax, so that a client's link to the authorization endpoint finds the person signed in.
        response.set_cookie(
            self._cookie, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    # --- forms ---------------------------------------------------------------------------------------------------

    async def form(self, request: Request) -> Mapping[str, str]:
        """The fields of a form of ours, filled in on one of our pages. Raises `UsageError`, `Forbidden`."""
        fields = dict(await form_pairs(request))
        browser = self.browser(request)
        if browser is None or not same_secret(fields.get("csrf", ""), _form_token(browser)):
            raise Forbidden(
                "This form was not opened in this browser, or its cookies are off.", fix="Go back, reload, try again."
            )
        return fields


async def form_pairs(request: Request) -> list[tuple[str, str]]:
    """The fields of a request body as they stand. Raises `UsageError`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UsageError("The body must be application/x-www-form-urlencoded.")
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        raise UsageError(f"The body has more than {MAX_FORM_BYTES} bytes.")
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise UsageError("The body is not a form of texts in UTF-8.") from None


def address(request: Request) -> str:
    """Who asks: behind a trusted proxy, whom it names."""
    return request.client.host if request.client else "unknown"


def redirect(to: str) -> Response:
    """After which the browser sends GET, whatever it has sent before."""
    return RedirectResponse(to, status_code=303, headers={"Cache-Control": "no-store"})


def own_path(text: str | None, default: str) -> str:
    """A path of this gateway to go on at, which came from outside: never another site."""
    parts = urlsplit(text or "")
    plain = text is not None and text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if plain and text and not parts.netloc and not parts.scheme else default


def duration(seconds: int) -> str:
    """`7 days`, `1 hour`, in the largest unit that fits."""
    size, unit = next(span for span in _SPANS if seconds % span[0] == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def day(at_ms: int) -> str:
    """`22 December 2026, 16:30 UTC`"""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%-d %B %Y, %H:%M UTC")


def static_files() -> Mount:
    return Mount(STATIC, StaticFiles(directory=_HERE / "static"))


def _form_token(browser: str) -> str:
    return base64url(hmac.digest(browser.encode(), b"form", hashlib.sha256))
