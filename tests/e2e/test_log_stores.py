"""Log stores of the real service, over a real object store: rotation, anonymity, and secrets that stay secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.files import contents_below
from tests.support.logs import beginning_of, log_content
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.object_store]
NAME = "events.out.tfevents.1795443490.host"
LATER = ("later-access-key", "later-secret-that-nobody-sees")


@pytest.fixture(name="plain")
def _plain(tmp_path: Path) -> Iterator[BelvedereProcess]:
    """A service without any store in its settings."""
    with running_service(tmp_path, env=QUICK) as service:
        yield service


def ask_store(service: BelvedereProcess, method: str, path: str = "", **body: Any) -> httpx2.Response:
    with service.client() as client:
        return client.request(method, f"/log-stores{path}", json=body or None)


def add_store(service: BelvedereProcess, store: SeaweedFs, name: str = "weed", **fields: Any) -> None:
    keys = {"access_key": store.access_key, "secret_key": store.secret_key}
    answer = ask_store(service, "POST", name=name, endpoint=store.endpoint, allow_http=True, **{**keys, **fields})
    assert answer.status_code == 200, answer.text


def test_a_job_reads_from_a_store_that_was_added(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    add_store(plain, seaweedfs)
    job = plain.run("added", f"obs://{BUCKET}/rich/exp_0/")
    assert job["store"] == "weed"
    assert plain.curve(job["service_url"])


def test_added_stores_survive_a_restart_of_the_service(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    add_store(plain, seaweedfs)
    plain.stop()
    plain.start()
    assert plain.curve(plain.run("after", f"obs://{BUCKET}/rich/exp_0/")["service_url"])


def test_several_stores_have_to_be_told_apart(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    for name in ("one", "two"):
        add_store(plain, seaweedfs, name)
    answer = plain.ask("POST", "", {"job_name": "which", "train_url": f"obs://{BUCKET}/rich/"})
    assert (answer.status_code, "one, two" in answer.json()["message"]) == (400, True)
    assert plain.run("told", f"obs://{BUCKET}/rich/exp_0/", store="two")["store"] == "two"


def test_a_store_that_nobody_added_is_named(store_service: BelvedereProcess) -> None:
    fields = {"job_name": "none", "train_url": f"obs://{BUCKET}/rich/", "store": "none-such"}
    answer = store_service.ask("POST", "", fields)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert "none-such" in answer.json()["message"]
    assert "default" in answer.json()["message"]


def test_a_folder_lies_in_no_store(tmp_path: Path, seaweedfs: SeaweedFs) -> None:
    env = {**QUICK, **store_settings(seaweedfs)}
    with running_service(tmp_path, env=env, log_roots=(tmp_path,)) as service:
        fields = {"job_name": "x", "train_url": f"file://{tmp_path}", "store": "default"}
        answer = service.ask("POST", "", fields)
        assert (answer.status_code, "Leave store out" in answer.json()["message"]) == (400, True)
        assert service.create("x", f"file://{tmp_path}")["is_success"]


def test_new_keys_count_for_a_running_job_without_a_restart(tmp_path: Path) -> None:
    with SeaweedFs() as store, running_service(tmp_path, env=QUICK) as service:
        add_store(service, store)
        log = log_content(25)
        store.put("rotating", f"run/{NAME}", beginning_of(log, 10))
        job = service.run("rotating", "obs://rotating/run/")
        assert len(service.curve(job["service_url"])) == 10
        store.change_keys(*LATER)
        store.put("rotating", f"run/{NAME}", log)
        wait_until(lambda: told_while_watched(service, job) == "BAD_CREDENTIALS")
        answer = ask_store(service, "PUT", "/weed", access_key=LATER[0], secret_key=LATER[1])
        assert answer.status_code == 200
        wait_until(lambda: len(service.curve(job["service_url"])) == 25)
        after = service.details(job["job_id"])
        assert (after["status"], after["attempt"], after["started_time"]) == (8, 1, job["started_time"])


def told_while_watched(service: BelvedereProcess, job: dict[str, Any]) -> str | None:
    """What the job tells; somebody looks meanwhile, else its mirror would rest."""
    service.curve(job["service_url"])
    code: str | None = (service.details(job["job_id"])["reason"] or {}).get("code")
    return code


def test_a_public_bucket_is_read_without_keys(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    seaweedfs.put(seaweedfs.public, f"run/{NAME}", log_content(7))
    add_store(plain, seaweedfs, access_key="", secret_key="")
    assert len(plain.curve(plain.run("public", f"obs://{seaweedfs.public}/run/")["service_url"])) == 7
    answer = plain.ask("POST", "", {"job_name": "private", "train_url": f"obs://{BUCKET}/rich/"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.4310")


@pytest.mark.parametrize(("fields", "code"), [({}, None), ({"secret_key": "wrong"}, "BAD_CREDENTIALS")])
def test_a_test_tells_whether_address_and_keys_are_right(
    plain: BelvedereProcess, seaweedfs: SeaweedFs, fields: dict[str, str], code: str | None
) -> None:
    add_store(plain, seaweedfs, **fields)
    tried = ask_store(plain, "POST", "/weed/test").json()
    assert (tried["works"], (tried["reason"] or {}).get("code")) == (code is None, code)


def test_a_test_of_a_bucket_that_is_not_there_says_so(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    add_store(plain, seaweedfs)
    assert ask_store(plain, "POST", "/weed/test", bucket="no-such-bucket").json()["reason"]["code"] == "NO_SUCH_BUCKET"
    assert ask_store(plain, "POST", "/weed/test", bucket=BUCKET).json()["works"]


def test_folders_with_logs_are_found_from_the_bucket_down(store_service: BelvedereProcess) -> None:
    with store_service.client() as client:
        top = client.get("/log-sources", params={"url": f"obs://{BUCKET}"}).json()
        below = client.get("/log-sources", params={"url": f"obs://{BUCKET}/rich/"}).json()
    assert {"name": "rich", "url": f"obs://{BUCKET}/rich/", "has_logs": True} in top["folders"]
    assert ("exp_0", True) in [(folder["name"], folder["has_logs"]) for folder in below["folders"]]
    assert below["store"] == "default"


def test_a_secret_stands_nowhere(plain: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    add_store(plain, seaweedfs)
    plain.run("secret", f"obs://{BUCKET}/rich/exp_0/")
    secret = seaweedfs.secret_key.encode()
    files = contents_below(plain.data.parent)
    commands = [Path(f"/proc/{process.pid}/{name}") for process in plain.processes() for name in ("cmdline", "environ")]
    shown = files | {path: path.read_bytes() for path in commands}
    assert [path for path, data in shown.items() if secret in data] == []
