"""The verbs, the running of one, and what an error looks like.

Exit statuses: 0 done; 1 the answer is no (a proof does not hold, a store is damaged, an event was
refused); 2 wrong arguments or input; 3 not found; 4 not allowed; 5 conflict; 6 unavailable, try
again; 7 configuration or a missing extra; 70 a fault of Vitne itself; 130 interrupted.
"""

import difflib
import inspect
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from cyclopts import App, CycloptsError, Group, Parameter

from vitne.cli.base.output import Output, debugging
from vitne.errors import (
    BadInputError,
    ConfigurationError,
    ConflictError,
    IntegrityError,
    NotAllowedError,
    NotFoundError,
    UnavailableError,
    VitneError,
)
from vitne.version import __version__

STATUSES: dict[type[VitneError], int] = {
    IntegrityError: 1,
    BadInputError: 2,
    NotFoundError: 3,
    NotAllowedError: 4,
    ConflictError: 5,
    UnavailableError: 6,
    ConfigurationError: 7,
}
"""Exit status per branch of the error tree; whatever is in none of them is 70."""

_EXCLUDING = re.compile(r"-[a-z_.]+:.*", re.DOTALL)
_SUGGESTION = re.compile(r"option: (\S+?)\.( Did you mean (\S+?)\?)")
_ALIKE = 0.75
"""How alike two words are, from 0 to 1, for one to be suggested for the other."""

REFUSED, INTERNAL, INTERRUPTED, PIPE_CLOSED = 1, 70, 130, 141

# Packages of the extra `server`: one of them missing means that the extra is not installed.
_SERVER_PACKAGES = frozenset(
    {"duckdb", "httptools", "litestar", "prometheus_client", "pyarrow", "uvicorn", "uvloop"}
    | {"zstandard"}
)


class Verb(NamedTuple):
    """One verb: where its code is, and its line in `vitne --help`."""

    name: str
    code: str
    """`module:attribute` in `vitne.cli`: a function, or an `App` with verbs of its own."""
    group: str
    help: str


_RUN, _WORK, _PROVE, _CARE = "Run a server", "Send and find", "Prove", "Look after"
_GROUPS = (_RUN, _WORK, _PROVE, _CARE)

VERBS: tuple[Verb, ...] = (
    Verb("demo", "run.demo:demo", _RUN, "Fill a folder with a small vendor's 30 days."),
    Verb("init", "run.init:init", _RUN, "Make a folder for a server, with its keys."),
    Verb("serve", "run.serve:serve", _RUN, "Serve a folder over HTTP."),
    Verb("tenant", "run.tenant:app", _RUN, "Add and list tenants; each has its own log."),
    Verb("key", "run.key:app", _RUN, "Make, list and revoke API keys."),
    Verb("send", "find.send:send", _WORK, "Send one event, or a file of them."),
    Verb("import", "find.import_logs:import_", _WORK, "Bring in logs of other systems."),
    Verb("search", "find.search:search", _WORK, "Find events, newest first."),
    Verb("show", "find.show:show", _WORK, "Show one event, whole."),
    Verb("streams", "find.streams:streams", _WORK, "Missing, silent and late senders."),
    Verb("ask", "prove.ask:app", _PROVE, "Ask who did what; the answer comes with proof."),
    Verb("prove", "prove.prove:prove", _PROVE, "Write the proof of one event to a file."),
    Verb(
        "receipts",
        "prove.receipts:app",
        _PROVE,
        "Check that the log contains every event it acknowledged.",
    ),
    Verb("verify", "prove.verify:verify", _PROVE, "Check a proof, offline."),
    Verb("anchor", "prove.anchor:app", _PROVE, "Have checkpoints time-stamped (RFC 3161)."),
    Verb("audit-index", "prove.audit_index:audit_index", _PROVE, "Recompute an index log."),
    Verb(
        "witness",
        "prove.witness:app",
        _PROVE,
        "Run a witness that co-signs the checkpoints of logs.",
    ),
    Verb("mirror", "care.mirror:app", _CARE, "Keep a verified copy of a log elsewhere."),
    Verb("fsck", "care.fsck:fsck", _CARE, "Check a server's folder: hash everything again."),
    Verb("backup", "care.backup:backup", _CARE, "Copy a folder as of one moment."),
    Verb("restore", "care.backup:restore", _CARE, "Check a backup, and allow it to be served."),
    Verb("erase", "care.erasure:erase_app", _CARE, "Erase a person's data; proofs stay."),
    Verb("hold", "care.erasure:hold_app", _CARE, "Legal holds, which erasure does not touch."),
    Verb("retain", "care.erasure:retain_app", _CARE, "Let old records expire, by their class."),
    Verb("bench", "care.bench:bench", _CARE, "Measure this machine."),
    Verb(
        "completion",
        "base.completion:print_completion",
        _CARE,
        "Print a script that completes commands in a shell.",
    ),
)


