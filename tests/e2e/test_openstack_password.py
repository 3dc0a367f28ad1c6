"""The stock `openstack` command with its ModelArts extension, signed in by a user name and password of clouds.yaml."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore")]  # the client's own affairs

LIMIT = 120  # seconds; the client alone takes several to start
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BelvedereProcess]:
    root = tmp_path_factory.mktemp("logs")
    (root / "bucket" / "run-1").mkdir(parents=True)
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(root,)) as started:
        admin = httpx2.Client(base_url=f"{started.endpoint}/v1/identity", headers=started.headers, timeout=30)
        with admin:
            admin.post("/users", json={"name": "ann", "password": PASSWORD}).raise_for_status()
            member = f"/projects/{started.project_id}/members/ann"
            admin.put(member, json={"role": "editor"}).raise_for_status()
        yield started


@pytest.fixture(scope="module")
def openstack(service: BelvedereProcess, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs the command, by an address with or without the version; its JSON."""
    folder = tmp_path_factory.mktemp("client")
    clouds = {name: _cloud(service, service.endpoint + path) for name, path in (("v3", "/v3"), ("root", ""))}
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": clouds}))  # JSON is YAML

    def run(*words: str, cloud: str = "v3", fails: bool = False) -> Any:
        env = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"), "HOME": str(folder)}
        command = [str(Path(sys.executable).with_name("openstack")), "--os-cloud", cloud, *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert (done.returncode != 0) == fails, done.stderr + done.stdout
        return json.loads(done.stdout) if done.stdout.strip().startswith(("[", "{")) else done.stdout + done.stderr

    return run


def _cloud(service: BelvedereProcess, auth_url: str) -> dict[str, Any]:
    auth = {
        "auth_url": auth_url,
        "username": "ann",
        "password": PASSWORD,
        "user_domain_name": "default",
        "project_id": service.project_id,
    }
    return {"auth_type": "password", "auth": auth, "region_name": "default", "identity_api_version": "3"}


def ma(openstack: Any, *words: str, **how: Any) -> Any:
    return openstack("ma", "visualization", "job", *words, **how)


def test_every_command_works_by_password(openstack: Any, service: BelvedereProcess) -> None:
    url = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    with httpx2.Client(headers=service.headers, timeout=30) as client:
        words = ["by-password", "--train-url", "/bucket/run-1/", "--description", "first", "--auto-stop-duration", "1"]
        job_id = str(ma(openstack, "create", *words, "-f", "json")["job_id"])
        assert [job["Job Name"] for job in ma(openstack, "list", "-f", "json")] == ["by-password"]
        ma(openstack, "update", job_id, "--description", "second")
        assert ma(openstack, "show", job_id, "-f", "json")["job_desc"] == "second"
        # The client fails at printing what came of a stop, after it has sent it.
        assert "NoneType" in ma(openstack, "stop", job_id, fails=True)
        wait_until(lambda: client.get(f"{url}/{job_id}").json()["status"] == 12)
        ma(openstack, "delete", job_id)
        wait_until(lambda: client.get(f"{url}/{job_id}").status_code == 404)


def test_a_token_is_issued_by_the_bare_address_and_revoked(openstack: Any, service: BelvedereProcess) -> None:
    token = openstack("token", "issue", "-f", "json", cloud="root")
    jobs = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    headers = {"X-Auth-Token": token["id"]}
    assert token["project_id"] == service.project_id
    assert httpx2.get(jobs, headers=headers).status_code == 200
    openstack("token", "revoke", token["id"])
    assert httpx2.get(jobs, headers=headers).status_code == 401
