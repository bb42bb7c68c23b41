"""The HTTP API: its routes, a file a resource, and what they take, answer and refuse."""
