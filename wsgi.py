"""The web application for gunicorn and for the `flask` command."""

import os
import sys

import config
from app import create_app

os.umask(0o077)  # what a command writes is for its user alone

try:
    app = create_app(commands="gunicorn" not in sys.modules)
except config.BadSetting as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)
