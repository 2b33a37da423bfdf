"""The worker: relay, scheduler, sweep of tasks, and the tasks themselves.

``python worker.py`` runs everything; larger sites run ``python worker.py fast`` (relay, scheduler, sweep, short
tasks, mail) and ``python worker.py slow`` (PDF and workbooks) apart. Two processes, because a report of ten
seconds must not hold back a reminder; the slow one imports the application only in the child process
that RQ forks for a job, so it idles small and every report's memory goes with its process.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import config
import logs
from beats import Beat

MAIL_THREADS = 4
STOP_SECONDS = 6.0  # less than the supervisor waits
WORKER_TTL = 45  # RQ waits for a job for 15 seconds less and then shows that it lives


@lru_cache(maxsize=1)
def _app() -> Any:
    from app import create_app

    return create_app(commands=False)


def perform(task_id: int) -> None:
    """What RQ calls: run a task inside the application's context."""
    from app.kernel import task_runner

    with _app().app_context():
        task_runner.run(task_id)


def _wait_for_redis(beat: Callable[[], None] = lambda: None) -> Any:
    from redis import Redis
    from redis.exceptions import RedisError

    connection = Redis.from_url(config.load().redis_url, socket_connect_timeout=2)
    while True:
        beat()
        try:
            connection.ping()
        except (RedisError, OSError):
            time.sleep(0.5)
        else:
            return connection


def _beating(worker_class: Any, beat: Callable[[], None]) -> Any:
    """An RQ worker whose signs of life reach the supervisor too."""

    class Beating(worker_class):  # type: ignore[misc]
        def heartbeat(self, *args: Any, **options: Any) -> Any:
            beat()
            return super().heartbeat(*args, **options)

    return Beating


def _passing_errors() -> tuple[type[Exception], ...]:
    """What a Redis that is away, or was emptied while a job ran, raises: the worker starts anew, the tasks are kept."""
    from redis.exceptions import RedisError
    from rq.exceptions import InvalidJobOperation, NoSuchJobError

    return (RedisError, OSError, InvalidJobOperation, NoSuchJobError)


def run_fast() -> None:
    """Short tasks in the main thread; relay, scheduler, sweep and mail in threads of their own.

    Mail waits for servers: a slow one holds up neither event work nor, with several threads, every other message.
    Relay and sweep run without Redis too.
    """
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    from app.kernel import scheduler, task_runner
    from app.realtime import relay

    app, stop, data_dir = _app(), threading.Event(), config.load().data_dir
    relay_loop = (relay.run, Beat(data_dir, "fast.relay"))
    sweep_loop = (task_runner.run_sweeps, Beat(data_dir, "fast.sweep"))
    for loop, *beats in (relay_loop, sweep_loop, (scheduler.run,)):
        threading.Thread(target=loop, args=(app, stop, *beats), daemon=True).start()
    mail_workers: dict[int, Any] = {}
    for number in range(MAIL_THREADS):
        threading.Thread(target=_send_mail, args=(number, mail_workers, stop), daemon=True).start()
    beat = Beat(data_dir, "fast.tasks")
    while True:
        connection = _wait_for_redis(beat)
        try:
            queues = [Queue("fast", connection=connection, serializer=JSONSerializer)]
            options = {"connection": connection, "serializer": JSONSerializer, "worker_ttl": WORKER_TTL}
            _beating(SimpleWorker, beat)(queues, **options).work(logging_level="WARNING", burst=False)
        except _passing_errors():
            continue
        stop.set()
        _finish_sending(list(mail_workers.values()))
        return  # a stop was requested


def _finish_sending(mail_workers: list[Any]) -> None:
    """Wait until messages being sent are recorded as sent; an interrupted one is sent again by the next worker."""
    deadline = time.monotonic() + STOP_SECONDS
    for worker in mail_workers:
        worker._stop_requested = True  # takes no further message
    while time.monotonic() < deadline and any(worker.get_state() == "busy" for worker in mail_workers):
        time.sleep(0.05)


def _send_mail(number: int, mail_workers: dict[int, Any], stop: threading.Event) -> None:
    """One thread of the mail queue; it ends with the process."""
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer
    from rq.timeouts import TimerDeathPenalty

    class ThreadWorker(SimpleWorker):
        death_penalty_class = TimerDeathPenalty  # signals reach the main thread alone

        def _install_signal_handlers(self) -> None:
            pass

    while not stop.is_set():
        connection = _wait_for_redis()
        with suppress(*_passing_errors()):
            queues = [Queue("mail", connection=connection, serializer=JSONSerializer)]
            worker = ThreadWorker(queues, connection=connection, serializer=JSONSerializer)
            mail_workers[number] = worker
            worker.work(logging_level="WARNING", burst=False)


def run_slow() -> None:
    """Reports, each in a forked child that is killed when it takes too long."""
    from rq import Queue, Worker
    from rq.serializers import JSONSerializer

    beat = Beat(config.load().data_dir, "slow.tasks")
    while True:
        connection = _wait_for_redis(beat)
        try:
            queues = [Queue("slow", connection=connection, serializer=JSONSerializer)]
            options = {"connection": connection, "serializer": JSONSerializer, "worker_ttl": WORKER_TTL}
            _beating(Worker, beat)(queues, **options).work(logging_level="WARNING")
        except _passing_errors():
            continue
        return


def run_both() -> int:
    """Both parts on a machine without the web: the supervisor starts them, watches them and stops them."""
    from script import supervisor

    return supervisor.run_workers()


def main(part: str) -> int | None:
    os.umask(0o077)  # files of patients are for this user alone
    if part not in PARTS:
        return run_both()
    logs.configure(config.load().log_level)
    return PARTS[part]()


PARTS = {"fast": run_fast, "slow": run_slow}

if __name__ == "__main__":
    sys.modules["worker"] = sys.modules["__main__"]  # jobs are named worker.perform
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
