"""PDF: the tables of the page through WeasyPrint, in a child process.

The child (``pdf_child.py``) imports nothing of the product: it gets HTML and font files, may fetch nothing,
runs under limits of memory and time, and ends with its parent. So neither a web process nor a
worker holds WeasyPrint's memory, and other requests are served meanwhile.
"""

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flask import render_template
from flask_babel import gettext as _
from markupsafe import Markup

from app.http.assets import SOURCE
from app.kernel import money
from app.kernel.errors import DomainError
from app.kernel.i18n import N_
from app.reports.registry import Document, Provenance, Report

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("pdf_child.py")
RENDER_SLOTS = threading.BoundedSemaphore(2)
MAX_SECONDS = 300
ROWS_ON_A_PAGE = 30
FONTS = {"inter-latin": "vendor/inter-latin.woff2", "inter-latin-ext": "vendor/inter-latin-ext.woff2"}
Handlers = Mapping[bytes, Callable[[int], None]]


class PdfUnavailable(DomainError):
    status = 503
    code = "PDF_UNAVAILABLE"
    message = N_("No se pudo generar el PDF. Los datos están completos: pida el reporte en Excel o CSV.")


@dataclass(frozen=True, slots=True)
class Printer:
    """The child process, which imports WeasyPrint while its document is being made."""

    child: subprocess.Popen[bytes]
    errors: IO[bytes]

    def print(self, html: str, css: str, handlers: Handlers) -> bytes:
        """The HTML as a PDF; once. Raises PdfUnavailable."""
        request = {"html": html, "css": css, "fonts": {name: str(SOURCE / path) for name, path in FONTS.items()}}
        content = _exchange(self.child, json.dumps(request).encode(), handlers)
        if content is None:
            self.child.wait()
            self.errors.seek(0)
            log.error("no PDF: %s", self.errors.read()[-2000:].decode(errors="replace"))
            raise PdfUnavailable
        return content


@contextmanager
def start() -> Iterator[Printer]:
    """Start the child before its document is ready; on leaving it is ended."""
    command, pipe = [sys.executable, "-I", str(CHILD)], subprocess.PIPE
    with (
        RENDER_SLOTS,
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors) as child,
    ):
        timer = threading.Timer(MAX_SECONDS, child.kill)
        timer.start()
        try:
            yield Printer(child, errors)
        finally:
            timer.cancel()
            child.kill()  # already ended, unless an error occurred here


def document(
    report: Report,
    doc: Document,
    provenance: Provenance,
    rows: int,
    progress: Callable[[int, str], None],
    printer: Printer,
) -> bytes:
    """The document as a PDF. Raises PdfUnavailable."""
    html = print_html(report, doc, provenance)
    expected = max(1, -(-rows // ROWS_ON_A_PAGE))

    def page(number: int) -> None:
        done = min(rows, rows * number // expected)
        text = _("Generando PDF: %(done)s de %(rows)s filas", done=done, rows=rows)
        progress(min(80, 10 + 70 * number // (expected + 1)), text)

    def laid_out(_number: int) -> None:
        progress(85, _("Armando el archivo PDF"))

    progress(8, _("Preparando el PDF de %(rows)s filas", rows=rows))
    css = (SOURCE / "css/paper.css").read_text() + column_widths(doc)
    return printer.print(html, css, {b"page": page, b"drawn": laid_out})


def column_widths(doc: Document) -> str:
    """Column widths, which a fixed table layout needs; it takes half the time of an automatic one."""
    return "".join(
        f".report-{table.name} col:nth-child({number}) {{ width: {share}% }}\n"
        for table in doc.blocks
        for number, share in enumerate(table.shares, start=1)
    )


def print_html(report: Report, doc: Document, provenance: Provenance) -> str:
    """The HTML that is printed: the body template inside ``base_print.html``."""
    header = doc.header
    import segno  # imported here: only a PDF needs it

    qr_text = f"{header.tax_id} {header.title} {header.period[0].isoformat()} {provenance.digest[:12]}"
    return render_template(
        "reports/paper.html",
        body=report.template,
        doc=doc,
        header=header,
        provenance=provenance,
        symbol=money.symbol(header.currency),
        qr_code=Markup(segno.make(qr_text, error="m").svg_inline(scale=1.4, border=0)),  # noqa: S704 - our own SVG
        paper=True,
        **doc.context,
    )


def _exchange(child: subprocess.Popen[bytes], request: bytes, handlers: Handlers) -> bytes | None:
    """Send the request; read ``page 3`` and ``drawn 0`` lines, and finally ``pdf <bytes>`` with the document."""
    if child.stdin is None or child.stdout is None:
        return None
    try:
        child.stdin.write(request)
        child.stdin.close()
    except BrokenPipeError:
        return None
    for line in child.stdout:
        keyword, _space, number = line.partition(b" ")
        if keyword in handlers:
            handlers[keyword](int(number))
        elif keyword == b"pdf":
            content = child.stdout.read(int(number))
            return content if len(content) == int(number) else None
    return None
