"""The proof that nobody here wrote: the unmodified otcextensions SDK and its command line against a live service.

No Keystone: the endpoint and the token are given in clouds.yaml, as its documentation describes for other clouds.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from belvedere.contract.statuses import JobStatus
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = [
    pytest.mark.e2e,
    # The client's own libraries warn of their own affairs.
    pytest.mark.filterwarnings("ignore"),
]

COMMAND_LIMIT = 120  # seconds; the client alone takes several to start
HOUR = {"type": "stop", "time_unit": "HOURS", "duration": 1}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log root with one run."""
    from tensorboardX import SummaryWriter  # noqa: PLC0415 - heavy, and wanted here alone

    root = tmp_path_factory.mktemp("logs")
    with SummaryWriter(str(root / "bucket" / "run-1")) as writer:
        writer.add_scalar("loss", 0.5, 1)
    return root


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, logs: Path) -> Iterator[BelvedereProcess]:
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(logs,)) as started:
        yield started


@pytest.fixture(scope="module")
def clouds(service: BelvedereProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's configuration."""
    endpoint = f"{service.endpoint}/v1/{service.project_id}"
    auth = {"endpoint": endpoint, "token": service.token}
    config = {"clouds": {"dev": {"auth_type": "admin_token", "auth": auth, "region_name": "here"}}}
    path = tmp_path_factory.mktemp("client") / "clouds.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def sdk(clouds: Path) -> Iterator[Any]:
    """The SDK's own proxy for ModelArts."""
    import openstack  # noqa: PLC0415 - its import is slow, and warns
    from otcextensions import sdk  # noqa: PLC0415

    config = openstack.config.OpenStackConfig(config_files=[str(clouds)], load_envvars=False)
    with openstack.connection.Connection(config=config.get_one("dev")) as connection:
        sdk.register_otc_extensions(connection)
        yield connection.modelartsv1


@pytest.fixture
def name() -> str:
    return f"sdk-{uuid.uuid4().hex[:12]}"


def create(sdk: Any, name: str, **fields: Any) -> Any:
    return sdk.create_visualization_job(job_name=name, train_url="/bucket/run-1/", **fields)


def wait_for(sdk: Any, job_id: int, status: JobStatus) -> Any:
    def reached() -> Any:
        job = sdk.get_visualization_job(job_id)
        return job if job.status == status else None

    return wait_until(reached)


def is_gone(sdk: Any, job_id: int) -> bool:
    from openstack.exceptions import NotFoundException  # noqa: PLC0415

    try:
        sdk.get_visualization_job(job_id)
    except NotFoundException:
        return True
    return False


@pytest.mark.parametrize("schedule", [HOUR, [HOUR]], ids=["object", "list"])
def test_sdk_creates_with_either_form_of_schedule(sdk: Any, name: str, schedule: object) -> None:
    job = create(sdk, name, job_desc="by the SDK", job_type="tensorboard", schedule=schedule)
    assert isinstance(job.job_id, int)
    assert job.job_name == name
    assert job.service_url.endswith(f"/{job.job_id}/")
    found = sdk.get_visualization_job(job.job_id)
    assert found.job_desc == "by the SDK"


@pytest.mark.parametrize("form", [int, str])
def test_sdk_gets_by_either_form_of_id(sdk: Any, name: str, form: type) -> None:
    job_id = create(sdk, name).job_id
    assert sdk.get_visualization_job(form(job_id)).job_name == name


def test_sdk_sees_the_job_run_and_its_documented_fields(sdk: Any, name: str) -> None:
    job = wait_for(sdk, create(sdk, name, schedule=[HOUR]).job_id, JobStatus.RUNNING)
    assert job.is_success is True
    assert job.train_url == "/bucket/run-1/"
    assert job.resource_id
    assert job.flavor.code == "default"
    assert 0 < job.remaining_duration <= 3_600_000
    assert job.created_at > 10**12


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": 1000},
        {"sort_by": "create_time"},
        {"sort_by": "job_name", "order": "desc"},
        {"status": 1},
        {"offset": 1, "limit": 1000},
        {"search_content": "sdk"},
        {"status": 8, "limit": 10, "offset": 1, "sort_by": "status", "order": "asc", "search_content": "sdk"},
    ],
)
def test_sdk_lists_with_each_filter(sdk: Any, name: str, query: dict[str, Any]) -> None:
    create(sdk, name)
    assert all(job.job_name for job in sdk.visualization_jobs(**query))


