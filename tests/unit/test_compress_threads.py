"""The other threads of a worker go on while a large image is compressed."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
from PIL import Image

from compress import compress

MAX_PAUSE = 5.0  # seconds; a lease of 30 is renewed every 10


def test_a_large_png_does_not_stop_the_other_threads() -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (2500, 3200, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG", compress_level=1)
    pauses, done = [0.0], threading.Event()

    def beat() -> None:
        last = time.monotonic()
        while not done.wait(0.02):
            pauses.append(time.monotonic() - last)
            last = time.monotonic()

    beating = threading.Thread(target=beat)
    beating.start()
    made = compress(file.getvalue())
    done.set()
    beating.join()

    assert made.target_met
    assert max(pauses) < MAX_PAUSE
