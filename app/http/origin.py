"""Which Origin of a browser is ours."""

from urllib.parse import urlsplit

from flask import current_app, request


def is_ours(origin: str) -> bool:
    """Whether an ``Origin`` header names this server, as it was reached or as ``PUBLIC_URL``. ``null`` names none."""
    ours = {request.host, urlsplit(current_app.config["SETTINGS"].public_url).netloc}
    return urlsplit(origin).netloc in ours