def test_sdk_finds_a_job_by_search(sdk: Any, name: str) -> None:
    job_id = create(sdk, name).job_id
    assert [job.job_id for job in sdk.visualization_jobs(search_content=name)] == [job_id]


def test_sdk_filters_by_status(sdk: Any, name: str) -> None:
    job_id = create(sdk, name).job_id
    wait_for(sdk, job_id, JobStatus.RUNNING)
    running = [job.job_id for job in sdk.visualization_jobs(status=8, search_content=name)]
    failed = [job.job_id for job in sdk.visualization_jobs(status=11, search_content=name)]
    assert (running, failed) == ([job_id], [])


def test_sdk_updates_the_description(sdk: Any, name: str) -> None:
    job_id = create(sdk, name).job_id
    sdk.update_visualization_job(job_id, "changed")
    assert sdk.get_visualization_job(job_id).job_desc == "changed"


def test_sdk_stops_restarts_and_deletes(sdk: Any, name: str) -> None:
    job_id = create(sdk, name).job_id
    wait_for(sdk, job_id, JobStatus.RUNNING)
    sdk.stop_visualization_job(str(job_id))
    wait_for(sdk, job_id, JobStatus.KILLED)
    sdk.restart_visualization_job(str(job_id))
    wait_for(sdk, job_id, JobStatus.RUNNING)
    sdk.delete_visualization_job(job_id)
    wait_until(lambda: is_gone(sdk, job_id))


def test_sdk_deletes_what_is_missing_as_it_is_told(sdk: Any) -> None:
    from openstack.exceptions import NotFoundException  # noqa: PLC0415

    sdk.delete_visualization_job(2**40, ignore_missing=True)
    with pytest.raises(NotFoundException):
        sdk.delete_visualization_job(2**40, ignore_missing=False)


def test_sdk_shows_the_sentence_of_a_refusal(sdk: Any) -> None:
    from openstack.exceptions import BadRequestException  # noqa: PLC0415

    with pytest.raises(BadRequestException, match="Illegal name: a b"):
        create(sdk, "a b")


def openstack(clouds: Path, *words: str) -> str:
    """Standard output of ``openstack ma visualization job …``."""
    program = Path(sys.executable).parent / "openstack"
    command = [str(program), "--os-cloud", "dev", "ma", "visualization", "job", *words]
    environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(clouds), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False, cwd=clouds.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_command_line_creates_shows_lists_updates_and_deletes(clouds: Path, sdk: Any, name: str) -> None:
    created = json.loads(
        openstack(clouds, "create", name, "--train-url", "/bucket/run-1/", "--job-type", "tensorboard", "--flavor",
                  "default", "--auto-stop-duration", "2", "--description", "by hand", "-f", "json")
    )  # fmt: skip
    job_id = str(created["job_id"])
    shown = json.loads(openstack(clouds, "show", job_id, "-f", "json"))
    assert (shown["job_name"], shown["job_desc"]) == (name, "by hand")
    listed = json.loads(openstack(clouds, "list", "--search-content", name, "--sort-by", "job_name", "-f", "json"))
    assert [str(row["Job Id"]) for row in listed] == [job_id]
    openstack(clouds, "update", job_id, "--description", "by hand again")
    assert sdk.get_visualization_job(job_id).job_desc == "by hand again"
    openstack(clouds, "delete", job_id)
    wait_until(lambda: is_gone(sdk, int(job_id)))
