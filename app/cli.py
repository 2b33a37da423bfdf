"""Commands for operators: ``flask config check``, ``flask admin create``, ``flask demo load``."""

import click
from flask import Flask, current_app
from flask.cli import AppGroup

import config

config_group = AppGroup("config", help="Settings as the product reads them.")


@config_group.command("check")
def check() -> None:
    """Print every setting that was read; secrets hidden."""
    for name, value in config.describe(current_app.config["SETTINGS"]):
        click.echo(f"{name:20} {value}")


def register(app: Flask) -> None:
    app.cli.add_command(config_group)
