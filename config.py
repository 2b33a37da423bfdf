"""Every setting of MediConnect, read once from the environment and `.env`.

Standard library only: the supervisor and gunicorn read it before anything else is imported.
The table for people is in docs/operations.md; `flask config check` prints `describe(settings)`.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent
NAMES = (
    *("MEDICONNECT_ENV", "HOST", "PORT", "PUBLIC_URL", "DATA_DIR", "DATABASE_URL", "REDIS_URL", "STORAGE_URL"),
    *("SMTP_URL", "SMTP_CA_FILE", "MAIL_FROM", "SECRET_KEY", "ENCRYPTION_KEYS", "DEMO_PASSWORD", "WEB_PROCESSES"),
    *("LOG_LEVEL", "DEFAULT_LOCALE", "CORS_ORIGINS", "RATE_PER_SESSION", "RATE_PER_ADDRESS"),
)
LOCALES = ("es_PE", "en")
ENVIRONMENTS = ("demo", "production", "test")
LOG_LEVELS = ("debug", "info", "warning", "error")
# Linux allows 107 bytes in the path of a unix socket.
MAX_SOCKET_PATH_LENGTH = 107
MIN_SECRET_LENGTH = 32


class BadSetting(Exception):
    """A setting that cannot be used; the message names it, the reason and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What `load` returns. Paths are absolute, URLs are complete, defaults are filled in."""

    env: str
    host: str
    port: int
    public_url: str
    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    redis_embedded: bool
    smtp_url: str = field(repr=False)
    smtp_ca_file: str
    mail_from: str
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    demo_password: str = field(repr=False)
    web_processes: int
    rate_per_session: int
    rate_per_address: int
    cors_origins: tuple[str, ...]
    log_level: str
    default_locale: str

    @property
    def redis_socket(self) -> Path:
        """Where the embedded server listens; meaningless when REDIS_URL names another one."""
        return self.data_dir / "redis.sock"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environ`; without it those of the process, completed from `.env`.

    Raises BadSetting. An empty value counts as not set. Outside production the secrets that are not set
    are generated once and kept in DATA_DIR/keys.
    """
    if environ is None:
        environ = {**_read_env_file(ROOT / ".env"), **os.environ}
    given = {name: value.strip() for name, value in environ.items() if value.strip()}

    env = _one_of("MEDICONNECT_ENV", given.get("MEDICONNECT_ENV", "demo"), ENVIRONMENTS)
    data_dir = _data_dir(given.get("DATA_DIR", "instance"))
    host = given.get("HOST", "127.0.0.1")
    port = _number("PORT", given.get("PORT", "8000"), 1, 65535)
    redis_embedded = "REDIS_URL" not in given
    if env == "production":
        _require_for_production(given)
    if "STORAGE_URL" in given:
        raise BadSetting("STORAGE_URL is not supported yet: files are kept in DATA_DIR/files. Remove the setting.")

    settings = Settings(
        env=env,
        host=host,
        port=port,
        public_url=_web_url("PUBLIC_URL", given.get("PUBLIC_URL", f"http://{_reachable(host)}:{port}")),
        data_dir=data_dir,
        database_url=_database_url(given.get("DATABASE_URL", f"sqlite:///{data_dir}/mediconnect.sqlite3")),
        redis_url=_url(
            "REDIS_URL",
            given.get("REDIS_URL", f"unix://{quote(str(data_dir / 'redis.sock'))}"),
            ("redis", "rediss", "unix"),
        ),
        redis_embedded=redis_embedded,
        smtp_url=_url("SMTP_URL", given.get("SMTP_URL", ""), ("smtp", "smtps")),
        smtp_ca_file=_certificates("SMTP_CA_FILE", given.get("SMTP_CA_FILE", "")),
        mail_from=_address("MAIL_FROM", given.get("MAIL_FROM", "no-reply@mediconnect.example")),
        secret_key=given.get("SECRET_KEY") or _kept(data_dir, "secret_key"),
        encryption_keys=_encryption_keys(given.get("ENCRYPTION_KEYS") or _kept(data_dir, "encryption_keys")),
        demo_password=given.get("DEMO_PASSWORD", "mediconnect-demo"),
        web_processes=_number("WEB_PROCESSES", given.get("WEB_PROCESSES", "1"), 1, 64),
        rate_per_session=_number("RATE_PER_SESSION", given.get("RATE_PER_SESSION", "20"), 0, 10_000),
        rate_per_address=_number("RATE_PER_ADDRESS", given.get("RATE_PER_ADDRESS", "10"), 0, 10_000),
        cors_origins=_origins(given.get("CORS_ORIGINS", "")),
        log_level=_one_of("LOG_LEVEL", given.get("LOG_LEVEL", "info").lower(), LOG_LEVELS),
        default_locale=_one_of("DEFAULT_LOCALE", given.get("DEFAULT_LOCALE", "es_PE"), LOCALES),
    )
    if redis_embedded and len(os.fsencode(settings.redis_socket)) > MAX_SOCKET_PATH_LENGTH:
        raise BadSetting(
            f"DATA_DIR={data_dir} is too long for the socket of the embedded Redis: "
            "use a shorter path or set REDIS_URL."
        )
    return settings


