"""Log stores through the API: what they hold, who may change them, and what is never told."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.api import OTHER_PROJECT, PROJECT, Api

SECRET = "hush-hush-hush"
GOOD: dict[str, Any] = {"name": "minio", "endpoint": "https://minio.example", "access_key": "AK", "secret_key": SECRET}


async def add(api: Api, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post("/log-stores", json={**GOOD, **fields})
    assert answer.status_code == 200, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def test_a_store_is_added_shown_and_never_its_secret(api: Api) -> None:
    added = await add(api, region="north", addressing="virtual-host")
    shown = await api.client.get("/log-stores/minio")
    assert added == shown.json()
    assert {name: added[name] for name in ("endpoint", "access_key", "region", "addressing", "origin", "jobs")} == {
        "endpoint": "https://minio.example", "access_key": "AK", "region": "north", "addressing": "virtual-host",
        "origin": "project", "jobs": 0,
    }  # fmt: skip
    assert SECRET not in shown.text


async def test_the_secret_is_encrypted_in_the_database(api: Api, tmp_path: Path) -> None:
    await add(api)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"minio.example" in kept
    assert SECRET.encode() not in kept


async def test_whoever_reads_logs_is_told_at_once(api: Api) -> None:
    await add(api)
    assert api.world.published[f"{PROJECT}/minio"].secret_key == SECRET
    await api.client.put("/log-stores/minio", json={"access_key": "AK2", "secret_key": "newer"})
    assert api.world.published[f"{PROJECT}/minio"].secret_key == "newer"
    await api.client.delete("/log-stores/minio")
    assert list(api.world.published) == ["default"]


async def test_the_settings_store_comes_first_and_is_changed_there_only(api: Api) -> None:
    await add(api, name="a")
    listed = (await api.client.get("/log-stores")).json()["log_stores"]
    assert [(store["name"], store["origin"]) for store in listed] == [("default", "settings"), ("a", "project")]
    answer = await api.client.put("/log-stores/default", json={"region": "x"})
    assert (answer.status_code, "settings" in answer.json()["message"]) == (403, True)
    assert (await api.client.delete("/log-stores/default")).status_code == 403


async def test_a_projects_store_is_not_seen_by_another(api: Api) -> None:
    await add(api)
    async with api.client_of(OTHER_PROJECT) as other:
        assert (await other.get("/log-stores/minio")).status_code == 404
        assert (await other.delete("/log-stores/minio")).status_code == 404
        assert [store["name"] for store in (await other.get("/log-stores")).json()["log_stores"]] == ["default"]


async def test_a_shared_store_is_seen_by_all_and_changed_by_administrators(api: Api) -> None:
    await add(api, shared=True)
    async with api.client_of(PROJECT, "colleague") as colleague:
        assert (await colleague.get("/log-stores/minio")).json()["origin"] == "shared"
        assert (await colleague.put("/log-stores/minio", json={"region": "x"})).status_code == 403
        assert (await colleague.delete("/log-stores/minio")).status_code == 403
        answer = await colleague.post("/log-stores", json={**GOOD, "name": "mine", "shared": True})
    assert (answer.status_code, "administrator" in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize("name", ["minio", "default"])
async def test_a_name_that_is_taken_is_a_conflict(api: Api, name: str) -> None:
    await add(api)
    answer = await api.client.post("/log-stores", json={**GOOD, "name": name})
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ModelArts.2878")


async def test_a_store_in_use_is_kept_and_says_by_how_many(api: Api) -> None:
    await add(api)
    await api.create(store="minio")
    await api.create(store="minio")
    assert (await api.client.get("/log-stores/minio")).json()["jobs"] == 2
    answer = await api.client.delete("/log-stores/minio")
    assert (answer.status_code, "in use by 2 jobs" in answer.json()["message"]) == (409, True)


async def test_a_job_tells_its_store(api: Api) -> None:
    await add(api)
    assert (await api.details(await api.create(store="minio")))["store"] == "minio"


async def test_keys_do_not_follow_a_store_to_another_address(api: Api) -> None:
    await add(api)
    answer = await api.client.put("/log-stores/minio", json={"endpoint": "https://elsewhere.example"})
    assert (answer.status_code, "keys" in answer.json()["message"]) == (400, True)
    keys = {"access_key": "AK", "secret_key": SECRET}
    answer = await api.client.put("/log-stores/minio", json={"endpoint": "https://elsewhere.example", **keys})
    assert answer.json()["endpoint"] == "https://elsewhere.example"


async def test_a_store_without_keys_is_anonymous(api: Api) -> None:
    await add(api, access_key=None, secret_key=None)
    published = api.world.published[f"{PROJECT}/minio"]
    assert (published.access_key, published.secret_key) == ("", "")


async def test_keys_can_be_taken_away(api: Api) -> None:
    await add(api)
    await api.client.put("/log-stores/minio", json={"access_key": "", "secret_key": ""})
    assert api.world.published[f"{PROJECT}/minio"].secret_key == ""


@pytest.mark.parametrize(("secret", "works"), [(SECRET, True), ("wrong", False)])
async def test_a_test_says_whether_it_works(api: Api, secret: str, works: bool) -> None:
    await add(api, secret_key=secret)
    answer = (await api.client.post("/log-stores/minio/test", json={"bucket": "logs"})).json()
    assert (answer["works"], answer["reason"] is None) == (works, works)


async def test_a_test_needs_no_body(api: Api) -> None:
    assert (await api.client.post("/log-stores/default/test")).json()["works"] is True


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "[::1]", "innocent.example"])
async def test_only_administrators_name_this_machines_neighbourhood(api: Api, host: str) -> None:
    api.world.addresses["innocent.example"] = ["169.254.169.254"]
    async with api.client_of(PROJECT, "colleague") as colleague:
        answer = await colleague.post("/log-stores", json={**GOOD, "endpoint": f"https://{host}"})
    assert (answer.status_code, "only an administrator" in answer.json()["message"]) == (400, True)
    await add(api, endpoint=f"https://{host}")


BAD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"name": None}, ("name is missing", "1 to 32")),
    ({"name": ""}, ("name is missing",)),
    ({"name": "a/b"}, ("name", "letters", "a/b")),
    ({"name": "-x"}, ("name", "beginning with")),
    ({"name": "x" * 33}, ("name", "1 to 32")),
    ({"name": 5}, ("name", "an integer (5)")),
    ({"endpoint": None}, ("endpoint is missing", "https://obs.example.org")),
    ({"endpoint": "http://minio.example"}, ("endpoint", "allow_http")),
    ({"endpoint": "minio"}, ("endpoint", "https://")),
    ({"endpoint": f"https://AK:{SECRET}@minio.example"}, ("endpoint", "user name or password")),
    ({"secret_key": None}, ("secret_key is missing", "pair")),
    ({"secret_key": ""}, ("secret_key is missing", "pair")),
    ({"access_key": None}, ("access_key is missing", "pair")),
    ({"secret_key": f"{SECRET} {SECRET}"}, ("secret_key", "without blanks")),
    ({"secret_key": [SECRET]}, ("secret_key", "printable")),
    ({"access_key": "ä"}, ("access_key", "printable")),
    ({"access_key": "AK\r\nX-Amz: y"}, ("access_key", "printable")),
    ({"secret_key": f"{SECRET}\x00"}, ("secret_key", "printable")),
    ({"region": "a b"}, ("region", "a b")),
    ({"region": "a\r\nX-Amz: y"}, ("region", "control characters")),
    ({"region": "nörd"}, ("region", "letters, digits and hyphens")),
    ({"endpoint": "https://minio.example\r\nHost: y"}, ("endpoint", "control characters")),
    ({"endpoint": "https://minio..example"}, ("endpoint", "host name")),
    ({"addressing": "host"}, ("addressing", "path or virtual-host", "host")),
    ({"allow_http": "yes"}, ("allow_http", "true or false")),
    ({"shared": 1}, ("shared", "true or false")),
    ({"ca_file": "/etc/passwd"}, ("ca_file", "operator", "[stores.NAME]")),
]


@pytest.mark.parametrize(("fields", "words"), BAD)
async def test_a_bad_field_is_named_and_no_secret_repeated(
    api: Api, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await api.client.post("/log-stores", json={**GOOD, **fields})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]
    assert SECRET not in answer.text
    assert len((await api.client.get("/log-stores")).json()["log_stores"]) == 1


@pytest.mark.parametrize(
    ("fields", "word"),
    [({}, "access_key is missing"), ({"name": "x"}, "access_key is missing"), ({"secret_key": "x"}, "pair"),
     ({"endpoint": "http://minio.example"}, "allow_http"), ({"access_key": "", "secret_key": "x"}, "pair")],
)  # fmt: skip
async def test_a_bad_change_is_refused_by_name(api: Api, fields: dict[str, Any], word: str) -> None:
    before = await add(api)
    answer = await api.client.put("/log-stores/minio", json=fields)
    assert (answer.status_code, word in answer.json()["message"]) == (400, True), answer.text
    assert (await api.client.get("/log-stores/minio")).json() == before


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "none"), ("PUT", "none"), ("DELETE", "none"), ("POST", "none/test")]
)
async def test_an_unknown_store_is_404(api: Api, method: str, path: str) -> None:
    body = {"region": "x"} if method == "PUT" else None
    answer = await api.client.request(method, f"/log-stores/{path}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ModelArts.0015")


async def test_a_name_that_none_can_have_is_400(api: Api) -> None:
    assert (await api.client.get("/log-stores/a%20b")).status_code == 400
