"""What `make` runs: a file a command, and in `support` what the commands share."""
