"""The emulator shows no key in its log or in recorded requests."""

from __future__ import annotations

import io
import logging
import logging.config
import socket
import threading
from typing import Any

import httpx
import pytest

from stepfun_compat.emulator import server as servers

SECRET = "secret-0123456789"


def test_recorded_requests_show_no_key(stepfun_emulator: Any) -> None:
    httpx.get(
        f"{stepfun_emulator.base_url}/models",
        params={"api_key": SECRET, "limit": "3", "k": f"sk-{SECRET}"},
        headers={"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "cookie": f"a={SECRET}", "x-own": "kept"},
    )
    recorded = stepfun_emulator.requests.last
    for shown in (repr(recorded), str(recorded.as_json()), repr(stepfun_emulator.requests)):
        assert SECRET not in shown
        assert "'limit': '3'" in shown
        assert "'x-own': 'kept'" in shown
    assert recorded.query["api_key"] == SECRET  # tests can read the sent value


def test_access_log_shows_no_key() -> None:
    made = servers._uvicorn_server(None, "127.0.0.1", 0, "info")
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("uvicorn.access")
    logger.addHandler(handler)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/models"
            httpx.get(url, params={"api_key": SECRET, "limit": "3"})
        finally:
            made.should_exit = True
            thread.join()
            logger.removeHandler(handler)
    assert SECRET not in text.getvalue()
    assert "/v1/models?api_key=***&limit=3" in text.getvalue()


@pytest.mark.parametrize(("shown", "wanted"), [("a?b=1", "a?b=1"), ("a?x=sk-1&token=2;c=3", "a?x=***&token=***;c=3")])
def test_secrets_in_a_url_are_redacted(shown: str, wanted: str) -> None:
    from stepfun_compat.emulator.redaction import redacted_url

    assert redacted_url(shown) == wanted
