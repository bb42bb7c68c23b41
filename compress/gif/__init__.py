"""GIF: ``encoder`` searches what loses least, ``writer`` writes frames, ``blocks`` reads files."""
