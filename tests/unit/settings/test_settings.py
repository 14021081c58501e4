from pathlib import Path

import pytest

from vitne.errors import ConfigurationError
from vitne.settings import Settings, all_settings, load, render_table, strange_variables


def test_without_file_and_environment_every_default_holds() -> None:
    assert load(environ={}, options={"folder": "/nonexistent"}) == Settings(folder="/nonexistent")


def test_an_option_beats_the_environment_and_that_the_file(tmp_path: Path) -> None:
    (tmp_path / "vitne.toml").write_text('port = 1\nhost = "::1"\nserver_name = "a.example"\n')

    found = load(
        environ={"VITNE_FOLDER": str(tmp_path), "VITNE_PORT": "2", "VITNE_HOST": "h"},
        options={"port": 3, "host": None},
    )

    assert (found.port, found.host, found.server_name) == (3, "h", "a.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 70000", "vitne.toml: port: expected a whole number from 0 to 65535, got 70000"),
        ('port = "80"', "port: expected a whole number from 0 to 65535, got '80'"),
        ("port = true", "port: expected a whole number from 0 to 65535, got True"),
        ("port = 1.5", "port: expected a whole number from 0 to 65535, got 1.5"),
        ("public_log = 1", "public_log: expected true or false, got 1"),
        ('log_format = "xml"', "log_format: expected one of auto, json, console, got 'xml'"),
        ('server_name = "A B"', "server_name: expected text that matches"),
        ('host = ""', "host: expected text, got ''"),
        ("prot = 1", "prot: expected the name of a setting, got one that does not exist"),
        ("port =", "expected readable TOML, got:"),
    ],
)
def test_a_wrong_file_is_refused_with_file_key_expected_and_got(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "vitne.toml").write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "vitne.toml", environ={})

    assert said in str(caught.value)
    assert "vitne.toml" in str(caught.value)


def test_a_misspelt_name_gets_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "vitne.toml").write_text("prot = 1")

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "vitne.toml", environ={})

    assert caught.value.hint == "did you mean `port`?"


def test_a_wrong_variable_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"\$VITNE_PORT: port: expected .* got '8 0'"):
        load(environ={"VITNE_PORT": "8 0"})


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load(tmp_path / "other.toml", environ={})


def test_a_variable_that_nobody_reads_is_told() -> None:
    assert strange_variables({"VITNE_PROT": "1", "VITNE_PORT": "1", "VITNE_API_KEY": "x"}) == [
        "VITNE_PROT"
    ]


def test_every_default_follows_its_own_rule() -> None:
    for row in all_settings():
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        assert getattr(load(environ={row.variable: default}), row.name) == row.default


def test_the_documented_table_is_the_table() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"

    assert page.read_text("utf-8") == render_table()
