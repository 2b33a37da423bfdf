"""Every interface text is Spanish in the source and has its English in the catalogue."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
import time_machine
from flask import Flask
from flask_babel import force_locale, gettext, ngettext
from jinja2 import Environment, nodes
from sqlalchemy import update

from app.http.templating import day_words, short_day, translated
from app.identity.models import User
from app.kernel.db import db
from script import catalogue
from tests.client import Client
from tests.scheduling import front_desk

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.*") if path.suffix in {".html", ".txt"})
SOURCES = sorted(path for path in (ROOT / "app").rglob("*.py") if "demo" not in {path.stem, *path.parts})
MARKS = {"_", "_l", "N_", "gettext", "lazy_gettext", "ngettext"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
SAME_IN_BOTH = 12  # letters; shorter words may stand in a name
SPOKEN = {"aria-label", "title", "placeholder", "alt"}
ENGLISH = {"Accept-Language": "en-GB,en;q=0.9"}
DATE_PATTERN = "EEEE d 'de' MMMM"
STATES = ("pending", "booked", "arrived", "checked-in", "fulfilled", "noshow", "cancelled")
RUN = "run: script/translations"


def forms(text: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, (tuple, list)) else (text or "",)


def english() -> dict[str, str]:
    """Spanish to English, plural forms one by one."""
    pairs = (zip(forms(m.id), forms(m.string), strict=True) for m in catalogue.translated() if m.id)
    return {spanish: word for pair in pairs for spanish, word in pair}


# ------------------------------------------------------------------ the catalogue


def test_every_text_is_translated_into_english() -> None:
    known = catalogue.translated()
    missing = [m.id for m in catalogue.extracted() if m.id and m.id not in known]
    assert missing == [], RUN
    assert catalogue.untranslated(known) == []
    assert [m.id for m in known if "fuzzy" in m.flags] == []


def test_the_extractor_finds_what_is_marked() -> None:
    """It does not look into f-strings: a call of gettext has to stand before one."""
    found = catalogue.extracted()
    marked = {
        call.args[0].value
        for path in SOURCES
        for call in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert [text for text in marked if text and text not in found] == []


def test_the_catalogue_has_no_unused_texts() -> None:
    found_texts = catalogue.extracted()
    assert [m.id for m in catalogue.translated() if m.id and m.id not in found_texts] == [], RUN


def test_placeholders_are_the_same_in_both_languages() -> None:
    different = [
        spanish
        for spanish, word in english().items()
        if sorted(PLACEHOLDER.findall(spanish)) != sorted(PLACEHOLDER.findall(word))
    ]
    assert different == []


def test_the_compiled_catalogue_is_current() -> None:
    known = catalogue.translated()
    assert catalogue.MO.read_bytes() == catalogue.as_mo(known), RUN
    spoken = GNUTranslations(BytesIO(catalogue.MO.read_bytes()))
    assert spoken.gettext("Recepción") == "Front desk"


def test_catalogue_files_hold_no_dates_or_paths() -> None:
    text = catalogue.PO.read_text(encoding="utf-8")
    assert "-Date:" not in text
    assert "Generated-By" not in text
    assert str(ROOT) not in text


# ------------------------------------------------------------------ nothing outside gettext


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_mark_every_text_for_translation(path: Path) -> None:
    # Names, and the words that are the same in every language. A kbd is a key, a code a machine's word.
    names = {"MediConnect", "RUC", "DNI", "API", "min", "openapi", "json"}
    source = path.read_text(encoding="utf-8")
    spoken = {word for text in _spoken(source) for word in re.findall(r"[^\W\d_]{3,}", text)}
    assert spoken <= names, "wrap it in _()"
    assert _unmarked(source) == [], "wrap it in _()"


def _spoken(source: str) -> Iterator[str]:
    """The literal texts of a template: between tags and in attributes shown or read aloud."""
    plain = re.sub(r"{%-?\s*block (main|shell|body|panel)_class.*?endblock\s*-?%}", "", source, flags=re.S)
    plain = re.sub(r"{#.*?#}|{{.*?}}|{%.*?%}", " ", plain, flags=re.S)
    plain = re.sub(r"<(script|style|kbd|code)\b.*?</\1>", "", plain, flags=re.S)
    yield from re.findall(r'\s(?:aria-label|title|placeholder|alt|data-label|data-empty)="([^"]*)"', plain)
    yield re.sub(r"<[^>]*>", " ", plain)


def _unmarked(source: str) -> list[str]:
    """Constants of expressions that look Spanish and are in no call of gettext."""
    tree = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    calls = (c for c in tree.find_all(nodes.Call) if isinstance(c.node, nodes.Name) and c.node.name in MARKS)
    marked = {id(constant) for call in calls for constant in call.find_all(nodes.Const)}
    return [
        c.value for c in tree.find_all(nodes.Const) if id(c) not in marked and looks_spanish(c.value, capitals=True)
    ]


def looks_spanish(value: object, *, capitals: bool = False) -> bool:
    """Accents give a Spanish sentence away; in a template a capital with small letters does, too."""
    if not isinstance(value, str):
        return False
    sentence = capitals and re.match(r"[A-Z][a-z]{2,}(?![a-z]*(Field|[A-Z]))", value)
    return bool(sentence or re.search(r"[áéíóúñÁÉÍÓÚÑ¿«º]", value))


def test_code_marks_every_text_for_translation() -> None:
    # A language's own name, a password too many people have, a name to be changed by the operator.
    meant = {"Español", "contraseña", "Mi organización"}
    found = {f"{path.name}: {text}" for path in SOURCES for text in _texts(path) if text not in meant}
    assert found == set()


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls of gettext under any of its names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MARKS:
            yield node


def _texts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marked = {id(constant) for call in _calls(tree) for constant in ast.walk(call)}
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in marked | docstrings and looks_spanish(node.value):
            yield node.value


# ------------------------------------------------------------------ what people see

PAGES = {
    "/account": ("ana", "My account"),
    "/agenda": ("ana", "Agenda"),
    "/front-desk": ("ana", "Front desk"),
    "/front-desk?view=list": ("ana", "Front desk"),
    "/walk-ins/new": ("ana", "Receive a walk-in"),
    "/appointments/new?patient_id=1": ("ana", "Book"),
    "/patients": ("ana", "Patients"),
    "/patients/new": ("ana", "New patient"),
    "/patients/1": ("ana", "Clara Inés Núñez Quispe"),
    "/till": ("ana", "Till"),
    "/tickets": ("ana", "Tickets"),
    "/reports": ("diego", "Reports"),
    "/reports/improved-daily-cash": ("diego", "Daily cash report"),
    "/reports/statistics": ("diego", "Statistics"),
    "/notifications": ("ana", "Notifications"),
    "/admin": ("eva", "Administration"),
    "/admin/clinics/1": ("eva", "Centro Miraflores"),
    "/admin/therapists/1": ("eva", "Bruno Salas"),
    "/admin/therapists/1/hours": ("eva", "Bruno Salas"),
    "/admin/hours": ("eva", "Working hours"),
    "/admin/services": ("eva", "Services"),
    "/admin/users": ("eva", "Users"),
    "/my": ("clara", "My appointments"),
    "/my/booking": ("clara", "Choose a service"),
    "/my-day": ("bruno", "My day"),
}


def leftovers(tree: Element) -> set[str]:
    """Spanish texts of the catalogue shown by a page: as a whole, or, when long, inside something."""
    found_texts = {" ".join(text.split()) for element in tree.iter() for text in _readable_texts(element)}
    spanish = {text for text, word in english().items() if text != word and "%(" not in text}
    everything = "\n".join(found_texts)
    return (found_texts & spanish) | {text for text in spanish if len(text) > SAME_IN_BOTH and text in everything}


def _readable_texts(element: Element) -> Iterator[str]:
    yield from (element.text or "", element.tail or "")
    yield from (value for name, value in element.items() if name in SPOKEN or name.startswith("data-"))


def heading(tree: Element) -> str:
    h1 = tree.find(".//h1")
    assert h1 is not None
    return " ".join("".join(h1.itertext()).split())


def speak_english(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(User).values(locale="en"))
        db.session.commit()


def test_the_browser_chooses_the_language(client: Client) -> None:
    answer = client.get("/login", headers=ENGLISH)
    assert heading(client.tree(answer)) == "Sign in"
    assert client.tree(answer).get("lang") == "en"
    assert leftovers(client.tree(answer)) == set()
    assert heading(client.tree(client.get("/login", headers={"Accept-Language": "fr"}))) == "Ingresar"


def test_spanish_is_of_peru(client: Client, ana: Client) -> None:
    for answer in (client.get("/login"), ana.get("/front-desk")):
        assert client.tree(answer).get("lang") == "es-PE"


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_english_for_users_who_chose_english(request: pytest.FixtureRequest, path: str) -> None:
    name, h1 = PAGES[path]
    person: Client = request.getfixturevalue(name)
    assert person.get(path).status_code == 200
    speak_english(person.app)
    answer = person.get(path)
    assert heading(person.tree(answer)) == h1
    assert person.tree(answer).get("lang") == "en"
    assert leftovers(person.tree(answer)) == set()


def test_the_browser_language_is_the_default(clara: Client) -> None:
    answer = clara.get("/my", headers=ENGLISH)
    assert heading(clara.tree(answer)) == "My appointments"
    assert leftovers(clara.tree(answer)) == set()


VISITS = ("/front-desk", "/front-desk?view=list", "/front-desk/closing", "/agenda", "/tickets", "/tickets/1", "/till")


@pytest.fixture
def ten_o_clock() -> Iterator[None]:
    with time_machine.travel(front_desk.NOW, tick=False):
        yield


@pytest.mark.parametrize("path", [*VISITS, "/appointments/1", "/appointments/1/schedule", "/patients/1/appointments"])
def test_visits_in_every_state_are_english(ten_o_clock: None, diego: Client, path: str) -> None:
    with diego.app.app_context():
        for hour, state in enumerate(STATES):
            front_desk.add_visit(f"{9 + hour:02d}:00", state, paid=state == "fulfilled")
    speak_english(diego.app)
    answer = diego.get(path)
    assert answer.status_code == 200
    assert leftovers(diego.tree(answer)) == set()


# ------------------------------------------------------------------ API, forms, dates, plurals


def test_the_api_answers_in_spanish_whatever_the_client_accepts(app: Flask, ana: Client) -> None:
    speak_english(app)
    lost = ana.api("GET", "/api/patients/999999/", Accept_Language="en")
    assert lost.get_json()["error"] == "No encontrado"
    bad = ana.api("GET", "/api/patients/?page=0", Accept_Language="en").get_json()
    assert bad["error"] == "Datos inválidos"
    assert bad["details"]["page"] == ["El valor es demasiado pequeño."]
    nowhere = app.test_client().get("/api/nowhere", headers=ENGLISH)
    assert nowhere.get_json()["error"] == "No encontrado"


def test_messages_of_the_form_library_are_spanish(app: Flask) -> None:
    """They come from its catalogue ``es``, found through ``es_PE``."""
    from wtforms import IntegerField

    from app.http.fields import Form

    class Count(Form):
        number = IntegerField()

    def errors(language: str) -> list[str]:
        data = {"number": "x"}
        with app.test_request_context(method="POST", data=data, headers={"Accept-Language": language}):
            form = Count(meta={"csrf": False})
            assert not form.validate()
            return list(form.number.errors)

    assert errors("es-PE") == ["No es un valor entero válido."]
    assert errors("en") == ["Not a valid integer value."]


def test_plurals_need_no_spanish_catalogue(app: Flask) -> None:
    def say(language: str) -> list[str]:
        with app.test_request_context(headers={"Accept-Language": language}):
            return [ngettext("%(num)s cita", "%(num)s citas", n) for n in (0, 1, 2)]

    assert say("es-PE") == ["0 citas", "1 cita", "2 citas"]
    assert say("en") == ["0 appointments", "1 appointment", "2 appointments"]


def test_dates_are_in_the_readers_language(app: Flask) -> None:
    from datetime import date

    from flask_babel import format_date

    day, today = date(2026, 11, 24), date(2026, 11, 20)

    def say(locale: str) -> tuple[str, ...]:
        with app.test_request_context(), force_locale(locale):
            near = day_words(today, today)
            return day_words(day, today), near, short_day(day, today)[1], format_date(day, gettext(DATE_PATTERN))

    assert say("es_PE") == ("mar 24 nov", "hoy", "nov", "martes 24 de noviembre")
    assert say("en") == ("Tue 24 Nov", "today", "Nov", "Tuesday 24 November")


def test_an_empty_text_is_translated_to_an_empty_text(app: Flask) -> None:
    """gettext answers the empty text with the catalogue's header; templates must not show it."""
    with app.test_request_context(headers=ENGLISH):
        assert "Content-Type" in gettext("")
        assert translated("") == ""
