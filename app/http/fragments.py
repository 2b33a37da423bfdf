"""One URL, one view: the page for a plain request, one of its partials for htmx.

htmx 4 names the element to replace in a header (``HX-Target: section#agenda-day``); a page names its
partials by element id, and views never read a header.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, redirect, render_template, request
from markupsafe import Markup

from app.http import page_context
from app.http.cycle import is_fragment_request


def page(template: str, *, parts: dict[str, str] | None = None, status: int = 200, **context: Any) -> Response:
    """The page ``template``, or the partial whose element id the request targets.

    ``parts`` maps element ids to partial templates; all of them take the page's context.
    """
    target = request.headers.get("HX-Target", "").rpartition("#")[2] if is_fragment_request() else ""
    partial = (parts or {}).get(target)
    if partial:
        return make_response(render_template(partial, **context), status)
    return make_response(render_template(template, **{**page_context.values(), **context}), status)


def dialog(
    body: str, *, title: str, parts: dict[str, str] | None = None, status: int = 200, **context: Any
) -> Response:
    """The partial ``body`` in the page's dialog, or without script as a page of its own.

    ``body`` finds ``in_dialog`` in its context: only there its form is sent by htmx. ``parts`` are
    further partials inside it, as in ``page``.
    """
    return page(
        "shared/dialog_page.html",
        parts={"dialog-body": "shared/_dialog.html", **(parts or {})},
        status=status,
        body=body,
        page_title=title,
        **context,
    )


def render_partial(template: str, **context: Any) -> str:
    """Render one partial, for ``fragment_response``."""
    return render_template(template, **context)


def oob_swap(target: str, html: str, swap: str = "outerMorph") -> Markup:
    """An out-of-band swap: a fragment for another element than the target of the request (htmx 4 partial)."""
    return Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(target, swap, Markup(html))  # noqa: S704 - html is a rendered template


def fragment_response(
    html: str = "",
    *,
    redirect_url: str,
    toast: str | None = None,
    undo: str | None = None,
    about: str | None = None,
    oob_swaps: tuple[Markup, ...] = (),
    close_dialog: bool = False,
    status: int = 200,
) -> Response:
    """The response to a successful POST: the changed fragment with a toast; without script a redirect.

    ``undo`` is the URL that a "Deshacer" button in the toast posts to. A toast takes the place of an older one that is
    ``about`` the same (``visit-8``).
    """
    if not is_fragment_request():
        if toast:
            flash(toast)
        return make_response(redirect(redirect_url, 303))
    pieces = [html, *oob_swaps]
    if toast:
        pieces.append(
            oob_swap(
                "#toasts",
                render_template("shared/_toast.html", kind="success", text=toast, undo=undo, about=about),
                "beforeend",
            )
        )
    response = make_response("".join(pieces), status)
    if close_dialog:
        trigger(response, "dialog:close")
    return response


def trigger(response: Response, event: str, detail: Any = True) -> None:
    """Add a browser event with ``detail`` (JSON) to those that the response triggers after the swap."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps({**events, event: detail})


def focus(response: Response, *element_ids: str) -> None:
    """Give the focus to the first of these elements that the page shows, also when it comes with a later refresh."""
    trigger(response, "focus:on", {"ids": element_ids})


def next_url(default: str) -> str:
    """The address to return to without script: the path in its ``next`` field, else ``default``."""
    return local_path(request.form.get("next", "")) or default


def local_path(url: str) -> str:
    """``url`` if it is a path of this site, else ``""``: prevents open redirects."""
    parts = urlsplit(url)
    safe = url.startswith("/") and not url.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return url if safe and "\n" not in url and "\r" not in url else ""


def redirect_to(url: str) -> Response:
    """Redirect to another page, with or without htmx."""
    if not is_fragment_request():
        return make_response(redirect(url, 303))
    response = make_response("")
    response.headers["HX-Redirect"] = url
    return response
