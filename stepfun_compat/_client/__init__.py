"""What the clients' hooks call. Nothing here imports `client.py`, and nothing here is public."""
