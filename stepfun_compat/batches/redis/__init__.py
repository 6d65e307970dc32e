"""Batches of several machines, coordinated by a Redis server (`STEPFUN_STATE=redis://…`)."""
