"""Compress an image: bytes in, at most half as many out, at the best quality that fits.

It needs no network and no database, and reads no settings.

Start reading at ``compression``, which lists the steps. To add a format: write a module with its
``encode_…`` function (``avif`` is a short example), register it in ``formats.FORMATS``, and let it
in at ``input_image.ACCEPTED``.
"""

from compress.compression import compress
from compress.options import Compressed, Options, Unreadable

__all__ = ["Compressed", "Options", "Unreadable", "compress"]
