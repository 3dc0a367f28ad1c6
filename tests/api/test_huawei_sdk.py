"""Huawei Cloud's own SDK core, unmodified, against the API on a port: its signatures are made over what it sends."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.client import Client, ClientBuilder
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.sdk_request import SdkRequest

from belvedere.lifecycle.clock import utc_now
from tests.support.served import ServedApi, served_api

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's affairs


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    with served_api(tmp_path_factory.mktemp("api")) as api:
        api.api.world.now = utc_now()
        yield api


class Sdk:
    """Signs with the SDK's credentials, as its clients do, and sends by its HTTP library."""

    def __init__(self, served: ServedApi) -> None:
        self.served = served
        self.session = requests.Session()  # the SDK keeps its connections as well
        made = served.do(served.api.keys.create("admin", utc_now()))
        self.credentials = BasicCredentials(made.key.access_key, made.secret_key, served.project_id)

    def send(self, method: str, path: str, query: list[tuple[str, Any]] | None = None, body: str = "") -> Any:
        self.served.api.world.now = utc_now()
        request = SdkRequest(
            method=method,
            schema="http",
            host=self.served.endpoint.removeprefix("http://"),
            resource_path=path,
            query_params=query or [],
            header_params={"Content-Type": "application/json", "User-Agent": "huaweicloud-usdk-python/3.0"},
            body=body,
        )
        signed = self.credentials.sign_request(request)
        return self.session.request(
            method,
            f"{self.served.endpoint}{signed.uri}",
            headers=signed.header_params,
            data=signed.body or None,
            timeout=30,
        )

    def jobs(self, rest: str = "") -> str:
        return f"/v1/{self.served.project_id}/visualization-jobs{rest}"


@pytest.fixture(scope="module")
def sdk(served: ServedApi) -> Sdk:
    return Sdk(served)


def test_a_jobs_whole_life(sdk: Sdk) -> None:
    body = json.dumps({"job_name": "by-sdk", "train_url": "/bucket/läufe, 1/", "job_desc": "日志 a/b"})
    created = sdk.send("POST", sdk.jobs(), body=body)
    assert created.status_code == 200, created.text
    job_id = created.json()["job_id"]
    assert sdk.send("GET", sdk.jobs(f"/{job_id}")).json()["job_desc"] == "日志 a/b"
    assert sdk.send("PUT", sdk.jobs(f"/{job_id}"), body='{"job_desc": "新"}').status_code == 200
    assert sdk.send("POST", sdk.jobs(f"/{job_id}/stop")).status_code == 200
    refused = sdk.send("DELETE", sdk.jobs(f"/{job_id}")).json()
    assert refused["error_msg"] == "This job can't be delete. job status: 9"


@pytest.mark.parametrize("text", ["a b", "a+b", "日志", "a,b", "a/b", "a%2Fb", "a&b=c", "~-._", "é'\"<>", "100%", "#?"])
def test_whatever_stands_in_the_query(sdk: Sdk, text: str) -> None:
    answer = sdk.send("GET", sdk.jobs(), [("search_content", text), ("tag", "z"), ("status", "8"), ("per_page", 5)])
    assert answer.status_code == 200, answer.text


def test_a_parameter_given_several_times(sdk: Sdk) -> None:
    query: list[tuple[str, Any]] = [("tag", ["b", "a"]), ("order", "desc"), ("page", 2)]
    assert sdk.send("GET", sdk.jobs(), query).status_code == 200


@pytest.mark.parametrize("text", ["a b", "日志", "a,b", "a%20b", "~-._", "a%2Cb", "a=b", "a+b", "a:b@c;d"])
def test_whatever_stands_in_the_path(sdk: Sdk, text: str) -> None:
    answer = sdk.send("GET", f"/v1/{sdk.served.project_id}/log-stores/{text}")
    assert answer.json()["error_code"] in {"ModelArts.0104", "ModelArts.0015"}, answer.text


def test_a_wrong_secret_is_told_in_the_sdks_words(served: ServedApi, sdk: Sdk) -> None:
    wrong = Sdk(served)
    wrong.credentials = BasicCredentials(wrong.credentials.ak, uuid.uuid4().hex, served.project_id)
    answer = wrong.send("GET", wrong.jobs())
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIG.0301")
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_a_client_that_knows_its_region_alone_finds_its_project(served: ServedApi, sdk: Sdk) -> None:
    credentials = BasicCredentials(sdk.credentials.ak, sdk.credentials.sk).with_iam_endpoint(served.endpoint)
    served.api.world.now = utc_now()
    region = Region(served.project_id[:4], served.endpoint)  # a project that is called as the region
    ClientBuilder(Client).with_credentials(credentials).with_region(region).build()
    assert credentials.project_id == served.project_id


def test_a_client_without_a_project_is_told_so(served: ServedApi, sdk: Sdk) -> None:
    credentials = BasicCredentials(sdk.credentials.ak, sdk.credentials.sk)
    served.api.world.now = utc_now()
    client = ClientBuilder(Client).with_credentials(credentials).with_endpoint(served.endpoint).build()
    with pytest.raises(ClientRequestException) as refusal:
        client.do_http_request(
            method="GET", resource_path="/v1/{project_id}/visualization-jobs", header_params={}, query_params=[]
        )
    assert (refusal.value.status_code, refusal.value.error_code) == (400, "ModelArts.0210")
    assert refusal.value.request_id
