"""`run`: the whole service on this machine."""

from __future__ import annotations

import tempfile

import click

import settings
from commands.support import environment, redis_server, service
from commands.support.programs import Programs


@click.command()
def run() -> None:
    """Start the service and stop it with Ctrl-C.

    Starts the API and a worker, and a Redis server of their own if REDIS_URL names one of this
    machine that isn't running. When one of these programs ends, all of them are stopped.
    """
    variables = environment.load()
    chosen = settings.read(variables)
    if chosen.public_base_url == settings.Settings.public_base_url:
        variables["PUBLIC_BASE_URL"] = service.address(chosen)  # links follow HOST and PORT
    service.check_start(chosen)
    redis = None if redis_server.is_running(chosen.redis_url) else redis_server.find()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder, Programs() as programs:
        if redis:
            variables["REDIS_URL"] = redis_server.start(programs, redis, folder)
        service.start(programs, chosen, variables)
        print(f"\n  The service is ready: {service.address(chosen)}   (Ctrl-C stops it)\n")
        programs.watch()
