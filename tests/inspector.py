"""Checks of every answer in every test: pages against what all pages have, JSON against its declared shape."""

import re
from collections import Counter
from xml.etree.ElementTree import Element

import html5lib
from flask import Flask
from werkzeug.test import TestResponse

from app.http.resources import Problem

INTERNAL_ERROR_TEXT = re.compile(r"Traceback \(most recent call last\)|sqlalchemy\.exc|werkzeug\.exceptions")


class BadPage(AssertionError):
    """A response that fails a check of all pages."""


def inspect(html: str, *, is_page: bool, path: str) -> Element:
    """Parse and check an answer; returns the tree. ``is_page`` is False for fragments."""
    parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
    tree = parser.parse(html) if is_page else parser.parseFragment(html)
    wrong = [e for _place, e, _data in parser.errors if e not in TOLERATED]
    problems = [*(f"not valid HTML: {e}" for e in wrong), *_problems(tree, html, is_page)]
    if problems:
        raise BadPage(f"{path}: " + "; ".join(problems))
    return tree


TOLERATED = {"expected-doctype-but-got-start-tag", "expected-doctype-but-got-chars", "expected-doctype-but-got-eof"}


def _problems(tree: Element, html: str, is_page: bool) -> list[str]:
    inert = {id(inner) for e in tree.iter("template") for inner in e.iter()}
    elements = [e for e in tree.iter() if isinstance(e.tag, str) and id(e) not in inert]
    found: list[str] = []
    if is_page:
        headings = [e for e in elements if e.tag == "h1"]
        if len(headings) != 1:
            found.append(f"{len(headings)} h1")
        title = next((e for e in elements if e.tag == "title"), None)
        if title is None or not "".join(title.itertext()).strip():
            found.append("no title")
    twice = [i for i, n in Counter(e.get("id") for e in elements if e.get("id")).items() if n > 1]
    if twice:
        found.append(f"ids used twice: {twice}")
    labelled = {e.get("for") for e in elements if e.tag == "label"}
    inside_label = {id(inner) for e in elements if e.tag == "label" for inner in e.iter()}
    for e in elements:
        if e.get("style") is not None or any(str(name).startswith("on") for name in e.attrib):
            found.append(f"inline style or handler on <{e.tag}>")
        if e.tag == "style" or (e.tag == "script" and not e.get("src")):
            found.append(f"inline <{e.tag}>")
        if e.tag in {"input", "select", "textarea"} and e.get("type") not in {"hidden", "submit", "button"}:
            named = e.get("id") in labelled or id(e) in inside_label or e.get("aria-label") or e.get("aria-labelledby")
            if not named:
                found.append(f"<{e.tag} name={e.get('name')}> has no label")
        if e.tag == "form" and (e.get("method") or "get").lower() == "post":
            names = {i.get("name") for i in e.iter() if isinstance(i.tag, str)}
            if not e.get("action"):
                found.append("a form without action")
            if "csrf_token" not in names:
                found.append(f"the form to {e.get('action')} has no CSRF token")
            if "submission_id" not in names and e.get("action") not in {"/login", "/logout"}:
                found.append(f"the form to {e.get('action')} has no submission id")
        if e.tag == "img" and e.get("alt") is None:
            found.append("an image without alt")
    if is_page:
        ids = {e.get("id") for e in elements}
        targets = {e.get("hx-target", "") for e in elements}
        missing = [t for t in targets if t.startswith("#") and t[1:] not in ids]
        if missing:
            found.append(f"swap targets that are not on the page: {missing}")
    if INTERNAL_ERROR_TEXT.search(html):
        found.append("a traceback")
    return found


def inspect_json(answer: TestResponse, app: Flask) -> None:
    """Hold an answer of the API to the shape that its route declares, and every refusal to ``Problem``."""
    if answer.status_code >= 400:
        Problem.model_validate_json(answer.data, strict=True)
        return
    request = answer.request
    endpoint, _arguments = app.url_map.bind("localhost").match(request.path, request.method)
    spec = app.view_functions[endpoint].__dict__["spec"]
    model = spec.option("answers")
    if model is not None and answer.status_code == spec.option("status"):
        model.model_validate_json(answer.data, strict=True)
