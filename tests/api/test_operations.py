"""The seven operations, as documented."""

from typing import Any

import pytest
from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import Run
from belvedere.lifecycle.seen import Phase, Seen
from tests.support.api import OTHER_PROJECT, PROJECT, START, VIEWERS, Api

DOCUMENTED_CREATE = {
    "job_name": "visualization-job",
    "job_desc": "this is a visualization job",
    "train_url": "/obs/name/",
    "job_type": "mindinsight",
    "schedule": [{"type": "stop", "time_unit": "HOURS", "duration": 1}],
}
START_MS = int(START.timestamp() * 1000)


async def test_documented_create_request_is_answered_with_documented_fields(api: Api) -> None:
    answer = await api.client.post("/visualization-jobs", json=DOCUMENTED_CREATE)
    assert answer.status_code == 200
    created = answer.json()
    assert created == {
        "is_success": True,
        "job_id": created["job_id"],
        "job_name": "visualization-job",
        "status": 1,
        "create_time": START_MS,
        "service_url": f"{VIEWERS}/modelarts2/mindinsight/{PROJECT}/{created['job_id']}/",
        "reason": None,
    }


async def test_numbers_are_numbers_on_the_wire(api: Api) -> None:
    job_id = await api.create()
    details = await api.details(job_id)
    for field in ("job_id", "status", "create_time", "duration"):
        assert type(details[field]) is int


async def test_details_have_every_documented_field(api: Api) -> None:
    job_id = await api.create("apiTest-11", "/wph-test/zl-test/Flowers-Set/ApiTest/", job_desc="ModelArts API Dialtest")
    details = await api.details(job_id)
    assert details["service_url"] == f"{VIEWERS}/modelarts2/tensorboard/{PROJECT}/{job_id}/"
    assert details["job_name"] == "apiTest-11"
    assert details["train_url"] == "/wph-test/zl-test/Flowers-Set/ApiTest/"
    assert details["job_desc"] == "ModelArts API Dialtest"
    assert details["remaining_duration"] is None
    assert details["resource_id"]
    assert details["is_success"] is True


async def test_schedule_is_given_back_as_a_list_with_both_spellings(api: Api) -> None:
    job_id = await api.create(schedule={"type": "stop", "time_unit": "HOURS", "duration": 2})
    schedule = (await api.details(job_id))["schedule"]
    assert schedule == [{"type": "stop", "time_unit": "HOURS", "timeUnit": "HOURS", "duration": 2}]


async def test_running_time_and_remaining_time_are_in_milliseconds(api: Api) -> None:
    job_id = await api.running(schedule=[{"type": "stop", "time_unit": "SECONDS", "duration": 60}])
    api.world.pass_time(seconds=20)
    details = await api.details(job_id)
    assert (details["duration"], details["remaining_duration"]) == (20_000, 40_000)


async def test_create_wakes_the_reconciler(api: Api) -> None:
    job_id = await api.create()
    assert api.world.hinted == [job_id]


async def test_create_tells_what_the_check_of_the_log_source_found(api: Api) -> None:
    api.world.source_says = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Nothing there.")
    answer = await api.client.post("/visualization-jobs", json={"job_name": "a", "train_url": "/b/"})
    assert answer.json()["reason"] == {"code": "NOTHING_TO_SHOW", "text": "Nothing there."}


async def test_list_has_totals_and_quota(api: Api) -> None:
    await api.create("one")
    await api.create("two")
    listed = (await api.client.get("/visualization-jobs")).json()
    assert [job["job_name"] for job in listed["jobs"]] == ["one", "two"]
    assert (listed["job_total_count"], listed["job_count_limit"], listed["quotas"]) == (2, 98, 100)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["beta", "alpha"]),
        ("?sortBy=job_name", ["alpha", "beta"]),
        ("?sort_by=job_name&order=desc", ["beta", "alpha"]),
        ("?search_content=alp", ["alpha"]),
        ("?search_content=bucket/b", ["beta"]),
        ("?status=8", []),
        ("?status=1,8", ["beta", "alpha"]),
        ("?status=8&status=1", ["beta", "alpha"]),
        ("?per_page=1", ["beta"]),
        ("?per_page=1&page=2", ["alpha"]),
        ("?page=3", []),
        ("?tag=blue", ["alpha"]),
        ("?tag=blue&tag=red", []),
        ("?owner=admin", ["beta", "alpha"]),
        ("?owner=nobody", []),
        ("?job_type=MindInsight", ["alpha"]),
        (f"?created_from={START_MS + 1}", ["alpha"]),
        (f"?created_before={START_MS + 1}", ["beta"]),
        ("?status=1&per_page=10&page=1&sortBy=status&order=asc& search_content=alpha", ["alpha"]),  # the sample's blank
        ("?workspace_id=0&unknown=1", ["beta", "alpha"]),
    ],
)
async def test_list_filters_and_sorts(api: Api, query: str, names: list[str]) -> None:
    await api.create("beta", "/bucket/b/")
    api.world.pass_time(seconds=1)
    await api.create("alpha", "/bucket/a/", tags=["blue"], job_type="mindinsight")
    listed = await api.client.get(f"/visualization-jobs{query}")
    assert [job["job_name"] for job in listed.json()["jobs"]] == names


