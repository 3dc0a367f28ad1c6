"""The Python client against the API itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from belvedere.client import BadRequest, Client, Goal, ListQuery, NotAuthorized, NotFound, Outcome, Refused
from belvedere.contract.jobs import CreateJob, ScheduleItem, UpdateJob
from belvedere.contract.statuses import JobStatus
from tests.support.api import OTHER_PROJECT
from tests.support.served import ServedApi, served_api

NEW = CreateJob(job_name="run-1", train_url="/bucket/run-1/")


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[ServedApi]:
    with served_api(tmp_path) as served:
        yield served


@pytest.fixture
def client(served: ServedApi) -> Iterator[Client]:
    with served.client() as client:
        yield client


def test_a_created_job_can_be_read_back(client: Client) -> None:
    created = client.create(CreateJob(job_name="run-1", train_url="/bucket/run-1/", job_desc="mine", tags=["a"]))
    job = client.get(created.job_id)
    assert (job.job_name, job.job_desc, job.tags, job.status) == ("run-1", "mine", ["a"], JobStatus.INIT)


def test_the_same_idempotency_key_gives_the_same_job(client: Client) -> None:
    first, second = (client.create(NEW, idempotency_key="k") for _ in range(2))
    assert first.job_id == second.job_id


def test_a_list_goes_through_all_pages(client: Client) -> None:
    ids = [client.create(NEW).job_id for _ in range(5)]
    assert [job.job_id for job in client.list(ListQuery(page_size=2))] == ids


def test_a_list_can_be_narrowed(client: Client) -> None:
    tagged = client.create(CreateJob(job_name="a", train_url="/bucket/a/", tags=["x"])).job_id
    client.create(NEW)
    query = ListQuery(
        statuses=(JobStatus.INIT,), tags=("x",), owner="admin", job_type="tensorboard", sort="create_time"
    )
    assert [job.job_id for job in client.list(query)] == [tagged]


def test_an_update_changes_what_it_names(client: Client) -> None:
    job_id = client.create(NEW).job_id
    client.update(job_id, UpdateJob(schedule=[ScheduleItem(type="stop", time_unit="MINUTES", duration=30)]))
    assert client.get(job_id).schedule[0].duration == 30


def test_an_update_of_an_older_revision_is_refused(client: Client) -> None:
    job_id = client.create(NEW).job_id
    etag = client.get_versioned(job_id).etag
    client.update(job_id, UpdateJob(job_desc="theirs"))
    with pytest.raises(Refused):
        client.update(job_id, UpdateJob(job_desc="mine"), if_match=etag)
    assert client.get(job_id).job_desc == "theirs"


def test_stop_is_refused_for_a_job_that_stops_already(client: Client) -> None:
    job_id = client.create(NEW).job_id
    client.stop(job_id)
    with pytest.raises(Refused, match="This job can't be stop"):
        client.stop(job_id)


def test_an_ended_job_can_be_restarted(served: ServedApi, client: Client) -> None:
    job_id = served.do(served.api.ended())
    client.restart(job_id)
    assert client.get(job_id).attempt == 2


def test_a_deleted_job_is_on_its_way_out(client: Client) -> None:
    job_id = client.create(NEW).job_id
    client.delete(job_id)
    assert client.get(job_id).status == JobStatus.KILLING


def test_events_and_logs_are_oldest_first(served: ServedApi, client: Client) -> None:
    job_id = client.create(NEW).job_id
    served.api.world.log_lines = ["one", "two", "three"]
    assert client.events(job_id)[0].kind == "created"
    assert client.logs(job_id, tail=2) == ("two", "three")


def test_a_ticket_is_a_link_to_the_viewers(client: Client) -> None:
    assert client.ticket(client.create(NEW).job_id).url.startswith("https://viewers.example/")


def test_waiting_sees_a_running_job(served: ServedApi, client: Client) -> None:
    job_id = served.do(served.api.running())
    assert client.wait(job_id).outcome is Outcome.REACHED


def test_waiting_for_the_end_sees_it(served: ServedApi, client: Client) -> None:
    job_id = served.do(served.api.ended())
    assert client.wait(job_id, until=Goal.ENDED).outcome is Outcome.REACHED


def test_errors_carry_the_services_words(client: Client) -> None:
    with pytest.raises(BadRequest) as caught:
        client.create(CreateJob(job_name="a b", train_url="/bucket/"))
    assert (caught.value.code, bool(caught.value.request_id)) == ("ModelArts.0104", True)


def test_an_unknown_job_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        client.get(4711)


@pytest.mark.parametrize(("project", "token"), [(OTHER_PROJECT, None), (None, "wrong")])
def test_a_wrong_project_or_token_is_not_authorised(served: ServedApi, project: str | None, token: str | None) -> None:
    with (
        Client(served.endpoint, project or served.project_id, token or served.token) as stranger,
        pytest.raises(NotAuthorized),
    ):
        stranger.page()
