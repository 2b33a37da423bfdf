"""Separate program: a request as JSON on stdin, a PDF on stdout. Imports nothing of the product.

It is started before its request is ready and imports WeasyPrint meanwhile. It may read nothing but the files of the
request: WeasyPrint's own fetcher would read ``file://`` into the document. Limits of memory, time and files are set
before the first byte of HTML is read.
"""

import ctypes
import gc
import json
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 240
OPEN_FILES = 64
OBJECTS_BETWEEN_COLLECTIONS = 100_000  # a layout makes many objects that live until its end
PR_SET_PDEATHSIG = 1


def limit_self() -> None:
    """End with the parent process; limit memory, CPU time and open files."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass  # not Linux: the parent kills this process when it ends
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class ProgressHandler(logging.Handler):
    """Reports to the parent each page that WeasyPrint lays out, and the end of the layout."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self.out, self.last = out, 0

    def emit(self, record: logging.LogRecord) -> None:
        if "Page %d" in str(record.msg) and isinstance(record.args, tuple):
            number = int(str(record.args[0]))
            if number > self.last:
                self.last = number
                self.out.write(b"page %d\n" % number)
                self.out.flush()
        elif str(record.msg).startswith("Step 6"):
            self.out.write(b"drawn 0\n")
            self.out.flush()


def main() -> int:
    limit_self()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    import weasyprint  # noqa: F401 - takes a second and needs the system's Pango; under the limits

    request = json.loads(sys.stdin.buffer.read())
    assets = {f"asset:{name}": Path(path).read_bytes() for name, path in request["fonts"].items()}
    out = sys.stdout.buffer
    content = print_pdf(request["html"], request["css"], assets, out)
    out.write(b"pdf %d\n" % len(content))
    out.write(content)
    out.flush()
    return 0


def print_pdf(html: str, css: str, assets: dict[str, bytes], out: BinaryIO) -> bytes:
    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class OnlyAssets(URLFetcher):
        """Serves the given assets and refuses every other URL."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url not in assets:
                raise FatalURLFetchingError(f"refused: {url[:80]}")
            return URLFetcherResponse(url, assets[url], {"Content-Type": "font/woff2"})

    progress = logging.getLogger("weasyprint.progress")
    progress.setLevel(logging.INFO)
    progress.propagate = False
    progress.handlers = [ProgressHandler(out)]
    fetcher, fonts = OnlyAssets(), FontConfiguration()
    sheet = weasyprint.CSS(string=css, url_fetcher=fetcher, font_config=fonts)
    page = weasyprint.HTML(string=html, url_fetcher=fetcher, base_url="asset:")
    return bytes(page.write_pdf(stylesheets=[sheet], font_config=fonts) or b"")


if __name__ == "__main__":
    sys.exit(main())
