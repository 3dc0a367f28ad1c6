"""Where settings come from, in which order, and what is refused."""

from pathlib import Path

import pytest

from belvedere.server.flavors import flavors_of
from belvedere.server.settings import Settings, SettingsError, default_data_folder, load_settings, strange_variables
from belvedere.sources.stores import Addressing

OIDC = {"BELVEDERE_OIDC_ISSUER": "https://id.example", "BELVEDERE_OIDC_CLIENT_ID": "belvedere"}


def write(folder: Path, text: str) -> Path:
    path = folder / "belvedere.toml"
    path.write_text(text)
    return path


def test_flags_come_before_variables_before_the_file_before_defaults(tmp_path: Path) -> None:
    config = write(tmp_path, "port = 1\nviewer_port = 2\njob_quota = 3\n")
    settings = load_settings({"port": 10}, {"BELVEDERE_PORT": "20", "BELVEDERE_VIEWER_PORT": "21"}, config)
    assert (settings.port, settings.viewer_port, settings.job_quota, settings.host) == (10, 21, 3, "127.0.0.1")


def test_the_store_is_put_together_from_file_and_variables(tmp_path: Path) -> None:
    config = write(tmp_path, '[store]\nendpoint = "https://obs.example"\nregion = "north"\naccess_key = "a"\n')
    settings = load_settings(
        {}, {"BELVEDERE_STORE_SECRET_KEY": "hush", "BELVEDERE_STORE_ADDRESSING": "virtual-host"}, config
    )
    store = settings.object_stores["default"]
    assert (store.endpoint, store.region, store.secret_key) == ("https://obs.example", "north", "hush")
    assert store.addressing is Addressing.VIRTUAL_HOST


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8333", "http://localhost:8333", "http://[::1]:8333"])
def test_a_store_on_this_machine_may_speak_plain_http(endpoint: str) -> None:
    settings = load_settings({}, {"BELVEDERE_STORE_ENDPOINT": endpoint}, None)
    assert settings.object_stores["default"].allow_http


def test_keys_are_not_shown() -> None:
    keys = {"BELVEDERE_STORE_ACCESS_KEY": "a", "BELVEDERE_STORE_SECRET_KEY": "hush"}
    settings = load_settings({}, {"BELVEDERE_STORE_ENDPOINT": "https://o", **keys}, None)
    assert "hush" not in repr(settings)
    assert "hush" not in repr(settings.object_stores)


def test_the_openid_provider_is_put_together_from_file_and_variables(tmp_path: Path) -> None:
    file = '[oidc]\nissuer = "https://id.example"\nclient_id = "b"\ncreate_users = true\n'
    oidc = load_settings({}, {"BELVEDERE_OIDC_CLIENT_SECRET": "s3cret"}, write(tmp_path, file)).oidc
    assert (oidc.client_id, oidc.client_secret, oidc.create_users) == ("b", "s3cret", True)
    rules = oidc.rules("https://b.example")
    assert rules is not None
    assert rules.redirect_uri == "https://b.example/sign-in/oidc/callback"
    assert "s3cret" not in f"{oidc!r} {rules!r}"


def test_lists_in_variables_are_separated_as_is_usual(tmp_path: Path) -> None:
    environment = {"BELVEDERE_LOG_ROOT": f"{tmp_path}:/tmp:", "BELVEDERE_ALLOWED_HOSTS": "a.example,b.example"}
    settings = load_settings({}, environment, None)
    assert settings.log_root == (str(tmp_path), "/tmp")
    assert settings.allowed_hosts == ("a.example", "b.example")


def test_flavors_of_variables_and_file_stand_beside_the_default_one(tmp_path: Path) -> None:
    config = write(tmp_path, '[flavors.small]\nmemory = "512MiB"\ndescription = "Short runs"\ncpu = 0.5\n')
    settings = load_settings({}, {"BELVEDERE_FLAVORS": "large=4GiB,huge=16 GB"}, config)
    flavors = flavors_of(settings.flavors)
    assert {flavor.code: flavor.memory_bytes for flavor in flavors} == {
        "default": 2**31, "small": 2**29, "large": 2**32, "huge": 16 * 10**9
    }  # fmt: skip
    assert (flavors[0].code, flavors[0].is_default) == ("default", True)
    assert (flavors[1].description, flavors[1].cpu) == ("Short runs", 0.5)