async def test_marker_leads_through_all_pages(api: Api) -> None:
    expected = [await api.create(f"job-{number}") for number in range(5)]
    found: list[int] = []
    marker: dict[str, str] = {}
    for _ in range(3):
        listed = (await api.client.get("/visualization-jobs", params={"per_page": "2", **marker})).json()
        found += [job["job_id"] for job in listed["jobs"]]
        marker = {"marker": listed["next_marker"]} if listed["next_marker"] else {}
    assert found == expected
    assert marker == {}


async def test_update_changes_the_description(api: Api) -> None:
    job_id = await api.create()
    answer = await api.client.put(f"/visualization-jobs/{job_id}", json={"job_desc": "new"})
    assert answer.json() == {"is_success": True}
    assert (await api.details(job_id))["job_desc"] == "new"


async def test_update_extends_a_running_job(api: Api) -> None:
    job_id = await api.running(schedule={"type": "stop", "time_unit": "HOURS", "duration": 1})
    change: dict[str, Any] = {"schedule": {"type": "stop", "timeUnit": "MINUTES", "duration": 90}}
    await api.client.put(f"/visualization-jobs/{job_id}", json=change)
    assert (await api.details(job_id))["remaining_duration"] == 90 * 60_000
    assert api.world.hinted[-1] == job_id


@pytest.mark.parametrize("schedule", [None, []])
async def test_update_removes_the_auto_stop(api: Api, schedule: object) -> None:
    job_id = await api.create(schedule={"type": "stop", "time_unit": "HOURS", "duration": 1})
    await api.client.put(f"/visualization-jobs/{job_id}", json={"schedule": schedule})
    assert (await api.details(job_id))["schedule"] == []


@pytest.mark.parametrize("sleep_after", [10, 86400, "never", None])
async def test_sleep_after_is_given_back_as_asked_for(api: Api, sleep_after: object) -> None:
    job_id = await api.create(sleep_after=sleep_after)
    assert (await api.details(job_id))["sleep_after"] == sleep_after


@pytest.mark.parametrize("sleep_after", [60, "never", None])
async def test_update_changes_the_sleep_of_a_running_job_and_hints(api: Api, sleep_after: object) -> None:
    job_id = await api.running(sleep_after=30)
    api.world.hinted.clear()
    answer = await api.client.put(f"/visualization-jobs/{job_id}", json={"sleep_after": sleep_after})
    assert answer.status_code == 200
    assert ((await api.details(job_id))["sleep_after"], api.world.hinted) == (sleep_after, [job_id])


async def test_update_leaves_alone_what_it_does_not_name(api: Api) -> None:
    job_id = await api.create(job_desc="kept", tags=["a"])
    await api.client.put(f"/visualization-jobs/{job_id}", json={"tags": ["b"]})
    details = await api.details(job_id)
    assert (details["job_desc"], details["tags"]) == ("kept", ["b"])


async def test_stop_is_under_way_at_once(api: Api) -> None:
    job_id = await api.running()
    answer = await api.client.post(f"/visualization-jobs/{job_id}/stop")
    assert answer.json() == {"is_success": True}
    assert (await api.details(job_id))["status"] == 9


async def test_restart_begins_a_new_attempt_under_the_same_url(api: Api) -> None:
    job_id = await api.ended()
    before = await api.details(job_id)
    await api.client.post(f"/visualization-jobs/{job_id}/restart")
    after = await api.details(job_id)
    assert (after["status"], after["attempt"]) == (1, 2)
    assert after["service_url"] == before["service_url"]


async def test_delete_is_under_way_at_once(api: Api) -> None:
    job_id = await api.create()
    assert (await api.client.delete(f"/visualization-jobs/{job_id}")).json() == {"is_success": True}
    assert (await api.details(job_id))["status"] == 9