def application(called: str = "") -> App:
    """The application; the verb that is called shows its own, longer help."""
    groups = {name: Group(name, sort_key=at) for at, name in enumerate(_GROUPS)}
    made = App(
        name="vitne",
        help="An audit log that can prove, or disprove, that a person misused their access.",
        version=__version__,
        version_flags=["--version"],
        help_format="plaintext",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(show_default=_shown, negative=()),
    )
    made["--help"].group = made["--version"].group = Group("Help", sort_key=len(_GROUPS))
    for order, verb in enumerate(VERBS):
        line = _long_help(verb) if verb.name == called else verb.help
        made.command(
            f"vitne.cli.{verb.code}",
            name=verb.name,
            help=line,
            group=groups[verb.group],
            sort_key=order,
        )
    return made


def _long_help(verb: Verb) -> str | None:
    """A verb's docstring with each paragraph in one line, so that any terminal can break it.

    None for a verb with verbs of its own, which brings its help along.
    """
    module, _, name = verb.code.partition(":")
    code = getattr(import_module(f"vitne.cli.{module}"), name)
    if isinstance(code, App):
        return None
    paragraphs = inspect.cleandoc(code.__doc__ or "").split("\n\n")
    return "\n\n".join(
        # What is indented below a first line is an example of what to type: it stays as it is.
        paragraph if "\n    " in paragraph else " ".join(paragraph.split("\n"))
        for paragraph in paragraphs
    )


def _shown(default: object) -> str | None:
    """A default as help shows it; switches that are off and empty values say nothing."""
    return str(default) if default not in (None, "", False) and default != [] else None


def run(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status; prints every error, raises none.

    Args:
        argv: the words after the program's name; those of the process if None. A verb returns
            None (done), or an exit status.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    out = Output("--json" in words)
    try:
        _known(words)
        returned = application(*words[:1])(
            _filters_last(words), exit_on_error=False, print_error=False
        )
    except KeyboardInterrupt:
        out.note("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left; Python would complain about the rest
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001  # the last resort: a sentence, never a traceback
        return print_error(out, _told(words, error))
    return returned if isinstance(returned, int) and not isinstance(returned, bool) else 0


def status_of(error: VitneError) -> int:
    """The exit status of an error: that of its nearest branch in `STATUSES`, else 70."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return INTERNAL


def _filters_last(words: Sequence[str]) -> list[str]:
    """Search words such as `-type:audit.*` behind `--`, or they would be taken for options."""
    filters = [word for word in words if _EXCLUDING.fullmatch(word)]
    if not filters or "--" in words:
        return list(words)
    return [*(word for word in words if word not in filters), "--", *filters]


def _known(words: Sequence[str]) -> None:
    """Refuse a verb that does not exist, without importing the others to say so."""
    names = [verb.name for verb in VERBS]
    if words and not words[0].startswith("-") and words[0] not in names:
        near = difflib.get_close_matches(words[0], names, n=1, cutoff=_ALIKE)
        hint = f"vitne {near[0]} --help" if near else "vitne --help"
        raise BadInputError(f"there is no command {words[0]!r}", hint=hint)


def _told(words: Sequence[str], error: Exception) -> VitneError:
    """Any exception as an error that has a sentence, a code and a next step."""
    if isinstance(error, VitneError):
        return error
    if isinstance(error, CycloptsError):
        verb = f"{words[0]} " if words and not words[0].startswith("-") else ""
        return BadInputError(_alike_only(str(error)), hint=f"vitne {verb}--help")
    if isinstance(error, ImportError):
        return _missing(error)
    return _fault(error)


def _alike_only(message: str) -> str:
    """A message of the parser, without a suggestion that is unlike what was given."""
    found = _SUGGESTION.search(message)
    if found is None:
        return message
    given, near = found[1].strip("-"), found[3].strip("-")
    alike = difflib.SequenceMatcher(None, given, near).ratio() >= _ALIKE
    return message if alike else message[: found.start(2)]


def _missing(error: ImportError) -> VitneError:
    """The error of a module that is not there: an extra's package, or a part of Vitne itself."""
    deepest: BaseException = error
    cause: BaseException | None = error
    while cause is not None:
        package = (getattr(cause, "name", None) or "").partition(".")[0]
        if package in _SERVER_PACKAGES:
            return ConfigurationError(
                f"this needs the package {package}, which is not installed",
                hint="pip install '.[server]' in the source tree",
            )
        deepest, cause = cause, cause.__cause__
    return _fault(deepest)


def _fault(error: BaseException) -> VitneError:
    return VitneError(
        f"unexpected {type(error).__name__}: {error}",
        hint="VITNE_DEBUG=1 shows where; please report it, without personal data",
    )


def print_error(out: Output, error: VitneError) -> int:
    """Print an error: sentence, place, next step; with `--json` as a document too."""
    if debugging():
        traceback.print_exc()
    status = status_of(error)
    if out.as_json:
        told = {"code": error.code, "message": error.message, "status": status}
        extra = {
            "where": error.where,
            "hint": error.hint,
            "rule": getattr(error, "rule", ""),
            "request_id": error.request_id,
        }
        out.document({"error": told | {name: value for name, value in extra.items() if value}})
    out.note(f"error: {error.message}")
    if error.where:
        out.note(f"  at: {error.where}", fold=False)
    if error.request_id:
        out.note(f"  request id: {error.request_id} (find it in the server's log for the cause)")
    if error.hint:
        out.note(f"  try: {error.hint}", fold=False)
    return status