def test_further_stores_have_names(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        '[stores.archive]\nendpoint = "https://a"\nca_file = "/ca.pem"\naccess_key = "a"\nsecret_key = "hush"\n',
    )
    stores = load_settings({}, {"BELVEDERE_STORE_ENDPOINT": "https://o"}, config).object_stores
    assert {name: (store.name, store.endpoint) for name, store in stores.items()} == {
        "default": ("default", "https://o"), "archive": ("archive", "https://a")
    }  # fmt: skip
    assert (stores["archive"].ca_file, "hush" in repr(stores)) == ("/ca.pem", False)


def test_the_default_flavor_can_be_given_other_limits(tmp_path: Path) -> None:
    settings = load_settings({}, {}, write(tmp_path, "[flavors.default]\nmemory = 100000000\n"))
    assert [flavor.memory_bytes for flavor in flavors_of(settings.flavors)] == [100_000_000]


@pytest.mark.parametrize(
    ("flags", "environment", "file", "named"),
    [
        ({"port": 70000}, {}, "", "port"),
        ({}, {"BELVEDERE_PORT": "http"}, "", "BELVEDERE_PORT must be a whole number, not 'http'"),
        ({}, {}, "port = 1.5\n", "port in the file .*belvedere.toml must be a whole number, not 1.5"),
        ({}, {}, 'log_root = "/logs"\n', r'must be a list, like log_root = \["…"\], not \'/logs\''),
        ({}, {}, "data = 7\n", "data in the file .* must be a text in quotes, not 7"),
        ({}, {"BELVEDERE_STORE_ALLOW_HTTP": "perhaps"}, "", "BELVEDERE_STORE_ALLOW_HTTP must be true or false"),
        ({}, {"BELVEDERE_STORE_ADDRESSING": "dns"}, "", "BELVEDERE_STORE_ADDRESSING must be path or virtual-host"),
        ({}, {}, "[stores.a]\nendpoint = 1\n[stores.b]\nport = 1\n", "stores.a.endpoint in the file .* must be a text"),
        ({}, {}, 'store = "https://o"\n', r"must be a section, like \[store\]"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "obs.example.com"}, "", "Write https://obs.example.com"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "https://o/path"}, "", "store.endpoint: .* without path"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "https://[::1"}, "", "store.endpoint"),
        ({}, {}, '[stores.a]\nendpoint = "a.example"\n', "stores.a.endpoint"),
        ({}, {"BELVEDERE_STORE_ACCESS_KEY": "a"}, "", "store.access_key is set and store.secret_key is not"),
        ({}, {"BELVEDERE_STORE_SECRET_KEY": "a"}, "", "store.secret_key is set and store.access_key is not"),
        ({}, {"BELVEDERE_STORE_REGION": "a\nb"}, "", "store.region holds a blank, a line break"),
        ({}, {"BELVEDERE_STORE_REGION": "nörd"}, "", "store.region holds .* a letter beyond ASCII"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "https://o\r\nX: y"}, "", "store.endpoint: .* printable ASCII"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "https://o..example"}, "", "store.endpoint: .* host name"),
        ({}, {"BELVEDERE_STORE_ACCESS_KEY": "a\r\nX", "BELVEDERE_STORE_SECRET_KEY": "b"}, "", "store.access_key holds"),
        ({}, {}, '[stores.a]\nendpoint = "https://a"\nregion = "a\\u0000b"\n', "stores.a.region holds"),
        ({}, {}, '[stores.a]\nendpoint = "https://a\\u0000b"\n', "stores.a.endpoint: .* printable ASCII"),
        ({"public_url": "belvedere.example"}, {}, "", "public_url must be like https://"),
        ({"viewer_url": "ftp://a.example"}, {}, "", "viewer_url must be like https://"),
        ({"viewer_url": "https://a.example:http"}, {}, "", "viewer_url must be like https://"),
        (
            {"viewer_url": "https://a.example/view/"},
            {},
            "",
            "viewer_url must end after host and port: https://a.example,",
        ),
        ({}, {"BELVEDERE_LOG_LEVEL": "warn"}, "", "one of debug, info, warning, error, critical; not 'warn'"),
        ({}, {"BELVEDERE_ORPHAN_GRACE": "-1"}, "", "orphan_grace must be 0 or more"),
        ({}, {"BELVEDERE_POLL_SECONDS": "0"}, "", "poll_seconds must be more than 0"),
        ({}, {"BELVEDERE_SOURCE_CHECK_SECONDS": "nan"}, "", "source_check_seconds must be more than 0"),
        ({}, {}, '[flavors]\nsmall = "1GiB"\n', r"must be a section, like \[flavors.small\]"),
        ({}, {}, '[store]\nendpont = "https://o"\n', "no setting store.endpont .* Is endpoint meant"),
        ({}, {"BELVEDERE_PROT": "1"}, "", "no setting BELVEDERE_PROT. Is BELVEDERE_PORT meant"),
        ({}, {"BELVEDERE_STORE_ENDPONT": "1"}, "", "Is BELVEDERE_STORE_ENDPOINT meant"),
        ({}, {"BELVEDERE_STORES": "1"}, "", "in the TOML file only"),
        ({}, {}, "prot = 8080\n", "prot"),
        ({}, {}, "port = \n", "TOML"),
        ({"log_root": ("/does/not/exist",)}, {}, "", "/does/not/exist"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "http://obs.example"}, "", "allow_http"),
        ({"public_url": "https://a.example", "viewer_url": "https://a.example/"}, {}, "", "two origins"),
        ({"viewer_url": "https://a.*.example"}, {}, "", "viewer_url must be like https://"),
        ({"viewer_url": "https://*"}, {}, "", "viewer_url must be like https://"),
        ({"public_url": "https://*.a.example"}, {}, "", "public_url must be like https://"),
        (
            {"public_url": "https://job-1.v.example", "viewer_url": "https://*.v.example"},
            {},
            "",
            "must not be one of the jobs' own names",
        ),
        ({}, {"BELVEDERE_SLEEP_AFTER": "9"}, "", "sleep_after must be 10 to 86400"),
        ({}, {}, "sleep_after = -1\n", "sleep_after"),
        ({}, {}, "sleep_after = 31536000\n", "0 for never"),
        ({}, {}, '[flavors.tiny]\nmemory = "63MiB"\n', "flavors.tiny.memory: 63MiB is less than a viewer needs"),
        ({}, {"BELVEDERE_FLAVORS": "tiny=1KiB"}, "", "64MiB or more"),
        ({}, {"BELVEDERE_FLAVORS": "small,large"}, "", "must be like small=512MiB,large=4GiB; 'small' is not"),
        ({}, {}, '[flavors.small]\nmemory = "much"\n', "'much' is no size"),
        ({}, {}, "[flavors.small]\nmemory = -1\n", "'-1' is no size"),
        ({}, {}, "[flavors.small]\ncpu = 1\n", "memory"),
        ({}, {}, '[flavors."a b"]\nmemory = "1GiB"\n', "'a b' is no code"),
        ({}, {}, '[flavors.small]\nmemory = "1GiB"\ncpu = -1\n', "flavors.small.cpu"),
        ({}, {}, '[flavors.small]\nmemory = "1GiB"\ngpu = 1\n', "gpu"),
        ({}, {}, '[stores."a/b"]\nendpoint = "https://a"\n', "'a/b' is no name"),
        ({}, {}, "[stores.a]\n", "stores.a.endpoint is missing"),
        ({}, {}, '[stores.a]\nendpoint = "http://a"\n', "stores.a.allow_http"),
        ({}, {"BELVEDERE_STORE_ENDPOINT": "https://o"}, '[stores.default]\nendpoint = "https://a"\n', "two stores"),
        ({"log_format": "xml"}, {}, "", "log_format"),
        ({}, {"BELVEDERE_MEMORY_BUDGET": "much"}, "", "memory_budget: 'much' is no size"),
        ({}, {"BELVEDERE_MEMORY_BUDGET": "1MiB"}, "", "memory_budget: 1MiB is less than one viewer needs"),
        ({"mirror_quota": "all"}, {}, "", "mirror_quota: 'all' is no size"),
        ({}, {"BELVEDERE_JOB_QUOTA": "0"}, "", "job_quota"),
        ({}, {"BELVEDERE_GUESS_RATE": "0.5"}, "", "guess_rate"),
        ({}, {"BELVEDERE_ADDRESS_CONNECTIONS": "-1"}, "", "address_connections"),
        ({}, {"BELVEDERE_USER_RATE": "-1"}, "", "user_rate"),
        ({}, {"BELVEDERE_AUDIT_DAYS": "-1"}, "", "audit_days"),
        ({}, {"BELVEDERE_OIDC_ISSUER": "http://id.example"}, "", "oidc.issuer must be like https://"),
        ({}, {"BELVEDERE_OIDC_ISSUER": "https://u@id.example"}, "", "oidc.issuer must be like https://"),
        ({}, {"BELVEDERE_OIDC_ISSUER": "https://id.example?x"}, "", "oidc.issuer must be like https://"),
        ({}, {"BELVEDERE_OIDC_ISSUER": "https://id.example"}, "", "oidc.client_id is missing"),
        ({}, {"BELVEDERE_OIDC_CLIENT_ID": "b"}, "", "oidc.client_id is set and oidc.issuer is not"),
        ({}, {**OIDC, "BELVEDERE_OIDC_SCOPES": "profile"}, "", "oidc.scopes must hold openid"),
        ({}, {**OIDC, "BELVEDERE_OIDC_REQUIRE": "hd"}, "", "oidc.require must be like hd=example.org"),
        ({}, {**OIDC, "BELVEDERE_OIDC_FIRST_ROLE": "admin"}, "", "oidc.first_role must be owner, editor or viewer"),
        ({}, {**OIDC, "BELVEDERE_OIDC_FIRST_PROJECT": "a"}, "", "oidc.create_users is not"),
        ({}, {**OIDC, "BELVEDERE_OIDC_SESSION_HOURS": "1000"}, "", "oidc.session_hours must be"),
        ({}, {**OIDC, "BELVEDERE_OIDC_CREATE_USERS": "perhaps"}, "", "BELVEDERE_OIDC_CREATE_USERS must be true"),
        ({}, {"BELVEDERE_OIDC_ISUER": "https://id.example"}, "", "Is BELVEDERE_OIDC_ISSUER meant"),
        ({}, {}, '[oidc]\nissuer = "https://id.example"\nclientid = "b"\n', "Is client_id meant"),
        ({}, {"BELVEDERE_AUDIT_FILE": "/no/such/folder/audit.jsonl"}, "", "audit_file"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, flags: dict[str, object], environment: dict[str, str], file: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(flags, environment, write(tmp_path, file))


def test_no_message_shows_a_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="secret_key") as refused:
        load_settings({}, {}, write(tmp_path, "[store]\nsecret_key = 4711\n"))
    assert "4711" not in str(refused.value)


