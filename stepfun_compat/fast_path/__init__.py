"""The short ways: of plain messages past the SDK's transform (`messages`), and from StepFun's bytes to openai's objects.

The latter has three steps, each of which knows when it does not know: `frames` cuts bytes into events, the endpoint's own stream
translation turns events into rows, `casting` turns rows into objects. What one of them does not know goes the SDK's own
way, that event alone or, for frames, the rest of the stream. `entry` decides whether a stream may take the short way at
all, and compares it with the SDK's on a set of its own before the first one does.
"""
