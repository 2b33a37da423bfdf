"""The configuration of gunicorn; what operators may change is a setting in config.py."""

import gc
import os
from typing import Any

from gunicorn.glogging import Logger

import logs
from config import load

os.umask(0o077)  # what this process writes is for its user alone, whatever the mode of DATA_DIR
settings = load()

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
workers = settings.web_processes

# One greenlet for each socket and request: with threads, as many open sockets as threads stop the pages.
worker_class = "gevent"
worker_connections = 10_000

# Open sockets never end by themselves: what a stop waits for is the short requests.
graceful_timeout = 3
keepalive = 15
timeout = 60

# The heartbeat file is touched every second; on a disk it would wait for the database's writes.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


class UtcLogger(Logger):
    """gunicorn's messages in the form of all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.Formatter())


logger_class = UtcLogger
# The application logs its requests itself (app/http/request_log.py); gunicorn logs warnings and errors only.
loglevel = "debug" if settings.log_level == "debug" else "warning"
# It would open ~/.gunicorn/gunicorn.ctl, the same for every copy on the machine.
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """Exclude loaded modules from garbage collection: pages allocate many small lists and would scan them often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
