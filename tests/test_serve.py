"""The command `pytest-reinfer serve`, as a process of its own: what it prints, answers, keeps and how it ends."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import socket
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from serving import Served, line, needs, run, serve, submit

import pytest_reinfer
from pytest_reinfer import FakeTenant, command, contract

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    Failed = Callable[..., tuple[int, str]]

DATASETS = contract.routes()["list_datasets"].path
EXPORT = "/api/v1/datasets/acme/support/export"
WIDE = {"Accept": "text/html"}


def get(url: str, token: str = "", **headers: str) -> tuple[int, Any]:
    return send("GET", url, token, **headers)


def send(method: str, url: str, token: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
    with urllib3.PoolManager(retries=False) as pool:
        given = {"Authorization": f"Bearer {token}", **headers}
        response = pool.request(method, url, headers=given, json=body, redirect=False)
    return response.status, response.json() if "json" in response.headers.get("Content-Type", "") else response.data


@pytest.fixture
def failed(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The exit code of a command that does not serve, and the one line that it says."""

    def failed(*arguments: str | os.PathLike[str]) -> tuple[int, str]:
        try:
            code = command.main(["serve", *map(str, arguments)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert said.err.startswith("pytest-reinfer")
        return code, said.err

    return failed


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A tenant that is served to several tests, which do not change it."""
    with serve() as served:
        yield served


def test_it_says_where_it_is_and_answers_there(served: Served) -> None:
    status, answer = get(served.endpoint + DATASETS, served.token)
    assert status == 200
    assert [each["name"] for each in answer["datasets"]] == ["support"]
    status, answer = send("POST", served.endpoint + EXPORT, served.token, {"limit": 256})
    assert len(answer["comments"]) == 100
    assert get(served.endpoint + DATASETS, "another")[0] == 401


def test_the_line_for_curl_works_as_it_is_printed(served: Served) -> None:
    needs("curl")
    done = run(*shlex.split(served.printed["Try"]), "--silent", "--show-error")
    assert done.stderr == ""
    assert json.loads(done.stdout)["status"] == "ok"


def test_the_same_command_serves_the_same_tenant() -> None:
    seen = []
    for seed in ("3", "3", "4"):
        with serve("--seed", seed, "--token", "of-this-test", "--comments", "5") as served:
            seen.append(send("POST", served.endpoint + EXPORT, "of-this-test", {})[1]["comments"])
    assert seen[0] == seen[1] != seen[2]


def test_the_root_is_a_page_to_a_browser_and_the_tenants_to_others(served: Served) -> None:
    status, page = get(served.printed["Page"], **WIDE)
    assert status == 200
    assert b"acme/support" in page
    assert served.token.encode() not in page
    assert get(served.endpoint + "/", served.token) == (404, {"status": "error", "message": "404 Not Found"})


def test_a_tenant_may_stand_below_a_path_as_in_the_cloud() -> None:
    with serve("--url-style", "uipath") as served:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[^/]+/[^/]+/reinfer_", served.endpoint)
        assert get(served.endpoint + DATASETS, served.token)[0] == 200
        assert get(served.printed["Page"], **WIDE)[0] == 200
        assert get(served.printed["Page"] + DATASETS[1:], served.token)[0] == 404


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["--datasets", "acme/one", "other/two"], ["one", "two"]),
        (["--datasets", "3"], ["dataset-1", "dataset-2", "dataset-3"]),
        (["--datasets", "0"], []),
    ],
)
def test_it_serves_the_datasets_that_are_asked_for(given: list[str], names: list[str]) -> None:
    with serve(*given, "--comments", "2") as served:
        answer = get(served.endpoint + DATASETS, served.token)[1]
        assert [each["name"] for each in answer["datasets"]] == names


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with serve("--state", tmp_path / "tenant.json") as served:
        assert send("DELETE", served.endpoint + "/api/v1/datasets/acme/support", served.token)[0] == 200
        served.stop(number)
    assert (served.ended, served.errors) == (0, "")
    with pytest.raises(urllib3.exceptions.HTTPError):
        get(served.endpoint + DATASETS)
    tenant = FakeTenant()
    tenant.load(tmp_path / "tenant.json")
    assert tenant.datasets == ()


def test_it_stops_though_a_client_keeps_its_connection() -> None:
    with serve() as served, socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 401"
        served.stop()
    assert served.ended == 0


def test_its_clock_is_the_real_one() -> None:
    with serve("--port", "0", "--comments", "1") as served:
        since = datetime.now(UTC)
        url, upload = f"{served.endpoint}/api/v1/sources/acme/support/sync", {"id": "now", "timestamp": "2024-01-01"}
        comment = {**upload, "messages": [{"body": {"text": "Now"}}]}
        assert send("POST", url, served.token, {"comments": [comment]})[0] == 200
        asked = {"order_by": "created_at", "from": since.isoformat()}
        (entry,) = send("POST", served.endpoint + EXPORT, served.token, asked)[1]["comments"]
        assert entry["comment"]["id"] == "now"


def test_a_state_is_kept_between_runs(tmp_path: Path) -> None:
    path = tmp_path / "tenant.json"
    with serve("--state", path, "--comments", "90") as served:
        first = send("POST", served.endpoint + EXPORT, served.token, {"limit": 50})[1]
        upload = {
            "comments": [{"id": "new", "timestamp": "2030-01-01T00:00:00Z", "messages": [{"body": {"text": "x"}}]}]
        }
        assert send("POST", served.endpoint + "/api/v1/sources/acme/support/sync", served.token, upload)[0] == 200
    with serve("--state", path) as again:
        assert again.token == served.token
        rest = {"limit": 50, "continuation": first["continuation"]}
        answer = send("POST", again.endpoint + EXPORT, served.token, rest)[1]
        uids = [each["comment"]["uid"] for each in (*first["comments"], *answer["comments"])]
    assert len(set(uids)) == len(uids) == 91
    assert uids[-1].endswith(".new")
    assert again.errors == ""


def test_a_state_is_saved_while_it_serves(tmp_path: Path) -> None:
    path = tmp_path / "tenant.json"
    with serve("--state", path) as served:
        before = path.read_bytes()  # it is there as soon as the tenant is
        assert send("DELETE", served.endpoint + "/api/v1/datasets/acme/support", served.token)[0] == 200
        until(lambda: path.read_bytes() != before)
        served.kill()
    tenant = FakeTenant()
    tenant.load(path)
    assert tenant.datasets == ()


def until(happened: Callable[[], object]) -> None:
    """Wait for what another process does in its own time."""
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it has not happened in 30 s")


def test_a_state_that_does_not_change_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "tenant.json"
    with serve("--state", path) as served:
        before = path.stat()
        assert get(served.endpoint + DATASETS, served.token)[0] == 200
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_state_goes_before_what_a_new_tenant_would_be(tmp_path: Path) -> None:
    path = tmp_path / "tenant.json"
    with serve("--state", path, "--datasets", "acme/kept", "--token", "of-the-first-run"):
        pass
    with serve("--state", path, "--datasets", "5", "--seed", "2", "--token", "of-the-second-run") as served:
        answer = get(served.endpoint + DATASETS, "of-the-second-run")[1]
        assert [each["name"] for each in answer["datasets"]] == ["kept"]
        assert get(served.endpoint + DATASETS, "of-the-first-run")[0] == 401
    assert served.errors.endswith("tenant.json holds a tenant: --seed, --datasets not used\n")


def test_a_state_that_cannot_be_saved_is_told_and_fails_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with serve("--state", folder / "tenant.json") as served:
        assert send("DELETE", served.endpoint + "/api/v1/datasets/acme/support", served.token)[0] == 200
        shutil.rmtree(folder)
    assert served.ended == 1
    assert "not saved: " in served.errors
    assert str(folder) in served.errors


def test_a_reset_on_the_page_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "tenant.json"
    with serve("--state", path, "--comments", "3") as served:
        before = path.read_bytes()
        assert send("DELETE", served.endpoint + "/api/v1/datasets/acme/support", served.token)[0] == 200
        assert submit(served, "reset") == 303
        assert get(served.endpoint + DATASETS, served.token)[1]["datasets"]
    assert path.read_bytes() == before


def test_a_fault_injected_on_the_page_meets_a_client() -> None:
    with serve() as served:
        for what in ("503", "connection_reset"):
            assert submit(served, "faults", what=what, times="1") == 303
        assert get(served.endpoint + DATASETS, served.token)[0] == 503
        with pytest.raises(urllib3.exceptions.ProtocolError):
            get(served.endpoint + DATASETS, served.token)
        assert get(served.endpoint + DATASETS, served.token)[0] == 200


def test_a_port_that_is_taken_is_told_with_what_to_do(served: Served, failed: Failed) -> None:
    code, told = failed("--port", str(served.port))
    assert code == 1
    assert told == f"pytest-reinfer serve: the port {served.port} is taken: name another by --port, or 0 for any\n"


def test_a_port_may_be_chosen_and_who_comes_before_the_tenant_waits_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    patience = urllib3.Retry(total=None, connect=1000, read=False, status=False, backoff_factor=0.05, backoff_max=0.05)
    url, headers = f"http://127.0.0.1:{port}{DATASETS}", {"Authorization": "Bearer of-this-test"}
    with ThreadPoolExecutor(1) as pool, urllib3.PoolManager(retries=patience) as client:
        early = pool.submit(client.request, "GET", url, headers=headers)
        with serve("--port", str(port), "--token", "of-this-test", "--comments", "500") as served:
            assert served.endpoint == f"http://127.0.0.1:{port}"
            assert early.result().status == 200


def test_nothing_answers_beyond_loopback(served: Served) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        try:
            outward.connect(("192.0.2.1", 9))  # sends nothing; tells which address this machine has on the network
        except OSError:
            pytest.skip("this machine has no network")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((outward.getsockname()[0], served.port), timeout=5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--port", "x"], "argument --port: invalid whole number value: 'x'"),
        (["--port", "-1"], "argument --port: invalid whole number value: '-1'"),
        (["--port", "65536"], "65536"),
        (["--comments", "-5"], "argument --comments: invalid whole number value: '-5'"),
        (["--seed", "x"], "argument --seed"),
        (["--url-style", "other"], "argument --url-style: invalid choice: 'other'"),
        (["--datasets", "no name"], "--datasets: a full name is 'project/name', not 'no name'."),
        (["--datasets", "acme/a", "acme/a"], "--datasets: there is a dataset 'acme/a' already."),
        (["--token", "short"], "--token: a token is at least 8 printable ASCII characters, and no space."),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(given: list[str], told: str, failed: Failed) -> None:
    code, line = failed(*given, *(["--port", "0"] if "--port" not in given else []))
    assert code == 2
    assert told in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"version":1,', "is no JSON, or not all of it"),
        (b'{"name":"x"}', "holds no tenant"),
        (b'{"version":99}', "written by a later pytest-reinfer"),
    ],
)
def test_a_file_that_holds_no_tenant_is_left_alone(tmp_path: Path, content: bytes, told: str, failed: Failed) -> None:
    path = tmp_path / "tenant.json"
    path.write_bytes(content)
    code, line = failed("--port", "0", "--state", path)
    assert code == 1
    assert told in line
    assert str(path) in line
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path, failed: Failed) -> None:
    code, line = failed("--port", "0", "--state", tmp_path / "nowhere" / "tenant.json")
    assert code == 1
    assert "No such file or directory" in line


def test_it_says_its_version_and_what_it_can() -> None:
    assert run(*line("--version")).stdout == f"pytest-reinfer {pytest_reinfer.__version__}\n"
    assert "serve" in run(*line("--help")).stdout
    told = run(*line("serve", "--help")).stdout
    for option in ("--port", "--token", "--seed", "--datasets", "--comments", "--url-style", "--state"):
        assert option in told


def test_without_a_command_it_says_what_is_missing() -> None:
    ended = run(*line())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "COMMAND" in ended.stderr


def test_ctrl_c_before_it_has_started_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_reinfer.commands.serve.run", interrupted)
    assert command.main(["serve"]) == 128 + signal.SIGINT


def test_the_command_has_its_name() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"pytest-reinfer": f"{command.__name__}:{command.main.__name__}"}


def test_the_docs_tell_every_option_and_what_is_printed(served: Served) -> None:
    page = (Path(__file__).parent.parent / "docs" / "serve.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\s+(--[a-z-]+)", run(*line("serve", "--help")).stdout, re.MULTILINE))
    assert told == set(re.findall(r"^\| `(--[a-z-]+)` \|", page, re.MULTILINE))
    printed = page.partition("```\nREINFER_ENDPOINT")[2].partition("```")[0]
    names = [name for name in served.environment if name.startswith("REINFER_")]  # others where a proxy is set
    assert [*names, *served.printed] == ["REINFER_ENDPOINT", *re.findall(r"^(\w+)[=:]", printed, re.MULTILINE)]
