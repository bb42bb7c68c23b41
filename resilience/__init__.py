"""What keeps one part that is down from holding up all the others."""
