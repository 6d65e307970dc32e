"""The fast path: plain messages skip the SDK's transform (`messages`), and streams skip its decoder.

A stream takes three steps: `sse_frames` splits bytes into events, the endpoint's stream translation turns events into
rows, `stream_objects` turns rows into the SDK's objects. The SDK handles what a step does not support: one event, or, for
frames, the rest of the stream. `eligibility` decides whether a stream may use the fast path, after comparing it with the
SDK on built-in events (`self_check`) once.
"""
