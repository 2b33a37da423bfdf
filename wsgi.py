"""The web application for gunicorn and for the `flask` command."""

import sys

import config
from app import create_app

try:
    app = create_app(commands="gunicorn" not in sys.modules)
except config.BadSetting as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)
