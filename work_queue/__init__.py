"""The database as the queue: what is stored, and every change of a status.

A change of status is a compare-and-set: it names the status and the claim that it expects, so
whoever comes second changes nothing. All leases and waits go by the database's own clock. Every
public function is a step of a transaction; see ``database.py``.
"""
