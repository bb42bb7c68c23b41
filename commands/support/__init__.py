"""What the commands and the Makefile share: ports, programs, Redis, and the service itself."""