def test_variables_of_the_command_line_and_of_container_engines_are_let_through() -> None:
    ours = {"BELVEDERE_TOKEN": "t", "BELVEDERE_PROJECT_ID": "p", "BELVEDERE_SECRET_KEY": "s", "BELVEDERE_DEBUG": "1"}
    engine = {"BELVEDERE_SERVICE_HOST": "10.0.0.1", "BELVEDERE_SERVICE_PORT": "80"}
    assert load_settings({}, {**ours, **engine}, None) == Settings()
    assert strange_variables({**ours, **engine}) == dict.fromkeys(engine, "")


def test_a_service_on_all_addresses_has_links_for_this_machine_until_it_is_named() -> None:
    everywhere = Settings(host="0.0.0.0", port=1)
    assert (everywhere.api_origin, everywhere.is_open_without_name) == ("http://127.0.0.1:1", True)
    assert not Settings(host="::", public_url="http://a:1", viewer_url="http://a:2").is_open_without_name
    assert not Settings(host="10.0.0.1").is_open_without_name


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings({}, {}, tmp_path / "none.toml")


def test_origins_follow_addresses_unless_said(tmp_path: Path) -> None:
    assert Settings(host="::1", port=1).api_origin == "http://[::1]:1"
    assert Settings(viewer_url="https://v.example/").viewer_origin == "https://v.example"


