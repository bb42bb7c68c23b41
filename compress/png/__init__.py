"""PNG and APNG: how one is written as small as it can be, and its lossy search."""
