"""The parts of batches that live on a Redis server (`STEPFUN_STATE=redis://…`)."""
