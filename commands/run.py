"""The whole service on this machine, until Ctrl-C: Redis if there is none, the API and a worker."""

from __future__ import annotations

import tempfile

import settings
from commands.support import redis_server, service
from commands.support.programs import Programs


def main() -> None:
    environment = service.environment()
    chosen = settings.read(environment)
    if chosen.public_base_url == settings.Settings.public_base_url:
        environment["PUBLIC_BASE_URL"] = service.address(chosen)  # links follow HOST and PORT
    service.check_port(chosen)
    redis = None if redis_server.is_running(chosen.redis_url) else redis_server.find()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder, Programs() as programs:
        if redis:
            redis_server.start(programs, redis, chosen.redis_url, folder)
        service.start(programs, chosen, environment)
        print(f"\n  The service is ready: {service.address(chosen)}   (Ctrl-C stops it)\n")
        programs.watch()
