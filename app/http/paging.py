"""Page links of a list, in the shape the ``pagination`` macro takes."""

from typing import Any
from urllib.parse import urlencode

NEAR = 2  # numbers shown on each side of the present page


def pager(*, count: int, number: int, size: int, path: str, **filters: Any) -> dict[str, Any]:
    """Links to the pages of a list of ``count`` rows; ``filters`` are kept in every address."""
    pages = max(1, -(-count // size))
    kept = {name: value for name, value in filters.items() if value not in (None, "")}

    def href(page: int) -> str:
        query = urlencode({**kept, "page": page} if page > 1 else kept)
        return f"{path}?{query}" if query else path

    shown = [p for p in range(1, pages + 1) if p in {1, pages} or abs(p - number) <= NEAR]
    links: list[tuple[int | None, str]] = []
    for before, page in zip([0, *shown], shown, strict=False):
        if page - before > 1:
            links.append((None, ""))
        links.append((page, href(page)))
    return {
        "number": number,
        "pages": pages,
        "count": count,
        "first": min((number - 1) * size + 1, count),
        "last": min(number * size, count),
        "links": links,
        "prev_href": href(number - 1) if number > 1 else None,
        "next_href": href(number + 1) if number < pages else None,
    }
