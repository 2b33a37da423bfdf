"""With an ``https://`` address, nothing but health is answered without TLS."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from tests.conftest import Worker, new_app


@pytest.fixture
def behind_a_proxy(worker: Worker) -> Iterator[FlaskClient]:
    with new_app(replace(worker.settings, public_url="https://clinic.example")) as app:
        yield app.test_client()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_without_tls_is_sent_to_the_encrypted_address(behind_a_proxy: FlaskClient, method: str) -> None:
    answer = behind_a_proxy.open("/login?next=/patients", method=method)

    assert answer.status_code == 308  # the method stays
    assert answer.headers["Location"] == "https://clinic.example/login?next=/patients"
    assert "Set-Cookie" not in answer.headers


def test_another_host_in_the_request_does_not_lead_elsewhere(behind_a_proxy: FlaskClient) -> None:
    answer = behind_a_proxy.get("/login", headers={"Host": "evil.example"})

    assert answer.headers["Location"] == "https://clinic.example/login"


def test_what_the_proxy_passes_on_is_answered(behind_a_proxy: FlaskClient) -> None:
    answer = behind_a_proxy.get("/login", headers={"X-Forwarded-Proto": "https"})

    assert answer.status_code == 200
    assert "Strict-Transport-Security" in answer.headers


def test_health_is_asked_on_this_machine(behind_a_proxy: FlaskClient) -> None:
    assert behind_a_proxy.get("/healthz").status_code == 200