def describe(settings: Settings) -> list[tuple[str, str]]:
    """The settings by their environment names, as they may be shown: passwords and keys are hidden."""
    production = settings.env == "production"
    return [
        ("MEDICONNECT_ENV", settings.env),
        ("HOST", settings.host),
        ("PORT", str(settings.port)),
        ("PUBLIC_URL", settings.public_url),
        ("DATA_DIR", str(settings.data_dir)),
        ("DATABASE_URL", _without_password(settings.database_url)),
        (
            "REDIS_URL",
            "embedded server" if settings.redis_embedded else _without_password(settings.redis_url),
        ),
        ("SMTP_URL", _without_password(settings.smtp_url) or f"{settings.data_dir}/outbox"),
        ("SMTP_CA_FILE", settings.smtp_ca_file or "certificates of the system"),
        ("MAIL_FROM", settings.mail_from),
        ("SECRET_KEY", f"set, {len(settings.secret_key)} characters"),
        ("ENCRYPTION_KEYS", f"set, {len(settings.encryption_keys)} keys"),
        ("DEMO_PASSWORD", "unused in production" if production else "set"),
        ("WEB_PROCESSES", str(settings.web_processes)),
        ("RATE_PER_SESSION", str(settings.rate_per_session)),
        ("RATE_PER_ADDRESS", str(settings.rate_per_address)),
        ("CORS_ORIGINS", ", ".join(settings.cors_origins) or "none"),
        ("LOG_LEVEL", settings.log_level),
        ("DEFAULT_LOCALE", settings.default_locale),
    ]


def warnings(settings: Settings) -> list[str]:
    """What starts and is probably not meant, a sentence each."""
    found = []
    if settings.env == "production" and not settings.smtp_url:
        found.append(
            f"SMTP_URL is not set: no message leaves this machine, each is a file in {settings.data_dir}/outbox."
        )
    mode = settings.data_dir.stat().st_mode & 0o777
    if mode & 0o077:
        found.append(
            f"DATA_DIR={settings.data_dir} is open to other users of this machine (mode {mode:o}): "
            f"run chmod -R go= {settings.data_dir}"
        )
    return found


def _read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines, `export` and surrounding quotes allowed; no interpolation, no line continuation."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Notepad marks its files
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"The file {path} cannot be read: {error}.") from error
    values = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.isidentifier():
            raise BadSetting(f"Line {number} of {path} is not of the form NAME=value.")
        _refuse_misspelt(name, f"Line {number} of {path}")
        if value[:1] in ("'", '"'):
            end = value.find(value[0], 1)
            if end == -1:
                raise BadSetting(f"Line {number} of {path} has no closing quote.")
            value = value[1:end]
        else:
            value = value.partition(" #")[0].rstrip()
        values[name] = value
    return values


def _refuse_misspelt(name: str, where: str) -> None:
    """A name that nothing reads, but one letter away from one that is read."""
    near = [] if name in NAMES else difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=0.85)
    if near:
        raise BadSetting(f"{where}: {name} is not a setting. Is {near[0]} meant?")


