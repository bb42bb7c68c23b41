"""GIF, still and animated: its blocks, its frames, and the search over both."""
