"""A refused form says at its top what is wrong, with links to the fields."""

import inspect
import re

import pytest
from flask import Flask

from tests.client import Client


def test_a_refused_form_links_to_its_wrong_fields(ana: Client) -> None:
    answer = ana.post("/patients", {"given_names": "", "surnames": "", "submission_id": "s1"})
    assert answer.status_code == 422
    summary = re.search(r"data-error-summary.*?</ul>", answer.text, re.DOTALL)
    assert summary
    links = re.findall(r'href="#([^"]+)"', summary[0])
    assert len(links) >= 2
    assert [link for link in links if f'id="{link}"' not in answer.text] == []


def test_every_form_of_a_page_says_what_is_wrong_with_it(ana: Client) -> None:
    answer = ana.post("/account/preferences", {"locale": "xx", "theme": "dark", "submission_id": "s2"})
    assert answer.status_code == 422
    summaries = re.findall(r"data-error-summary.*?</ul>", answer.text, re.DOTALL)
    assert [re.findall(r'href="#([^"]+)"', summary) for summary in summaries] == [["locale"]]


@pytest.mark.any_engine
def test_a_form_carries_its_refusal_when_it_is_shown_again(app: Flask) -> None:
    specs = [view.__dict__["spec"] for name, view in app.view_functions.items() if name != "static"]
    retries = [spec.option("retry") for spec in specs if spec.option("form") and spec.option("retry")]
    assert len(retries) > 20
    assert [retry.__qualname__ for retry in retries if "error" in inspect.signature(retry).parameters] == []
