"""The program's own log: one line an event, on stderr, as JSON or for eyes.

No personal data: a line has a fixed sentence and named values that are counts, codes, route
templates or opaque ids. Of an exception it tells the type and the places it passed, never its
text, which may quote a request.
"""

import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, TextIO

import msgspec

LOG: Final = logging.getLogger("vitne")

_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_QUIET: Final = ("uvicorn", "uvicorn.access", "asyncio", "litestar", "httpx", "httpcore")
_DROPPED: Final = frozenset({"color_message", "taskName"})


def start_log(
    form: Literal["auto", "json", "console"], level: str, stream: TextIO | None = None
) -> None:
    """Send every logger of the process through one of the two forms.

    Args:
        form: `auto` is `console` on a terminal.
        level: least level that is written.
        stream: where to; stderr if None.
    """
    out = stream or sys.stderr
    as_json = form == "json" or (form == "auto" and not out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines() if as_json else Console())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def _values(record: logging.LogRecord) -> dict[str, object]:
    """The named values of a line."""
    found: dict[str, object] = {
        name: value if isinstance(value, bool | int | float) else str(value)
        for name, value in record.__dict__.items()
        if name not in _STANDARD and name not in _DROPPED
    }
    if record.exc_info and record.exc_info[0] is not None:
        found["error"] = record.exc_info[0].__name__
        found["at"] = places(record.exc_info[2])
    return found


def places(trace: TracebackType | None) -> list[str]:
    """The frames of a traceback as `module:function:line`, outermost first; never their values."""
    found = []
    while trace is not None:
        frame = trace.tb_frame
        module = frame.f_globals.get("__name__", "?")
        found.append(f"{module}:{frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found


def _sentence(record: logging.LogRecord) -> str:
    """The sentence; one of a library has its values taken out, since they may be anything."""
    if record.name.partition(".")[0] == "vitne":
        return record.getMessage()
    return str(record.msg).partition("\n")[0][:200]


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, place, sentence, values."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _sentence(record),
            **_values(record),
        }
        return msgspec.json.encode(line).decode()


class Console(logging.Formatter):
    """For eyes: time, level, sentence, values."""

    def format(self, record: logging.LogRecord) -> str:
        """As one line."""
        clock = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        values = "".join(f"  {name}={value}" for name, value in _values(record).items())
        return f"{clock} {record.levelname.lower():7} {_sentence(record)}{values}"
