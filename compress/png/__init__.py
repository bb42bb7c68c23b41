"""PNG and APNG.

``encoder`` chooses between lossless and lossy; ``estimate`` predicts sizes and ``lossy_search``
searches with them; ``packing`` writes frames, by ``apng`` and ``optimiser`` (oxipng).
"""
