"""Keys, channels, models, token count, account, search, limits (stepfun-api 1, 7, 9)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stepfun_compat.emulator import EmulatorConfig


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["x-trace-id"]
    return response.json()["error"]


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Basic x", "Bearer sk-proj-abc", "Bearer sk-svcacct-1", "Bearer xT3BlbkFJx"]
)
def test_missing_keys_and_openais_keys_are_401(chat: Any, value: str) -> None:
    error = error_of(chat("hi", headers={"Authorization": value}), 401)
    assert error == {"message": "Incorrect API key provided", "type": "invalid_api_key"}


def test_only_listed_keys_work_when_there_is_a_list(chat: Any, server: Any) -> None:
    server.configure(api_keys=frozenset({"good"}))
    assert chat("hi", headers={"Authorization": "Bearer good"}).status_code == 200
    assert chat("hi", headers={"Authorization": "Bearer bad"}).status_code == 401


def test_key_of_the_other_region_is_401(chat: Any, server: Any) -> None:
    server.configure(region="global", region_keys={"cn-key": "cn", "global-key": "global"})
    assert chat("hi", headers={"Authorization": "Bearer global-key"}).status_code == 200
    assert error_of(chat("hi", headers={"Authorization": "Bearer cn-key"}), 401)["type"] == "invalid_api_key"


# -- paths and channels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/moderations"),
        ("GET", "/v1/batches"),
        ("POST", "/v1/completions"),
        ("DELETE", "/v1/models/step-3.7-flash"),
        ("GET", "/step_plan/v1/models/step-3.7-flash"),
        ("POST", "/step_plan/v1/token/count"),
        ("GET", "/v1/chat/completions/abc"),
        ("POST", "/chat/completions"),
        ("GET", "/v1/models/"),
    ],
)
def test_unknown_paths_are_plain_text_404(http: Any, method: str, path: str) -> None:
    response = http.request(method, path, json={} if method == "POST" else None)
    assert (response.status_code, response.text) == (404, "404 page not found")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["x-trace-id"]


PLAN = "/step_plan/v1/chat/completions"


def test_both_channels_serve_chat_and_only_the_plan_has_the_router(chat: Any) -> None:
    assert chat("hi", path=PLAN).status_code == 200
    assert chat("hi", path=PLAN, model="step-router-v1").json()["model"] == "step-router-v1"
    assert "does not exist" in error_of(chat("hi", model="step-router-v1"), 400)["message"]
    assert "does not exist" in error_of(chat("hi", path=PLAN, model="step-1o-turbo-vision"), 400)["message"]


def test_no_subscription_is_400_on_the_plan_only(chat: Any, server: Any) -> None:
    server.configure(plan="absent")
    assert error_of(chat("hi", path=PLAN), 400) == {
        "message": "you have no active step plan subscription",
        "type": "request_params_invalid",
    }
    assert chat("hi").status_code == 200


def test_used_up_quota_is_402_and_models_are_still_listed(chat: Any, http: Any, server: Any) -> None:
    server.configure(plan="exhausted", balance="exhausted")
    for path in (PLAN, "/v1/chat/completions"):
        assert error_of(chat("hi", path=path), 402) == {
            "message": "You exceeded your current quota, please check your plan and billing details",
            "type": "quota_exceeded",
        }
    assert http.get("/v1/models").status_code == 200


# -- models --------------------------------------------------------------------------------------------------------


def test_model_list_mixes_all_types_and_describes_chat_models_in_chinese(http: Any) -> None:
    data = http.get("/v1/models").json()
    assert data["object"] == "list"
    rows = {row["id"]: row for row in data["data"]}
    flash = rows["step-3.7-flash"]
    assert (flash["object"], flash["owned_by"], flash["model_type"]) == ("model", "stepai", "大语言模型")
    assert flash["reasoning_effort_support_list"] == ["low", "medium", "high"]
    assert rows["step-5-preview"]["max_input_tokens"] == 1_024_000
    assert "model_type" not in rows["step-tts-2"]
    assert "step-router-v1" not in rows
    assert "step-router-v1" in {row["id"] for row in http.get("/step_plan/v1/models").json()["data"]}


def test_retrieve_returns_a_model_or_an_error(http: Any) -> None:
    assert http.get("/v1/models/step-3.5-flash").json()["id"] == "step-3.5-flash"
    assert "does not exist" in error_of(http.get("/v1/models/gpt-4o"), 400)["message"]


@pytest.mark.parametrize("model", ["gpt-4o", "step-1-8k", "step-3", "step-1v-8k", "step-2-16k"])
@pytest.mark.parametrize("status", [400, 404])
def test_unknown_and_retired_models_give_the_configured_status(chat: Any, server: Any, model: str, status: int) -> None:
    server.configure(unknown_model_status=status)
    error = error_of(chat("hi", model=model), status)
    assert error["message"] == f"The model `{model}` does not exist or you do not have access to it"


@pytest.mark.parametrize("model", ["", None, 3])
def test_empty_model_has_stepfuns_error_message(chat: Any, model: Any) -> None:
    message = error_of(chat("hi", model=model), 400)["message"]
    assert message == "Request param: model is invalid, recommended val is: not empty"


@pytest.mark.parametrize(
    ("model", "effort", "good"),
    [
        ("step-3.7-flash", "low", True),
        ("step-3.7-flash", "medium", True),
        ("step-3.7-flash", "minimal", False),
        ("step-3.7-flash", "none", False),
        ("step-3.7-flash", "xhigh", False),
        ("step-5-preview", "high", True),
        ("step-3.5-flash-2603", "medium", False),
        ("step-3.5-flash-2603", "high", True),
        ("step-3.5-flash", "low", False),
        ("step-1o-turbo-vision", "low", False),
    ],
)
def test_strict_checks_efforts_by_model(chat: Any, server: Any, model: str, effort: str, good: bool) -> None:
    assert chat("hi", model=model, reasoning_effort=effort).status_code == 200
    server.configure(strict=True)
    assert (chat("hi", model=model, reasoning_effort=effort).status_code == 200) is good


@pytest.mark.parametrize("model", ["step-tts-2", "step-asr", "step-image-edit-2", "stepaudio-2.5-realtime"])
def test_models_of_other_endpoints_are_refused_in_chat(chat: Any, model: str) -> None:
    assert "chat completions" in error_of(chat("hi", model=model), 400)["message"]


# -- token count, account, search ----------------------------------------------------------------------------------


def test_token_count_is_what_chat_reports(http: Any, chat: Any) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好, world"}]
    counted = http.post("/v1/token/count", json={"model": "step-3.7-flash", "messages": messages}).json()
    assert counted == {"data": {"total_tokens": chat(messages).json()["usage"]["prompt_tokens"]}}
    # 3 for the request; system 4 + Be brie f . ; user 4 + 你 好 , worl d
    assert counted["data"]["total_tokens"] == 3 + 4 + 4 + 4 + 5


def test_account_balance_is_a_decimal_string(http: Any) -> None:
    account = http.get("/v1/accounts").json()
    assert (account["object"], account["type"], account["balance"]) == ("account", "prepaid", "26.00")


def test_search_returns_n_results(http: Any) -> None:
    data = http.post("/v1/search", json={"query": "step", "n": 3}).json()
    assert (data["query"], data["n"], len(data["results"])) == ("step", 3, 3)
    assert set(data["results"][0]) == {"url", "position", "title", "time", "snippet", "content"}
    for wrong in ({"query": ""}, {"query": "x", "n": 21}, {"query": "x", "category": "cats"}):
        assert http.post("/v1/search", json=wrong).status_code == 400


def test_body_that_is_not_a_json_object_is_a_400(http: Any) -> None:
    for content in (b"", b"{", b"[]", b'"x"'):
        assert http.post("/v1/chat/completions", content=content).status_code == 400


# -- limits and moderation -----------------------------------------------------------------------------------------


def test_rpm_limit_of_the_tier(chat: Any, http: Any, server: Any) -> None:
    now = [1000.0]
    server.configure(tier="V0", region="cn", clock=lambda: now[0])
    assert [chat("hi").status_code for _ in range(11)] == [200] * 10 + [429]
    error = error_of(chat("hi"), 429)
    assert error["type"] == "rate_limited"
    assert "retry-after" not in chat("hi").headers
    assert http.get("/v1/models").status_code == 200
    assert chat("hi", path=PLAN).status_code == 200
    now[0] += 61
    assert chat("hi").status_code == 200


def test_concurrency_limit_of_the_tier(chat: Any, server: Any) -> None:
    server.configure(tier="V0")
    for _ in range(5):
        server.fault(hold_after=0)
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(chat, "hi", stream=True) for _ in range(5)]
        assert server.wait_until_held(5)
        error = error_of(chat("hi"), 429)
        assert error == {"message": "concurrency reached, current: 6, limit: 5", "type": "rate_limited"}
        assert server.release() == 5
        assert [item.result().status_code for item in waiting] == [200] * 5
    assert server.wait_until_idle()
    assert chat("hi").status_code == 200


def test_concurrency_limit_of_the_plan(chat: Any, server: Any) -> None:
    server.configure(plan_concurrency=1)
    server.fault(hold_after=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(chat, "hi", path=PLAN, stream=True)
        assert server.wait_until_held()
        assert "limit: 1" in error_of(chat("hi", path=PLAN), 429)["message"]
        assert chat("hi").status_code == 200
        server.release()
        assert waiting.result().status_code == 200


def test_blocked_content_is_451(chat: Any) -> None:
    assert error_of(chat("this is emulator-blocked"), 451) == {
        "message": "The content you provided or machine outputted is blocked.",
        "type": "censorship_blocked",
    }


# -- configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream_shape", "d"),
        ("tier", "V9"),
        ("finish_reason", "x"),
        ("cache_unit", -1),
        ("chunk_tokens", 0),
        ("plan", ""),
    ],
)
def test_invalid_configuration_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        EmulatorConfig(**{name: value})


@pytest.mark.parametrize(
    ("region", "tier", "rpm"), [("global", "V0", 100), ("global", "V4", 2_600), ("cn", "V0", 10), ("cn", "V1", 1_000)]
)
def test_tiers_match_the_platform(http: Any, server: Any, region: str, tier: str, rpm: int) -> None:
    server.configure(tier=tier, region=region, clock=lambda: 1000.0)
    for _ in range(rpm):
        assert server.engine.enter("standard") is None
        server.engine.leave("standard")
    assert server.engine.enter("standard") == ("rpm", rpm + 1, rpm)


def test_tier_missing_from_the_platform_is_refused(http: Any, server: Any) -> None:
    from stepfun_compat.emulator import EmulatorConfig

    with pytest.raises(ValueError, match="allowed on the global platform: V0, V1, V2, V3, V4"):
        EmulatorConfig(tier="V5")
    assert EmulatorConfig(tier="V5", region="cn").tier == "V5"
    assert http.patch("/__emulator__/config", json={"tier": "V5"}).status_code == 400
    assert http.patch("/__emulator__/config", json={"tier": "V5", "region": "cn"}).status_code == 200
    assert http.patch("/__emulator__/config", json={"region": "global"}).status_code == 400
