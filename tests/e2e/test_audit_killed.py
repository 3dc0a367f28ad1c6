"""kill -9 of the service amid changes: what was answered is in the audit, and what the audit tells is so."""

import concurrent.futures
import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.service import BelvedereProcess, running_service

pytestmark = pytest.mark.e2e
KILLS = 20
CLIENTS = 4
PAGE = 1000  # in one answer, of traces and of jobs

Fact = tuple[str, str]  # a trace's name, and what it is about


@pytest.fixture
def mortal(tmp_path: Path, folder: Path) -> Iterator[BelvedereProcess]:
    with running_service(tmp_path, log_roots=(folder,), env={"BELVEDERE_USER_RATE": "0"}) as service:
        yield service


class Load:
    """Clients that change something again and again, and remember what was answered."""

    def __init__(self, service: BelvedereProcess, folder: Path) -> None:
        self._service = service
        self._folder = folder
        self._numbers = itertools.count()
        self._over = threading.Event()
        self.done: set[Fact] = set()

    def go_on(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._over.is_set():
            name = f"n{next(self._numbers)}"
            change = chance.choice((self._add_user, self._add_project, self._create_job, self._grant))
            try:
                change(name)
            except httpx2.TransportError:
                time.sleep(0.05)  # it is dead, or not there yet

    def stop(self) -> None:
        self._over.set()

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> bool:
        url, headers = self._service.endpoint + path, self._service.headers
        answer = httpx2.request(method, url, json=body, headers=headers, timeout=60)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        return answer.status_code < 300

    def _add_user(self, name: str) -> None:
        if self._ask("POST", "/v1/identity/users", {"name": name}):
            self.done.add(("createUser", name))

    def _add_project(self, name: str) -> None:
        if self._ask("POST", "/v1/identity/projects", {"name": name}):
            self.done.add(("createProject", name))

    def _create_job(self, name: str) -> None:
        body = {"job_name": name, "train_url": str(self._folder / name), "visibility": "project"}
        if self._ask("POST", f"/v1/{self._service.project_id}/visualization-jobs", body):
            self.done.add(("createModelArtsTensorboardJob", name))

    def _grant(self, _: str) -> None:
        users = [about for what, about in tuple(self.done) if what == "createUser"]
        if users:
            path = f"/v1/identity/projects/{self._service.project_id}/members/{users[-1]}"
            if self._ask("PUT", path, {"role": "viewer"}):
                self.done.add(("grantRole", users[-1]))


def told(service: BelvedereProcess) -> set[Fact]:
    """What the audit says was done."""
    found: set[Fact] = set()
    marker: str | None = ""
    with service.client() as client:
        while marker is not None:
            query = {"limit": str(PAGE), "all_projects": "true", **({"marker": marker} if marker else {})}
            page = client.get("/audit", params=query).raise_for_status().json()
            found |= {
                (trace["trace_name"], trace["resource_name"] or trace["resource_id"])
                for trace in page["traces"]
                if trace["trace_rating"] == "normal"
            }
            marker = page.get("next_marker")
    return found


def true(service: BelvedereProcess) -> set[Fact]:
    """What is so."""
    with httpx2.Client(base_url=service.endpoint, headers=service.headers, timeout=60) as client:

        def names(path: str, field: str, name: str) -> list[str]:
            return [each[name] for each in client.get(path).raise_for_status().json()[field]]

        members = f"/v1/identity/projects/{service.project_id}/members"
        found = {("createUser", name) for name in names("/v1/identity/users", "users", "name")}
        found |= {("createProject", name) for name in names("/v1/identity/projects", "projects", "name")}
        found |= {("grantRole", name) for name in names(members, "members", "user")}
        jobs = f"/v1/{service.project_id}/visualization-jobs?per_page={PAGE}"
        return found | {("createModelArtsTensorboardJob", name) for name in names(jobs, "jobs", "job_name")}


def test_what_was_answered_is_in_the_audit_and_what_it_tells_is_so_over_kills(
    mortal: BelvedereProcess, folder: Path
) -> None:
    chance, load = random.Random(20261126), Load(mortal, folder)
    before = true(mortal) - told(mortal)  # what the service began with, that nobody did
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        going = [clients.submit(load.go_on, seed) for seed in range(CLIENTS)]
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0, 0.3))  # where in a change the kill meets it; nothing is waited for
                mortal.kill()
                mortal.start()
        finally:
            load.stop()
        for each in going:
            each.result()
    assert len(load.done) > KILLS
    assert load.done - told(mortal) == set()
    kinds = {what for what, _ in load.done}
    assert {fact for fact in told(mortal) if fact[0] in kinds} == true(mortal) - before
