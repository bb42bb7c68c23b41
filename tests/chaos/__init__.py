"""A whole service under random faults and user actions, judged when all is settled."""
