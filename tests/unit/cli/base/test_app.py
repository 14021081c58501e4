"""The command line as a whole: errors as sentences, statuses, and what stands where."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from vitne import errors
from vitne.cli.base.app import STATUSES, VERBS, application, run, status_of
from vitne.cli.base.output import Output, plain, table
from vitne.errors import VitneError


def _vitne(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own."""
    return subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-m", "vitne", *words],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unknown_verb_is_told_with_the_nearest_one() -> None:
    """On standard error, with the status for wrong arguments."""
    done = _vitne("serch", "x")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no command 'serch'\n  try: vitne search --help\n"


def test_a_wrong_option_is_told_with_the_help_to_read() -> None:
    """Of the verb that was called."""
    done = _vitne("verify", "--colour", "blue", "file")

    assert done.returncode == 2
    assert "--colour" in done.stderr
    assert "try: vitne verify --help" in done.stderr


def test_a_machine_gets_the_error_as_a_document_and_people_get_the_sentence(
    tmp_path: Path,
) -> None:
    """`--json`: one document on standard output, nothing else there."""
    done = _vitne("verify", str(tmp_path / "nothing"), "--json")
    told = json.loads(done.stdout)

    assert done.returncode == told["error"]["status"] == 2
    assert told["error"]["code"] == "bad_input"
    assert told["error"]["where"].endswith("nothing")
    assert done.stderr.startswith("error: cannot read the file: ")


def test_a_fault_of_vitne_is_a_sentence_and_a_traceback_only_if_asked_for() -> None:
    """`VITNE_DEBUG=1` asks for it."""
    broken = (
        "import vitne.cli.base.app as a; a.VERBS = (a.Verb('send', 'find.send:no', 'Prove', ''),)"
    )
    code = f"{broken}; raise SystemExit(a.run(['send']))"

    def python(**environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # this interpreter, our own code
            [sys.executable, "-c", code],
            env=os.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    quiet, loud = python(VITNE_DEBUG=""), python(VITNE_DEBUG="1")

    assert quiet.returncode == loud.returncode == 70
    assert "Traceback" not in quiet.stderr
    assert "VITNE_DEBUG=1" in quiet.stderr
    assert "Traceback" in loud.stderr


def test_the_version_is_the_packages() -> None:
    """As pyproject.toml says it."""
    pyproject = Path(__file__).resolve().parents[4] / "pyproject.toml"

    assert f'version = "{_vitne("--version").stdout.strip()}"' in pyproject.read_text()


def _all(kind: type[VitneError]) -> list[type[VitneError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all(child))]


@pytest.mark.parametrize("kind", _all(VitneError)[1:], ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_branch(kind: type[VitneError]) -> None:
    """No error of the tree counts as a fault of Vitne itself."""
    branch = next(base for base in kind.__mro__ if base in STATUSES)

    assert kind.__module__ == errors.__name__
    assert status_of(kind("what")) == STATUSES[branch] not in {0, 70}


def test_no_two_branches_share_a_status_and_no_two_verbs_a_name() -> None:
    """A program can tell them apart."""
    assert len(set(STATUSES.values())) == len(STATUSES)
    assert len({verb.name for verb in VERBS}) == len(VERBS)


def test_interrupting_is_no_error() -> None:
    """It has the status that shells use, and no traceback."""
    # A verb that raises it stands for a person who presses the keys.
    code = "import vitne.cli.prove.verify as v\n"
    code += "def gone(*a, **k): raise KeyboardInterrupt\n"
    code += "v.verify = gone\nfrom vitne.cli.base.app import run\nraise SystemExit(run(['verify']))"
    done = subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_help_is_printed_without_importing_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Every verb stands in it."""
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f" {verb.name} " in told for verb in VERBS)


@pytest.mark.parametrize(
    "evil",
    ["\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x9b31m", "a\rb", "\u202egnp.exe", "\x00", "\x7f"],
)
def test_a_logged_value_cannot_draw_on_the_terminal(
    evil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither control characters nor directional overrides reach it."""
    out = Output()
    out.result({}, table("", ("a",), [(evil,)]), plain(evil))
    out.note(evil)
    printed = "".join(capsys.readouterr())

    assert not set(evil) & set(printed) - set("gnp.exeab[]2J1;Hm031titl")
    assert "\ufffd" in printed


def test_a_logged_value_cannot_pose_as_a_line_of_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line feed in a name is shown as a character that is not one."""
    Output().result({}, plain("Kari\nverified: all is well"))

    assert capsys.readouterr().out == "Kari\ufffdverified: all is well\n"


def test_a_logged_value_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets are shown as they are."""
    Output().result({}, table("", ("a",), [("[red]x[/red]",)]), plain("[link=http://x]y[/link]"))
    printed = capsys.readouterr().out

    assert "[red]x[/red]" in printed
    assert "[link=http://x]y[/link]" in printed


def test_with_json_nothing_but_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is for people is not even made."""
    Output(as_json=True).result({"n": 1}, lambda: pytest.fail("made for nobody"))

    assert capsys.readouterr().out == '{"n":1}\n'


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["import"], "    vitne import orders.csv --mapping mine.toml --dry-run"),
        (["send"], "    vitne send events.ndjson"),
        (["key", "add"], "    vitne key add kari --role read --person emp_4711 --tenant acme"),
    ],
)
def test_an_example_stands_in_a_verb_s_help_on_a_line_of_its_own(
    words: list[str], example: str
) -> None:
    """They were folded into the paragraph before, where nobody can copy them."""
    console = Console(file=io.StringIO(), width=80, color_system=None)

    application(words[0]).help_print(words, console=console)

    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO above
    assert example in [line.rstrip() for line in printed]
    assert max(map(len, printed)) <= 80


def test_the_help_of_make_says_that_the_demo_serves_until_it_is_stopped() -> None:
    """Whoever runs it waits for a prompt otherwise."""
    makefile = Path(__file__).resolve().parents[4] / "Makefile"

    (line,) = [one for one in makefile.read_text().splitlines() if one.startswith("demo:")]

    assert line.endswith("serve until Ctrl-C")
