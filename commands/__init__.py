"""What `make run` and `make demo` do, once `.venv` stands."""
