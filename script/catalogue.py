"""The English catalogue: extracted from app and templates, merged with what is translated, compiled.

Spanish is the source language (docs/adr/0001), so English is the only catalogue. The files carry no
dates, line numbers or tool versions: they change when a text changes and not otherwise.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "app/translations/en/LC_MESSAGES/messages.po"
MO = PO.with_suffix(".mo")
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None}  # N_ and ngettext are among the defaults
TITLE = "# English of MediConnect. Edit the msgstr lines, then run script/translations."
HEADER = "".join(
    f"{line}\n"
    for line in (
        "Project-Id-Version: MediConnect",
        "Language: en",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "Plural-Forms: nplurals=2; plural=(n != 1);",
    )
)


class English(Catalog):
    """A catalogue with our own short header in place of Babel's dated one."""

    def __init__(self) -> None:
        super().__init__("en", fuzzy=False, header_comment=TITLE)

    def __iter__(self) -> Iterator[Message]:
        yield Message("", HEADER)
        yield from self._messages.values()


def extracted() -> English:
    """Every text of the sources, untranslated."""
    found = English()
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    for name, line, text, _comments, context in extract_from_dir(ROOT, methods, options, keywords=KEYWORDS):
        found.add(text, None, [(name, line)], context=context)
    return found


def translated() -> English:
    """The catalogue as it stands in the file."""
    known = English()
    if PO.exists():
        for message in read_po(io.BytesIO(PO.read_bytes()), locale="en"):
            if message.id:
                known.add(message.id, message.string, flags=message.flags, context=message.context)
    return known


def merged(found: English, known: English) -> English:
    """The texts of ``found`` with the English of ``known``; what is no longer used is dropped."""
    for message in found:
        if message.id and (old := known.get(message.id, message.context)) is not None:
            message.string = old.string
    return found


def untranslated(catalogue: English) -> list[str]:
    """The texts without English, or without one of its two plural forms."""
    return [_forms(m.id)[0] for m in catalogue if m.id and not all(_forms(m.string))]


def as_po(catalogue: English) -> bytes:
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    return buffer.getvalue()


def as_mo(catalogue: English) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text or "",) if text is None or isinstance(text, str) else text


def main() -> int:
    catalogue = merged(extracted(), translated())
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(as_po(catalogue))
    MO.write_bytes(as_mo(catalogue))
    missing = untranslated(catalogue)
    for text in missing:
        print(f"no English yet: {text}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