def _data_dir(value: str) -> Path:
    path = (ROOT / Path(value).expanduser()).resolve()
    if set(str(path)) & set("?#"):
        raise BadSetting(f"DATA_DIR={value} must not contain '?' or '#': it becomes part of a URL.")
    try:
        # Patients' data: for the owner alone.
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting(f"DATA_DIR={path} cannot be created: {error.strerror}.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise BadSetting(f"DATA_DIR={path} cannot be written: choose a folder of the user that runs MediConnect.")
    return path


def _require_for_production(given: Mapping[str, str]) -> None:
    missing = [name for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_URL") if name not in given]
    if missing:
        raise BadSetting(f"MEDICONNECT_ENV=production needs {', '.join(missing)}: see docs/operations.md.")
    if len(given["SECRET_KEY"]) < MIN_SECRET_LENGTH:
        raise BadSetting(f"SECRET_KEY must have at least {MIN_SECRET_LENGTH} characters in production.")
    if not given["PUBLIC_URL"].startswith("https://"):
        raise BadSetting("PUBLIC_URL must start with https:// in production.")


def _kept(data_dir: Path, name: str) -> str:
    """The secret in DATA_DIR/keys, made there first if it is missing.

    Web and worker may do this at the same time: the first to link its file wins, both read that one.
    """
    path = data_dir / "keys" / name
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            draft = path.with_name(f".{name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(base64.urlsafe_b64encode(os.urandom(32)).decode())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise BadSetting(f"{path} cannot be read or made: {error.strerror}.") from error


def _encryption_keys(value: str) -> tuple[str, ...]:
    """Keys separated by commas, newest first: the first encrypts, all decrypt."""
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    for number, key in enumerate(keys, start=1):
        try:
            length = len(base64.b64decode(key, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if length != 32:
            raise BadSetting(f"Key {number} in ENCRYPTION_KEYS is not 32 bytes in URL-safe base64.")
    if not keys:
        raise BadSetting("ENCRYPTION_KEYS holds no key.")
    return keys


def _database_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        _url("DATABASE_URL", value, (scheme,))
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite":
        return value
    raise BadSetting("DATABASE_URL must start with postgresql:// or sqlite:///.")


def _url(name: str, value: str, schemes: tuple[str, ...]) -> str:
    if value and value.partition("://")[0] not in schemes:
        raise BadSetting(f"{name} must start with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    try:
        _ = urlsplit(value).port
    except ValueError as error:
        raise BadSetting(f"{name} is not a URL: {error}.") from error
    return value


def _web_url(name: str, value: str) -> str:
    parts = urlsplit(_url(name, value, ("http", "https")))
    if not parts.hostname or parts.query or parts.fragment:
        raise BadSetting(f"{name}={value} must be an address such as https://clinic.example.com.")
    if parts.path.strip("/"):
        raise BadSetting(f"{name}={value} has a path, and MediConnect answers at the root: give it a name of its own.")
    return value.rstrip("/")


def _certificates(name: str, value: str) -> str:
    """The path of a readable file, absolute; a relative one starts at the checkout."""
    path = ROOT / Path(value).expanduser()
    if value and not (path.is_file() and os.access(path, os.R_OK)):
        raise BadSetting(f"{name}={value} is not a file that can be read.")
    return str(path.resolve()) if value else ""


def _origins(value: str) -> tuple[str, ...]:
    """Origins separated by commas, each exactly as a browser sends it."""
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(_url("CORS_ORIGINS", origin, ("http", "https")))
        if origin != f"{parts.scheme}://{parts.netloc}" or not parts.hostname or "*" in origin or parts.username:
            raise BadSetting(f"CORS_ORIGINS: {origin} must be an origin such as https://app.example.com.")
    return origins


def _address(name: str, value: str) -> str:
    local, at, host = value.rpartition("@")
    if not (local and at and host) or any(c.isspace() or c in "<>," for c in value):
        raise BadSetting(f"{name}={value} must be a plain e-mail address such as citas@clinic.example.com.")
    return value


def _number(name: str, value: str, lowest: int, highest: int) -> int:
    # isdecimal alone would accept digits of other scripts.
    if not (value.isascii() and value.isdecimal() and lowest <= int(value) <= highest):
        raise BadSetting(f"{name}={value} must be a whole number from {lowest} to {highest}.")
    return int(value)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadSetting(f"{name}={value} must be one of {', '.join(allowed)}.")
    return value


def _reachable(host: str) -> str:
    """The name under which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password:
        url = url.replace(f":{parts.password}@", ":***@", 1)
    if any(word in parts.query.lower() for word in ("password", "secret")):
        url = url.partition("?")[0] + "?***"
    return url
