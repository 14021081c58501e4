"""The command line as a client: where it finds the server, and what it makes of replies."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from vitne import errors
from vitne.cli.base.app import print_error
from vitne.cli.base.client import HttpClient, ServerOptions, profile, to_error
from vitne.cli.base.http import HttpAnswer
from vitne.cli.base.output import Output
from vitne.errors import ConfigurationError, UnavailableError, VitneError


def _write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "client.toml").write_text(text)


def test_the_nearest_profile_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The named folder, then the local one, then the user's."""
    monkeypatch.chdir(tmp_path)
    named, home = tmp_path / "named", tmp_path / "home"
    environ = {"HOME": str(home)}
    assert profile(environ) == {}

    _write(home / ".config/vitne", 'key = "of the user"')
    assert profile(environ) == {"key": "of the user"}

    _write(tmp_path / "vitne-data", 'key = "of this folder"')
    assert profile(environ) == {"key": "of this folder"}

    _write(named, 'key = "of the named one"')
    assert profile(environ | {"VITNE_FOLDER": str(named)}) == {"key": "of the named one"}


@pytest.mark.parametrize(
    "text", ["key = 7", "key =", "[key]\na = 1", "\x00", "key = 'a'\nkey = 'b'"]
)
def test_a_profile_that_does_not_read_is_told_with_its_path(tmp_path: Path, text: str) -> None:
    """And with what it should hold."""
    _write(tmp_path, text)

    with pytest.raises(ConfigurationError) as refused:
        profile({"VITNE_FOLDER": str(tmp_path)})
    assert refused.value.where == str(tmp_path / "client.toml")
    assert "url, key, tenant" in refused.value.hint


def test_without_a_key_the_next_step_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VITNE_API_KEY", "VITNE_FOLDER"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConfigurationError) as refused:
        HttpClient(None)
    assert "vitne key add" in refused.value.hint


def test_a_key_is_never_shown() -> None:
    """Wherever the options are printed."""
    assert "secret" not in repr(ServerOptions(api_key="vk_secret"))


def _reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpAnswer(status, headers or {}, content, "/v1/events")


_PROBLEM = {"type": "https://vitne.dev/problems/x", "title": "Title", "status": 400, "code": "x"}


@pytest.mark.parametrize("kind", list(errors.kinds_of_errors())[1:], ids=lambda kind: kind.__name__)
def test_a_problem_becomes_the_error_that_the_server_raised(kind: type[VitneError]) -> None:
    """By its code."""
    problem = _PROBLEM | {"code": kind.code, "detail": "what", "where": "there", "hint": "do this"}

    error = to_error(_reply(400, problem))

    assert type(error) is kind
    assert (error.message, error.where, error.hint) == ("what", "there", "do this")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadInputError),
        (401, errors.UnknownKeyError),
        (403, errors.NotAllowedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.TooLargeError),
        (418, errors.BadInputError),
        (429, errors.OverloadedError),
        (500, errors.VitneError),
        (502, errors.UnavailableError),
        (503, errors.UnavailableError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", {"title": "Sorry"}])
def test_a_reply_that_is_no_problem_becomes_an_error_by_its_status(
    status: int, kind: type[VitneError], body: object
) -> None:
    """A proxy's page, for example."""
    assert type(to_error(_reply(status, body))) is kind


def test_every_fault_of_an_event_is_told() -> None:
    """With its path, what was expected and what came."""
    faults = [
        {"code": "missing", "path": "$.actor.id", "expected": "a text"},
        {"code": "wrong_type", "path": "$.type", "expected": "a text", "got": "integer"},
    ]

    error = to_error(
        _reply(422, _PROBLEM | {"code": "rejected", "detail": "2 problems", "problems": faults})
    )

    assert error.message.split("\n") == [
        "2 problems",
        "  missing at $.actor.id: expected a text",
        "  wrong_type at $.type: expected a text, got integer",
    ]


def test_when_to_try_again_is_taken_from_the_reply() -> None:
    """In seconds; a date is not read."""
    error = to_error(_reply(503, _PROBLEM | {"code": "overloaded"}, {"retry-after": "7"}))
    dated = to_error(_reply(503, {}, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}))

    assert isinstance(error, UnavailableError)
    assert error.retry_after_s == 7
    assert isinstance(dated, UnavailableError)
    assert dated.retry_after_s == 1


def test_the_id_of_a_failed_request_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """All that the server tells of a fault of its own; beside it stands the cause in its log."""
    failed = to_error(
        _reply(500, _PROBLEM | {"code": "internal", "request_id": "abc0123456789def"})
    )

    status = print_error(Output(as_json=False), failed)
    as_json = print_error(Output(as_json=True), failed)

    told = capsys.readouterr()
    assert (status, as_json) == (70, 70)
    assert "request id: abc0123456789def" in told.err
    assert msgspec.json.decode(told.out)["error"]["request_id"] == "abc0123456789def"
