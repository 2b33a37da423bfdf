"""Paper: the page's own tables through WeasyPrint, in a process of its own.

The child (``pdf_child.py``) knows nothing of the product: it gets HTML and three files, may fetch nothing,
works under limits of memory and time, and dies with whoever started it. So neither a web process nor a
worker ever holds WeasyPrint's memory, and other requests go on meanwhile.
"""

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from flask import render_template
from flask_babel import gettext as _
from markupsafe import Markup

from app.http.assets import SOURCE
from app.kernel import money
from app.kernel.errors import DomainError
from app.kernel.i18n import N_
from app.reports.registry import Document, Report, Stamp

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("pdf_child.py")
AT_ONCE = threading.BoundedSemaphore(2)
LONGEST_SECONDS = 300
ROWS_ON_A_PAGE = 30
FONTS = {"inter-latin": "vendor/inter-latin.woff2", "inter-latin-ext": "vendor/inter-latin-ext.woff2"}
Hear = Mapping[bytes, Callable[[int], None]]


class NoPaper(DomainError):
    status = 503
    code = "PDF_UNAVAILABLE"
    message = N_("No se pudo generar el PDF. Los datos están completos: pida el reporte en Excel o CSV.")


def document(report: Report, doc: Document, stamp: Stamp, rows: int, progress: Callable[[int, str], None]) -> bytes:
    """The document as a PDF. Raises NoPaper."""
    html = paper_html(report, doc, stamp)
    expected = max(1, -(-rows // ROWS_ON_A_PAGE))

    def page(number: int) -> None:
        done = min(rows, rows * number // expected)
        words = _("Generando PDF: %(done)s de %(rows)s filas", done=done, rows=rows)
        progress(min(80, 10 + 70 * number // (expected + 1)), words)

    def drawn(_number: int) -> None:
        progress(85, _("Armando el archivo PDF"))

    progress(8, _("Preparando el PDF de %(rows)s filas", rows=rows))
    return _print(html, {b"page": page, b"drawn": drawn}, column_widths(doc))


def column_widths(doc: Document) -> str:
    """The given widths that a fixed table layout needs: half the time of an automatic one."""
    return "".join(
        f".report-{table.name} col:nth-child({number}) {{ width: {share}% }}\n"
        for table in doc.blocks
        for number, share in enumerate(table.shares, start=1)
    )


def paper_html(report: Report, doc: Document, stamp: Stamp) -> str:
    """The HTML that is printed: the body template inside ``base_print.html``."""
    heading = doc.heading
    import segno  # only a PDF needs it

    seal = f"{heading.tax_id} {heading.title} {heading.period[0].isoformat()} {stamp.digest[:12]}"
    return render_template(
        "reports/paper.html",
        body=report.template,
        doc=doc,
        heading=heading,
        stamp=stamp,
        symbol=money.SYMBOLS.get(heading.currency, heading.currency),
        seal=Markup(segno.make(seal, error="m").svg_inline(scale=1.4, border=0)),  # noqa: S704 - our own SVG
        paper=True,
        **doc.context,
    )


def _print(html: str, hear: Hear, widths: str = "") -> bytes:
    css = (SOURCE / "css/paper.css").read_text() + widths
    order = {"html": html, "css": css, "fonts": {name: str(SOURCE / path) for name, path in FONTS.items()}}
    with AT_ONCE, tempfile.TemporaryFile() as errors:
        content = _in_child(json.dumps(order).encode(), hear, errors)
        if content is None:
            errors.seek(0)
            log.error("no PDF: %s", errors.read()[-2000:].decode(errors="replace"))
            raise NoPaper
    return content


def _in_child(order: bytes, hear: Hear, errors: IO[bytes]) -> bytes | None:
    command = [sys.executable, "-I", str(CHILD)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as child:
        timer = threading.Timer(LONGEST_SECONDS, child.kill)
        timer.start()
        try:
            return _talk(child, order, hear)
        finally:
            timer.cancel()
            child.kill()  # it has done its work, or something went wrong here


def _talk(child: subprocess.Popen[bytes], order: bytes, hear: Hear) -> bytes | None:
    """Give the order; hear ``page 3`` and ``drawn 0`` lines, and at last ``pdf <bytes>`` with the document."""
    if child.stdin is None or child.stdout is None:
        return None
    try:
        child.stdin.write(order)
        child.stdin.close()
    except BrokenPipeError:
        return None
    for line in child.stdout:
        word, _space, number = line.partition(b" ")
        if word in hear:
            hear[word](int(number))
        elif word == b"pdf":
            content = child.stdout.read(int(number))
            return content if len(content) == int(number) else None
    return None
