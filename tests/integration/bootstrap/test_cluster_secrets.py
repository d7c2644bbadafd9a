"""The Secrets of a cluster are made once, completed, and replaced by a rotation only."""

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap import api_server
from bootstrap.__main__ import main
from bootstrap.api_server import ApiServer, ApiServerFailed, find_api_server
from bootstrap.cluster_secrets import CLUSTER_READERS, LABELS, prepare_cluster_secrets
from tests.kubernetes_api import NAMESPACE, TOKEN, SecretsApi, secrets_api

NAMES = {"secrets-master", *(f"secrets-{reader.name}" for reader in CLUSTER_READERS)}
AWAY = (503, "ServiceUnavailable", "")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SecretsApi]:
    with secrets_api(tmp_path) as served:
        yield served


@pytest.fixture
def server(api: SecretsApi, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    monkeypatch.setattr(api_server, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(api_server, "_LONGEST_PAUSE_SECONDS", 0.01)
    return server_of(api)


def server_of(api: SecretsApi, patience_seconds: float = 30) -> ApiServer:
    return ApiServer(
        api.url,
        NAMESPACE,
        token=lambda: TOKEN,
        authorities=api.authorities,
        patience_seconds=patience_seconds,
    )


def contents(api: SecretsApi) -> dict[str, dict[str, str]]:
    return {
        name: {key: base64.b64decode(text).decode() for key, text in found["data"].items()}
        for name, found in api.objects.items()
    }


def master_of(api: SecretsApi) -> dict[str, Any]:
    return dict(json.loads(contents(api)["secrets-master"]["master.json"]))


def test_each_reader_gets_a_secret_of_its_own(api: SecretsApi, server: ApiServer) -> None:
    outcome = prepare_cluster_secrets(server)
    assert set(outcome.written) == api.objects.keys() == NAMES
    for found in api.objects.values():
        assert found["type"] == "Opaque"
        assert found["metadata"]["labels"] == LABELS
    made, master = contents(api), master_of(api)
    for reader in CLUSTER_READERS:
        assert made[f"secrets-{reader.name}"] == {
            name: render(master) for name, render in reader.files.items()
        }
    root = master["root"][0]
    # No volume could hold a socket for pods on different nodes.
    url = f"mysql+pymysql://administrator:{root}@mysql:3306/arloji"
    assert made["secrets-accounts"]["database_url"] == url
    assert {name for name, files in made.items() if root in "".join(files.values())} == {
        *("secrets-master", "secrets-mysql", "secrets-accounts")
    }


def test_a_second_run_makes_only_what_was_lost_and_with_the_same_secret(
    api: SecretsApi, server: ApiServer
) -> None:
    prepare_cluster_secrets(server)
    before = dict(api.objects)
    assert prepare_cluster_secrets(server).written == ()
    assert api.objects == before
    lost = contents(api)["secrets-publisher"]
    del api.objects["secrets-publisher"]
    assert prepare_cluster_secrets(server).written == ("secrets-publisher",)
    assert contents(api)["secrets-publisher"] == lost


def test_a_newer_version_adds_users_and_keeps_what_the_known_ones_have(
    api: SecretsApi, server: ApiServer
) -> None:
    prepare_cluster_secrets(server)
    older = master_of(api)
    del older["queue"]["scaler"]
    text = base64.b64encode(json.dumps(older).encode()).decode()
    api.objects["secrets-master"]["data"] = {"master.json": text}
    before = contents(api)
    outcome = prepare_cluster_secrets(server)
    assert set(outcome.written) == {"secrets-master", "secrets-queue-redis", "secrets-scaler"}
    assert master_of(api)["queue"].items() > older["queue"].items()
    for name in NAMES - set(outcome.written):
        assert contents(api)[name] == before[name]


def test_only_a_rotation_replaces_secrets_and_it_is_finished_before_the_next(
    api: SecretsApi, server: ApiServer
) -> None:
    prepare_cluster_secrets(server)
    first = master_of(api)
    prepare_cluster_secrets(server, renew=True)
    second = master_of(api)
    assert second["session"] == [second["session"][0], *first["session"]]
    assert second["session"][0] in contents(api)["secrets-frontend"]["session_secret"]
    # Repeated, it goes on with what it made: another one would shut out who uses the first.
    assert prepare_cluster_secrets(server, renew=True).written == ()
    assert prepare_cluster_secrets(server, finish=True).written == ("secrets-master",)
    assert master_of(api) == second | {"rotating": False}


def test_two_runs_at_once_end_with_one_set_of_secrets(api: SecretsApi, server: ApiServer) -> None:
    """Both find nothing, and both try to make everything."""
    both = threading.Barrier(2)

    def meet(method: str, name: str) -> None:
        if (method, name) == ("GET", "secrets-master") and not api.objects:
            both.wait(10)

    api.before = meet
    runs = [threading.Thread(target=prepare_cluster_secrets, args=(server,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    master, made = master_of(api), contents(api)
    for reader in CLUSTER_READERS:
        for name, render in reader.files.items():
            assert made[f"secrets-{reader.name}"][name] == render(master)
    assert prepare_cluster_secrets(server).written == ()


def test_a_run_that_is_overtaken_by_a_rotation_ends_with_the_rotated_secrets(
    api: SecretsApi, server: ApiServer
) -> None:
    """It has read the master before, and finds newer secrets than it would write."""
    prepare_cluster_secrets(server)
    del api.objects["secrets-frontend"]

    def overtake(method: str, name: str) -> None:
        if (method, name) == ("GET", "secrets-frontend"):
            api.before = lambda _method, _name: None
            prepare_cluster_secrets(server_of(api), renew=True)

    api.before = overtake
    prepare_cluster_secrets(server)
    api.before = lambda _method, _name: None
    assert master_of(api)["rotating"]
    assert prepare_cluster_secrets(server).written == ()


def test_a_secret_that_somebody_else_made_is_left_alone(api: SecretsApi, server: ApiServer) -> None:
    theirs = {"metadata": {"labels": {}}, "data": {"session_secret": "dGhlaXJz", "more": "YQ=="}}
    api.put("secrets-frontend", theirs)
    assert "secrets-frontend" not in prepare_cluster_secrets(server).written
    assert contents(api)["secrets-frontend"]["session_secret"] == "theirs"
    del api.objects["secrets-frontend"]["data"]["session_secret"]
    with pytest.raises(ApiServerFailed, match=r"secrets-frontend .* lacks session_secret"):
        prepare_cluster_secrets(server)


def test_a_master_that_cannot_be_read_is_not_made_anew(api: SecretsApi, server: ApiServer) -> None:
    api.put("secrets-master", {"metadata": {"labels": {}}, "data": {"master.json": "bm9uc2Vuc2U="}})
    with pytest.raises(ApiServerFailed, match=r"no readable master\.json") as failed:
        prepare_cluster_secrets(server)
    assert "nonsense" not in str(failed.value)
    assert api.objects.keys() == {"secrets-master"}


def test_a_right_that_is_missing_is_named_at_once(api: SecretsApi, server: ApiServer) -> None:
    said = 'secrets is forbidden: User "x" cannot create resource "secrets"'
    api.refusals.extend([(404, "NotFound", ""), (403, "Forbidden", said)])
    with pytest.raises(ApiServerFailed, match=said):
        prepare_cluster_secrets(server)
    assert len(api.requests) == 2


def test_an_answer_that_may_quote_what_was_sent_is_not_repeated(
    api: SecretsApi, server: ApiServer
) -> None:
    api.refusals.extend([(404, "NotFound", ""), (422, "Invalid", "data: Invalid value: hunter2")])
    with pytest.raises(ApiServerFailed, match=r"422 Invalid$"):
        prepare_cluster_secrets(server)


def test_an_api_server_that_is_away_for_a_while_is_waited_for(
    api: SecretsApi, server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    api.refusals.extend([AWAY, None, (429, "TooManyRequests", ""), (500, "InternalError", "")])
    assert set(prepare_cluster_secrets(server).written) == NAMES
    assert capsys.readouterr().out.count("the API server is away, trying again") == 4


def test_a_write_whose_answer_is_lost_is_found_done(api: SecretsApi, server: ApiServer) -> None:
    def lose_answers(method: str, name: str) -> None:
        """Done, though the answer says that nobody knows."""
        if method == "POST" and not api.objects:
            api.refusals.append(None)
            api.put("secrets-master", made)

    prepare_cluster_secrets(server)
    made = api.objects["secrets-master"]
    api.objects.clear()
    api.before = lose_answers
    prepare_cluster_secrets(server)
    assert api.objects["secrets-master"]["data"] == made["data"]
    assert set(contents(api)) == NAMES


def test_an_api_server_that_stays_away_ends_the_run(
    api: SecretsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_server, "_PAUSE_SECONDS", 0.01)
    api.refusals.extend([AWAY] * 1000)
    with pytest.raises(ApiServerFailed, match="the API server is away: 503 ServiceUnavailable"):
        prepare_cluster_secrets(server_of(api, patience_seconds=0.2))


def test_a_server_with_another_certificate_learns_no_token(
    api: SecretsApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_server, "_PAUSE_SECONDS", 0.01)
    (tmp_path / "other").mkdir()
    with secrets_api(tmp_path / "other") as other:
        stranger = ApiServer(
            other.url,
            NAMESPACE,
            token=lambda: TOKEN,
            authorities=api.authorities,
            patience_seconds=0.1,
        )
        with pytest.raises(ApiServerFailed, match="certificate verify failed"):
            prepare_cluster_secrets(stranger)
        assert other.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_command_finds_its_cluster_and_prints_no_secret(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api_server, "ACCOUNT", tmp_path)
    # Nobody is asked to be a proxy for secrets.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with secrets_api(tmp_path, host) as api:
        Path(api.authorities).rename(tmp_path / "ca.crt")
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        (tmp_path / "namespace").write_text(NAMESPACE)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", api.url.rpartition(":")[2])
        assert main(["kubernetes"]) == 0
        assert main(["kubernetes", "--rotate"]) == 0
        said = "".join(capsys.readouterr())
        assert f"{len(NAMES)} Secrets written, 0 kept as they are" in said
        for text in (secret for files in contents(api).values() for secret in files.values()):
            assert text == "scaler" or text not in said
        assert master_of(api)["root"][0] not in said


def test_outside_of_a_cluster_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main(["kubernetes"]) == 2
    assert "this is no pod" in capsys.readouterr().err
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ApiServerFailed, match="no service account's token"):
        find_api_server()
