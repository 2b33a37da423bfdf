"""Settings: what is refused in one sentence, what is honoured, what is only pointed out."""

import os
from pathlib import Path

import pytest

import config

PRODUCTION = {
    "MEDICONNECT_ENV": "production",
    "SECRET_KEY": "x" * 32,
    "ENCRYPTION_KEYS": "A" * 43 + "=",
    "PUBLIC_URL": "https://clinic.example",
}


def load(folder: Path, **given: str) -> config.Settings:
    return config.load({"DATA_DIR": str(folder), **given})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("STORAGE_URL", "s3://bucket", "not supported"),
        ("DEFAULT_LOCALE", "klingon", "es_PE, en"),
        ("PUBLIC_URL", "https://clinic.example/app", "has a path"),
        ("DATABASE_URL", "postgresql://[::1", "is not a URL"),
        ("DATABASE_URL", "postgresql://host:port/name", "is not a URL"),
        ("DATABASE_URL", "mysql://host/name", "must start with"),
        ("SMTP_CA_FILE", "/nowhere/ca.pem", "not a file"),
        ("PORT", "70000", "from 1 to 65535"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_in_one_line(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(config.BadSetting, match=words) as refused:
        load(tmp_path, **{name: value})

    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_settings_may_begin_with_a_mark(tmp_path: Path) -> None:
    """Windows' editor writes one."""
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfPORT=8123\r\nMAIL_FROM='a@b.pe'\r\n")

    assert config._read_env_file(tmp_path / ".env") == {"PORT": "8123", "MAIL_FROM": "a@b.pe"}


@pytest.mark.parametrize("name", ["DATBASE_URL", "SMTPURL", "data_dir", "ENCRYPTION_KEY"])
def test_a_misspelt_name_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text(f"# settings\n{name}=x\n")

    with pytest.raises(config.BadSetting, match=f"Line 2 .*{name} is not a setting. Is .* meant"):
        config._read_env_file(tmp_path / ".env")


def test_names_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPOSE_PROJECT_NAME=clinic\nPGPASSFILE=/x\n")

    assert len(config._read_env_file(tmp_path / ".env")) == 2


def test_production_without_a_mail_server_is_pointed_out(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)

    (sentence,) = config.warnings(load(tmp_path, **PRODUCTION))
    assert "no message leaves this machine" in sentence
    assert config.warnings(load(tmp_path, **PRODUCTION, SMTP_URL="smtp://mail.example")) == []
    assert config.warnings(load(tmp_path)) == []  # a demo writes files on purpose


def test_an_open_folder_of_data_is_pointed_out(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)

    (sentence,) = config.warnings(load(tmp_path))
    assert f"chmod -R go= {tmp_path}" in sentence


def test_every_name_that_is_read_is_known(tmp_path: Path) -> None:
    shown = {name for name, _value in config.describe(load(tmp_path))}

    assert shown | {"STORAGE_URL"} == set(config.NAMES)
