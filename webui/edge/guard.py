"""What happens before every view, in order: host, identity, forgery, permission. Deny by default."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask, Response, current_app, flash, g, redirect, request
from werkzeug.exceptions import MisdirectedRequest, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from posthouse.platform import logs
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Forbidden
from posthouse.platform.permissions import Permission, require
from posthouse.platform.scope import new_request_id, public
from posthouse.tenants.people import signin
from posthouse.webui.edge import clients, forgery, htmx, identity, rates, visit
from posthouse.webui.edge.access import Access, Door, access_of, body_bytes_of
from posthouse.webui.edge.headers import is_api
from posthouse.webui.edge.hosts import HostBook, own_hosts, read_host


class Unauthenticated(AppError):
    """Nobody valid is signed in, or there is no valid key."""

    kind = "unauthenticated"


def install(app: Flask, *, public_url: str) -> None:
    """Put the guard before every view."""
    app.extensions["posthouse_hosts"] = HostBook(own_hosts(public_url))
    app.before_request(watch)
    app.after_request(_name_request)


def watch() -> AnyResponse | None:
    """Check one request. Returns an answer where the view is not to run."""
    request_id = new_request_id()
    logs.clear_contextvars()
    logs.bind_contextvars(request_id=request_id)
    g.posthouse_request_id = request_id
    if request.endpoint is None:
        return None  # no such address: the error page is made without a look at who asks
    access = access_of(current_app, request.endpoint)
    if access is Door.PUBLIC:
        return None
    seen = _meet(request_id)
    if is_api() and access is not Door.VISITOR:
        return _admit_program(seen, access)
    return _admit_person(seen, access)


def _meet(request_id: str) -> visit.Visit:
    host = read_host(request.headers.get("Host", ""))
    if host is None:
        raise MisdirectedRequest
    book: HostBook = current_app.extensions["posthouse_hosts"]
    origin = clients.address(request.environ, clients.proxies(settings().web_proxies))
    seen = identity.neutral_visit(request_id=request_id, origin=origin, host=host)
    if host not in book.own:
        seen.brand_of = _reseller_of(book, host, request_id)
    visit.begin(seen)
    return seen


def _reseller_of(book: HostBook, host: str, request_id: str) -> int:
    known, reseller_id = book.remembered(host)
    if not known:
        reseller_id = identity.look_up_host(host, request_id)
        book.remember(host, reseller_id)
    if reseller_id is None:
        raise MisdirectedRequest
    return reseller_id


def _admit_program(seen: visit.Visit, access: Access) -> AnyResponse | None:
    seen.scope = identity.bearer(seen)
    own = host_reseller(seen.host)
    if seen.scope is None or (own is not None and seen.scope.reseller_id != own):
        seen.scope = None  # no key, or one of another reseller's tenant at this one's address
        rates.take_wrong(seen.origin)
        raise Unauthenticated("key_invalid", "Send a valid API key as `Authorization: Bearer key_…`. Keys are made under “API keys”.")
    _bind(seen)
    rates.take(seen.scope.actor.id or 0)
    if isinstance(access, Permission):
        require(seen.scope, access)
    return None


def _admit_person(seen: visit.Visit, access: Access) -> AnyResponse | None:
    identity.recognise(seen)
    own = host_reseller(seen.host)
    if seen.scope is not None and own is not None and seen.scope.reseller_id not in {None, own}:
        seen.scope, seen.place = None, None  # signed in, but this is another reseller's address
    _widen(seen)
    _count_fields()
    forgery.check()
    if access is Door.VISITOR:
        return None
    if seen.user is None:
        return _to_sign_in()
    if seen.stay is not None and seen.scope is None:
        return _end_stay(seen)
    _bind(seen)
    if access is Door.PERSON:
        return None
    if seen.scope is None:
        return redirect("/places", 303)
    require(seen.scope, access)  # type: ignore[arg-type]  # the doors are dealt with above
    return None


def _count_fields() -> None:
    """A form in one piece may be of any number of fields, for all that the framework cares. Raises: RequestEntityTooLarge."""
    most = current_app.config["MAX_FORM_PARTS"]
    if request.method not in forgery.SAFE and sum(map(len, request.form.listvalues())) > most:
        raise RequestEntityTooLarge


def _widen(seen: visit.Visit) -> None:
    """Before the form is read: some views take large files, but not from just anybody."""
    most = body_bytes_of(current_app, request.endpoint or "") if seen.user is not None else None
    if most is not None:
        request.max_content_length = most


def host_reseller(host: str) -> int | None:
    """Return whose address the visit came to, None at the installation's own."""
    book: HostBook = current_app.extensions["posthouse_hosts"]
    return None if host in book.own else book.remembered(host)[1]


def _to_sign_in() -> AnyResponse:
    if request.method in forgery.SAFE and not request.headers.get("HX-Request"):
        target = request.full_path.rstrip("?")
        return redirect("/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}", 303)
    raise Unauthenticated("signed_out", "You are signed out. Sign in again; nothing was changed.")


def _end_stay(seen: visit.Visit) -> AnyResponse:
    """Bring somebody home whose stay is over; what they were about to change is not changed."""
    if request.method not in forgery.SAFE:
        raise Forbidden("stay_over", "Your stay in this account is over; nothing was changed. Enter it again to go on.")
    asking = public("stay over", seen.request_id)
    with transaction(asking):
        token = signin.go_home(asking, identity.token() or "", seen.origin)
    flash("Your stay in the account is over: you are back in your own place.", "info")
    response = htmx.go("/")
    identity.keep_token(response, token)
    return response


def _bind(seen: visit.Visit) -> None:
    scope = seen.scope
    if scope is not None:
        logs.bind_contextvars(tenant_id=scope.tenant_id, reseller_id=scope.reseller_id, actor=scope.actor.kind)


def _name_request(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("posthouse_request_id", "")
    return response
