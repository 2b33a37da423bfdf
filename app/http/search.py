"""The page of the one search; ``finding`` says who contributes to it."""

from flask import Response, request

from app.http import cycle, finding, fragments
from app.http.html import PageBlueprint

pages = PageBlueprint("search", __name__)

MAX_TEXT = 100


@pages.get("/search", signed_in=True)
def search() -> Response:
    """The hits for ``q`` by group; asked with every few letters, so each finder sends one or two statements."""
    text = request.args.get("q", "").strip()[:MAX_TEXT]
    finders = finding.finders_of(cycle.actor()) if text else []
    groups = [(finder.title, finder.find(text)) for finder in finders]
    return fragments.page(
        "http/search.html",
        parts={"finder-hits": "http/_hits.html"},
        q=text,
        groups=[(title, hits) for title, hits in groups if hits],
    )
