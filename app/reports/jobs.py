"""Background: build a run's file, take over what a killed worker left, forget old files."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import current_app, g
from flask_babel import force_locale, gettext

from app.kernel import clock, queue, storage
from app.kernel.access import Actor
from app.kernel.db import unit_of_work
from app.kernel.errors import DomainError, Unavailable
from app.kernel.i18n import N_
from app.realtime import push
from app.reports import actions, queries, registry, renderers, rules
from app.reports.models import ReportRun

log = logging.getLogger(__name__)

TIMEOUT = 600  # seconds; the PDF's own limit is shorter
LOADING = N_("Consultando los datos")
STORING = N_("Guardando el archivo")


def build_report(*, run_id: int, now: datetime) -> None:
    """Build the file of a run. A second call, or a call for a run that somebody holds, does nothing."""
    with unit_of_work(write=True):
        run = actions.claim(run_id, now=now)
    if run is None:
        return
    attempt = run.attempts
    try:
        with _heartbeat(run_id, attempt):
            _build(run, attempt)
    except rules.TakenOver:
        log.warning("report run %s was taken over", run_id)
    except DomainError as error:
        if isinstance(error, Unavailable):
            raise
        _end(run, attempt, gettext(error.text) % error.params if error.params else gettext(error.text))
    except Exception:
        log.exception("report run %s failed at attempt %s", run_id, attempt)
        _end(run, attempt, gettext(actions.GIVEN_UP) if attempt >= rules.MOST_ATTEMPTS else None)
    _tell(run_id)


def _build(run: ReportRun, attempt: int) -> None:
    report, format_ = registry.find(run.report), rules.Format(run.format)
    with unit_of_work(write=False):
        actor = queries.actor_of(run.user_id)
    with _as(actor):
        say = _progress_of(run.id, attempt)
        say(5, gettext(LOADING))
        params = report.params.model_validate(run.params)
        with unit_of_work(write=False):
            data = report.load(clinic_id=run.clinic_id, params=params, actor=actor, now=run.created_at)
        file = renderers.render(report, data, format_, by=actor.name, params=params, now=clock.now(), progress=say)
        say(95, gettext(STORING))
        key = storage.save(file.content, suffix=f".{format_}")
        try:
            with unit_of_work(write=True):
                actions.finish(
                    run,
                    attempt,
                    file_key=key,
                    file_name=file.name,
                    size=len(file.content),
                    sha256=hashlib.sha256(file.content).hexdigest(),
                    rows=report.size(data),
                    now=clock.now(),
                )
        except BaseException:
            storage.delete(key)  # no row names it
            raise


@contextmanager
def _as(actor: Actor) -> Iterator[None]:
    """Speak the language of the person who asked."""
    g.actor = actor
    try:
        with force_locale(actor.locale or "es_PE"):
            yield
    finally:
        g.pop("actor")


def _progress_of(run_id: int, attempt: int) -> Callable[[int, str], None]:
    last: list[object] = [None]

    def say(percent: int, step: str) -> None:
        if last[0] != (percent, step):
            last[0] = (percent, step)
            with unit_of_work(write=True):
                actions.progress(run_id, attempt, percent, step, now=clock.now())
            _tell(run_id)

    return say


def _end(run: ReportRun, attempt: int, sentence: str | None) -> None:
    """Fail a run with its sentence, or give it back to the queue."""
    try:
        with unit_of_work(write=True):
            if sentence:
                actions.fail(run, attempt, sentence, now=clock.now())
            else:
                actions.retry_later(run.id, attempt, now=clock.now())
    except rules.TakenOver:
        log.warning("report run %s was taken over", run.id)


def _tell(run_id: int) -> None:
    push.refresh([f"report:{run_id}"])


@contextmanager
def _heartbeat(run_id: int, attempt: int) -> Iterator[None]:
    """A sign of life every few seconds, also inside a long PDF; a killed process gives none."""
    app, stop = current_app._get_current_object(), threading.Event()  # type: ignore[attr-defined]

    def live() -> None:
        while not stop.wait(rules.BEAT_EVERY.total_seconds()):
            try:
                with app.app_context(), unit_of_work(write=True):
                    actions.beat(run_id, attempt, now=clock.now())
            except rules.TakenOver:
                return
            except Exception:
                log.exception("no heartbeat for report run %s", run_id)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def sweep_runs(*, now: datetime) -> None:
    """Call a worker for runs that nobody works at: lost messages, killed workers."""
    with unit_of_work(write=True):
        again = actions.take_lost_runs(now=now)
    for run_id in again:
        queue.enqueue(build_report, run_id=run_id)


def forget_old_runs(*, now: datetime) -> None:
    with unit_of_work(write=True):
        actions.forget_old_runs(now=now)


JOBS = (queue.Job(build_report, queue=queue.SLOW, timeout=TIMEOUT, transaction=False),)
PERIODIC_JOBS = (queue.PeriodicJob(15, sweep_runs), queue.PeriodicJob(3600, forget_old_runs))