@pytest.mark.parametrize("verb", ["stop", "restart", "delete"])
async def test_a_content_type_without_a_body_is_no_matter(api: Api, verb: str) -> None:
    job_id = await (api.ended() if verb == "restart" else api.running())
    headers = {"Content-Type": "application/json"}
    path = f"/visualization-jobs/{job_id}"
    sent = api.client.delete(path, headers=headers) if verb == "delete" else api.client.post(f"{path}/{verb}")
    assert (await sent).status_code == 200


async def test_history_tells_of_requests(api: Api) -> None:
    job_id = await api.create()
    await api.client.post(f"/visualization-jobs/{job_id}/stop")
    events = (await api.client.get(f"/visualization-jobs/{job_id}/events")).json()["events"]
    assert [event["kind"] for event in events] == ["created", "stop-requested"]
    assert events[0]["time"] == START_MS


async def test_flavors_are_listed_with_the_default_first(api: Api) -> None:
    answer = (await api.client.get("/visualization-job-flavors")).json()
    assert answer["is_success"] is True
    assert [(each["code"], each["is_default"], each["cpu"]) for each in answer["flavors"]] == [
        ("default", True, None), ("large", False, 4.0)
    ]  # fmt: skip


async def test_viewer_types_are_listed_and_those_that_are_missing_say_how_to_install_them(api: Api) -> None:
    kinds = (await api.client.get("/viewer-types")).json()["viewer_types"]
    assert [(each["job_type"], each["is_installed"]) for each in kinds] == [
        ("tensorboard", True), ("mindinsight", True), ("netron", False)
    ]  # fmt: skip
    assert kinds[2]["to_install"] == "belvedere viewer install netron"


async def test_a_job_of_a_type_that_is_not_installed_is_refused_with_the_command(api: Api) -> None:
    body = {"job_name": "a", "train_url": "/b/", "job_type": "Netron"}
    answer = await api.client.post("/visualization-jobs", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert "belvedere viewer install netron" in answer.json()["error_msg"]


async def test_logs_give_as_many_lines_as_asked_for(api: Api) -> None:
    job_id = await api.create()
    api.world.log_lines = [str(number) for number in range(300)]
    assert len((await api.client.get(f"/visualization-jobs/{job_id}/logs")).json()["lines"]) == 100
    last = (await api.client.get(f"/visualization-jobs/{job_id}/logs?tail=2")).json()["lines"]
    assert last == ["298", "299"]


async def test_ticket_is_a_link_to_the_viewer(api: Api) -> None:
    job_id = await api.create()
    ticket = (await api.client.post(f"/visualization-jobs/{job_id}/ticket")).json()
    assert ticket["url"].startswith(f"{VIEWERS}/modelarts2/tensorboard/{PROJECT}/{job_id}/?ticket=")
    assert ticket["expires_in"] == 120


async def test_progress_of_the_present_attempt_is_told(api: Api) -> None:
    job_id = await api.running()
    job = await api.store.find(job_id)
    assert job is not None
    progress = SourceProgress(state="copying", files_done=1, files_total=3)
    api.board.put(job, Seen(phase=Phase.STARTING, attempt=1, source=progress))
    assert (await api.details(job_id))["source"]["files_total"] == 3
    await api.write(job_id, run=replace(job.run, running_since=None))
    await api.write(job_id, attempt=2, run=Run())
    assert (await api.details(job_id))["source"] is None


async def test_jobs_of_another_project_do_not_exist(api: Api) -> None:
    job_id = await api.create()
    async with api.client_of(OTHER_PROJECT) as other:
        foreign = await other.get(f"/visualization-jobs/{job_id}")
        absent = await other.get(f"/visualization-jobs/{job_id + 1000}")
        listed = await other.get("/visualization-jobs")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json()["message"] == absent.json()["message"]
    assert listed.json()["jobs"] == []


async def test_a_private_job_is_seen_by_its_owner_alone(api: Api) -> None:
    job_id = await api.create(visibility="private")
    async with api.client_of(PROJECT, "colleague") as colleague:
        assert (await colleague.get(f"/visualization-jobs/{job_id}")).status_code == 404
        assert (await colleague.get("/visualization-jobs")).json()["job_total_count"] == 0
    assert (await api.details(job_id))["visibility"] == "private"


async def test_only_the_owner_changes_the_visibility(api: Api) -> None:
    job_id = await api.create()
    async with api.client_of(PROJECT, "colleague") as colleague:
        answer = await colleague.put(f"/visualization-jobs/{job_id}", json={"visibility": "private"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.0108")
