"""One image's way through a worker process, and the end of its request.

``worker_loop`` claims images, ``image_prefetch`` downloads them, ``compress`` makes them smaller,
``result_writer`` stores and records them, ``housekeeping`` completes their requests.
"""
