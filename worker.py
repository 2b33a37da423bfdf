"""The worker: relay, scheduler, sweep of tasks, and the tasks themselves.

``python worker.py`` runs everything; larger sites run ``python worker.py fast`` (relay, scheduler, sweep, short
tasks, mail) and ``python worker.py slow`` (PDF and workbooks) apart. Two processes, because a report of ten
seconds must not hold back a reminder; the slow one imports the application only in the child process
that RQ forks for a job, so it idles small and every report's memory goes with its process.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import lru_cache
from typing import Any

MAIL_THREADS = 4
STOP_SECONDS = 6.0  # less than run_both waits
ROOT = os.path.dirname(os.path.abspath(__file__))


@lru_cache(maxsize=1)
def _app() -> Any:
    from app import create_app

    return create_app(commands=False)


def perform(task_id: int) -> None:
    """What RQ calls: run a task inside the application's context."""
    from app.kernel import task_runner

    with _app().app_context():
        task_runner.run(task_id)


def _wait_for_redis() -> Any:
    from redis import Redis
    from redis.exceptions import RedisError

    import config

    connection = Redis.from_url(config.load().redis_url, socket_connect_timeout=2)
    while True:
        try:
            connection.ping()
        except (RedisError, OSError):
            time.sleep(0.5)
        else:
            return connection


def run_fast() -> None:
    """Short tasks in the main thread; relay, scheduler, sweep and mail in threads of their own.

    Mail waits for servers: a slow one holds up neither event work nor, with several threads, every other message.
    Relay and sweep run without Redis too.
    """
    from redis.exceptions import RedisError
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    from app.kernel import scheduler, task_runner
    from app.realtime import relay

    app, stop = _app(), threading.Event()
    for loop in (relay.run, scheduler.run, task_runner.run_sweeps):
        threading.Thread(target=loop, args=(app, stop), daemon=True).start()
    mail_workers: dict[int, Any] = {}
    for number in range(MAIL_THREADS):
        threading.Thread(target=_send_mail, args=(number, mail_workers, stop), daemon=True).start()
    while True:
        connection = _wait_for_redis()
        try:
            queues = [Queue("fast", connection=connection, serializer=JSONSerializer)]
            worker = SimpleWorker(queues, connection=connection, serializer=JSONSerializer)
            worker.work(logging_level="WARNING", burst=False)
        except (RedisError, OSError):
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
    from redis.exceptions import RedisError
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer
    from rq.timeouts import TimerDeathPenalty

    class ThreadWorker(SimpleWorker):
        death_penalty_class = TimerDeathPenalty  # signals reach the main thread alone

        def _install_signal_handlers(self) -> None:
            pass

    while not stop.is_set():
        connection = _wait_for_redis()
        with suppress(RedisError, OSError):
            queues = [Queue("mail", connection=connection, serializer=JSONSerializer)]
            worker = ThreadWorker(queues, connection=connection, serializer=JSONSerializer)
            mail_workers[number] = worker
            worker.work(logging_level="WARNING", burst=False)


def run_slow() -> None:
    """Reports, each in a forked child that is killed when it takes too long."""
    from redis.exceptions import RedisError
    from rq import Queue, Worker
    from rq.serializers import JSONSerializer

    while True:
        connection = _wait_for_redis()
        try:
            queues = [Queue("slow", connection=connection, serializer=JSONSerializer)]
            Worker(queues, connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")
        except (RedisError, OSError):
            continue
        return


def run_both() -> int:
    """Start both parts, restart one that dies, stop both with this process."""
    commands = {part: [sys.executable, os.path.join(ROOT, "worker.py"), part] for part in ("fast", "slow")}
    running = {part: subprocess.Popen(command, cwd=ROOT) for part, command in commands.items()}
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    while not stopping.wait(0.5):
        for part, process in running.items():
            if process.poll() is not None:
                time.sleep(1)
                running[part] = subprocess.Popen(commands[part], cwd=ROOT)
    for process in running.values():
        process.terminate()
    for process in running.values():
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
    return 0


if __name__ == "__main__":
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    sys.path.insert(0, ROOT)
    sys.modules["worker"] = sys.modules["__main__"]  # jobs are named worker.perform
    sys.exit({"fast": run_fast, "slow": run_slow}.get(part, run_both)())