@pytest.mark.parametrize(
    ("settings", "own", "linked"),
    [
        (Settings(viewer_port=1), "http://job-7.belvedere.localhost:1", "http://127.0.0.1:1"),
        (Settings(host="::1", viewer_port=1), "http://job-7.belvedere.localhost:1", "http://[::1]:1"),
        (Settings(host="0.0.0.0", viewer_port=1), "http://127.0.0.1:1", "http://127.0.0.1:1"),
        (Settings(public_url="http://gpu1:8080", viewer_port=1), "http://127.0.0.1:1", "http://127.0.0.1:1"),
        (Settings(viewer_url="http://127.0.0.1:1"), "http://127.0.0.1:1", "http://127.0.0.1:1"),
        (Settings(viewer_url="https://*.v.example:1/"), "https://job-7.v.example:1", "https://job-7.v.example:1"),
    ],
)
def test_each_job_has_an_origin_where_its_name_can_be_found(settings: Settings, own: str, linked: str) -> None:
    assert (settings.viewer_origins.of(7), settings.viewer_origins.linked(7)) == (own, linked)


def test_mirrors_may_take_ten_gibibytes_unless_it_is_said_otherwise() -> None:
    assert load_settings({}, {}, None).mirror_quota_bytes == 10 * 2**30


def test_the_default_data_folder_is_the_users() -> None:
    assert default_data_folder({"HOME": "/home/u"}) == Path("/home/u/.local/share/belvedere")
    assert default_data_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/belvedere")
