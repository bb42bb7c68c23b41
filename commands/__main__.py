"""`python -m commands`: every command of the service, as a group."""
# ruff: noqa: E402 - Ctrl-C during the imports below should end the command without a traceback.

from __future__ import annotations

import os
import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # commands that start programs handle it themselves

import click

import settings
from commands.api_keys import key, keys, revoke
from commands.backup import backup, restore
from commands.demo import demo
from commands.migrate import migrate
from commands.run import run
from commands.schema import schema
from commands.sqlserver_check import sqlserver_check
from commands.verify import verify


@click.group()
@click.version_option(settings.version(), prog_name="image-service")
def main() -> None:
    """Run, try and maintain the image service."""
    os.umask(settings.PRIVATE)


for command in (
    *(run, demo, schema, migrate, sqlserver_check, verify, backup, restore),
    *(key, keys, revoke),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
