"""Print in one line what is wrong when the configured database or Redis cannot be reached (status 2).

A process of its own: the supervisor must not keep the drivers in memory.
"""

from __future__ import annotations

import sys
from pathlib import Path

import redis
import sqlalchemy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import config

TIMEOUT_SECONDS = 5


def check(settings: config.Settings) -> None:
    """Raises BadSetting."""
    shown = dict(config.describe(settings))
    if not settings.redis_embedded:
        try:
            client = redis.Redis.from_url(
                settings.redis_url, socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS
            )
            client.ping()
        except (redis.RedisError, OSError, ValueError) as error:
            raise config.BadSetting(f"REDIS_URL={shown['REDIS_URL']} cannot be used: {_one_line(error)}") from error
    arguments = {"connect_timeout": TIMEOUT_SECONDS} if settings.database_url.startswith("postgresql") else {}
    try:
        # SQLite opens any file without a look at it: the question makes it read.
        sqlalchemy.inspect(sqlalchemy.create_engine(settings.database_url, connect_args=arguments)).get_table_names()
    except (sqlalchemy.exc.SQLAlchemyError, ValueError) as error:
        cause = getattr(error, "orig", None) or error
        raise config.BadSetting(f"DATABASE_URL={shown['DATABASE_URL']} cannot be used: {_one_line(cause)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    try:
        check(config.load())
    except config.BadSetting as error:
        print(error, file=sys.stderr)
        sys.exit(2)
