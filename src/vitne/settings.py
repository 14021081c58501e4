"""Every setting of a server, in one table: the class `Settings`.

Its annotations are the table: name, type, default, unit, bounds and help stand once, here. The
loader, its errors and `docs/reference/settings.md` are made from them. A value comes from, first
found: a command's option, the environment (`VITNE_` + the name in capitals), the file, the default.
"""

import difflib
import os
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from vitne.core.values import JsonObject
from vitne.errors import ConfigurationError

FILE_NAME: Final = "vitne.toml"
ENV_PREFIX: Final = "VITNE_"
DEFAULT_FOLDER: Final = "vitne-data"

NOT_SETTINGS: Final = frozenset(
    {"URL", "API_KEY", "TENANT", "DEBUG", "CONFIG", "PURPOSE", "PROFILE", "SPOOL", "SOURCE"}
)
"""`VITNE_…` variables that clients read: a server passes over them without a word."""

_ANY: Final = r".*"
"""Text that may be empty."""
_MIB: Final = 1024 * 1024
_NAME: Final = r"[a-z0-9][a-z0-9._-]{0,99}"


class _About(Struct, frozen=True):
    """What stands beside a setting's type: help, unit, bounds, form."""

    help: str
    unit: str = ""
    low: int | None = None
    high: int | None = None
    pattern: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of a server. Sizes are in bytes, spans in the unit that the name ends with."""

    # ---- where
    folder: Annotated[str, _About("Folder with everything: database, tiles, segments, keys")] = (
        DEFAULT_FOLDER
    )
    server_name: Annotated[
        str,
        _About(
            "Name in everything that its logs sign; cannot change once a log exists", pattern=_NAME
        ),
    ] = "vitne.local"
    host: Annotated[str, _About("Address to listen on")] = "127.0.0.1"
    port: Annotated[int, _About("TCP port; 0 takes a free one", "", 0, 65_535)] = 8470

    # ---- intake
    queue_events_max: Annotated[
        int, _About("Most events that wait for the writer; more are refused (503)", "events", 1_000)
    ] = 50_000
    queue_bytes_max: Annotated[
        int, _About("Most bytes that wait for the writer; more are refused (503)", "bytes", _MIB)
    ] = 64 * _MIB
    prepare_processes: Annotated[
        int,
        _About("Processes that prepare large requests; -1: one for each core but one", "", -1, 64),
    ] = -1
    commit_events_max: Annotated[
        int, _About("Most events in one durable transaction", "events", 1, 100_000)
    ] = 4_000
    commit_timeout_s: Annotated[
        int, _About("Answer 503 if an event is not durable after this time", "s", 1)
    ] = 30
    quota_events_per_s: Annotated[
        int,
        _About(
            "Events that one source may send in the long run; more are refused (429)", "events/s", 1
        ),
    ] = 100_000
    quota_burst_events: Annotated[
        int, _About("Events that one source may send at once", "events", 1_000)
    ] = 500_000
    dedupe_days: Annotated[
        int, _About("Recognise repeated event ids for this time", "days", 1, 3_660)
    ] = 7
    stats_interval_s: Annotated[
        int, _About("Interval between two events that report what was refused", "s", 1)
    ] = 3_600
    late_s: Annotated[
        int,
        _About("An event is late if it arrives this long after it happened", "s", 1, 31_536_000),
    ] = 3_600
    stream_abandon_s: Annotated[
        int, _About("Mark a signed stream as abandoned after this time without events", "s", 180)
    ] = 604_800
    free_bytes_min: Annotated[
        int, _About("Refuse events (503) when less disk is free; publishing needs it", "bytes", 0)
    ] = 256 * _MIB

    # ---- publish and seal
    publish_interval_ms: Annotated[
        int, _About("Interval between two checkpoints of a busy log", "ms", 10, 60_000)
    ] = 500
    publish_lag_max_s: Annotated[
        int, _About("/readyz fails if an entry waits for a checkpoint for longer", "s", 1)
    ] = 60
    seal_entries: Annotated[
        int,
        _About("Seal recent events into a segment when there are this many", "entries", 1, 65_536),
    ] = 65_536
    seal_age_s: Annotated[
        int,
        _About(
            "Seal recent events after this time even if there are fewer than `seal_entries`", "s", 1
        ),
    ] = 86_400
    seal_check_ms: Annotated[
        int, _About("Interval between two checks for something to seal", "ms", 10, 3_600_000)
    ] = 2_000
    seal_process: Annotated[bool, _About("Seal in a separate process, on a second core")] = True

    # ---- retention
    retention: Annotated[
        str,
        _About(
            "Retention classes that expire, e.g. access-24m, security-13m=500 (default: none)",
            pattern=r"[a-z0-9=, -]*",
        ),
    ] = ""

    # ---- anchors
    stamp_urls: Annotated[
        str,
        _About(
            "Addresses of up to four time-stamp authorities (RFC 3161), separated by commas",
            pattern=_ANY,
        ),
    ] = ""
    stamp_certificates: Annotated[
        str, _About("PEM file with the certificates of these authorities", pattern=_ANY)
    ] = ""
    stamp_interval_s: Annotated[
        int, _About("Request a new time stamp when a log's last one is this old", "s", 60)
    ] = 86_400

    # ---- witnesses
    log_policy: Annotated[
        str,
        _About(
            "File (C2SP tlog-policy) with the witnesses and quorum of logs (default: none)",
            pattern=_ANY,
        ),
    ] = ""
    index_policy: Annotated[
        str,
        _About("The same for index logs; witnesses without an address are auditors", pattern=_ANY),
    ] = ""
    witness_interval_ms: Annotated[
        int, _About("Interval between two requests to one witness about one log", "ms", 100, 60_000)
    ] = 2_000

    # ---- reading
    public_log: Annotated[
        bool, _About("Serve checkpoints and tiles to anyone (no personal data)")
    ] = False
    archive_memory_mb: Annotated[
        int, _About("Memory for searches in segments", "MiB", 32, 1_048_576)
    ] = 192
    archive_threads: Annotated[
        int, _About("Threads for searches in segments", "threads", 1, 256)
    ] = 2

    # ---- HTTP
    connections_max: Annotated[
        int, _About("Most connections at once; more are refused (503)", "connections", 1)
    ] = 1_024
    header_bytes_max: Annotated[int, _About("Largest head of a request", "bytes", 1_024, _MIB)] = (
        16_384
    )
    body_timeout_s: Annotated[
        int, _About("Time within which the body of a request must arrive", "s", 1)
    ] = 30
    idle_timeout_s: Annotated[
        int, _About("Close a connection after this time without a request", "s", 1)
    ] = 75
    shutdown_grace_s: Annotated[
        int, _About("Time for running requests to end after a signal to stop", "s", 0)
    ] = 20
    metrics_public: Annotated[
        bool, _About("Serve /metrics without a key (names no tenant, no person)")
    ] = True

    # ---- program log
    log_format: Annotated[
        Literal["auto", "json", "console"],
        _About("Form of the program log on stderr; auto: console on a terminal, else json"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _About("Lowest level that is written")
    ] = "info"


class Setting(Struct, frozen=True):
    """One row of the table: what a value must be, and what stands beside it."""

    name: str
    base: type
    choices: tuple[str, ...]
    about: _About
    default: str | int | bool

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return ENV_PREFIX + self.name.upper()

    @property
    def expected(self) -> str:
        """The rule in words, for errors and documents."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.base is bool:
            return "true or false"
        about = self.about
        if self.base is str:
            return f"text that matches {about.pattern}" if about.pattern else "text"
        if about.high is not None:
            return f"a whole number from {about.low} to {about.high}"
        return f"a whole number, at least {about.low}"

    def accepts(self, value: object) -> bool:
        """Whether a value, already of TOML's types, follows the rule."""
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or self.base is bool:
            return isinstance(value, bool) and self.base is bool
        if isinstance(value, str):
            pattern = self.about.pattern or ".+"
            return self.base is str and re.fullmatch(pattern, value) is not None
        if not isinstance(value, int) or self.base is not int:
            return False
        low, high = self.about.low, self.about.high
        return (low is None or value >= low) and (high is None or value <= high)


def _rows() -> dict[str, Setting]:
    rows: dict[str, Setting] = {}
    defaults = Settings()
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        inner, about = get_args(hint)
        choices = get_args(inner) if get_origin(inner) is Literal else ()
        base = str if choices else inner
        rows[name] = Setting(name, base, choices, about, getattr(defaults, name))
    return rows


_ROWS: Final = types.MappingProxyType(_rows())


def all_settings() -> list[Setting]:
    """Every setting, in the order of the class."""
    return list(_ROWS.values())


def load(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, str | int | bool | None] | None = None,
) -> Settings:
    """Settings from options, environment, file and defaults, in that order of rank.

    Args:
        config: the file; None takes `vitne.toml` in the folder, if there is one.
        environ: the environment; variables named in `NOT_SETTINGS` belong to clients.
        options: what a command line gave; None values were not given.

    Raises:
        ConfigurationError: the file is missing or no TOML, a key is unknown, or a value is not
            what its setting takes; says file or variable, key, expected and got.
    """
    values: JsonObject = {}
    given = {name: value for name, value in (options or {}).items() if value is not None}
    for name, row in _ROWS.items():
        raw = environ.get(row.variable)
        if raw is not None:
            values[name] = _checked(name, _from_text(name, raw), f"${row.variable}")
    for name, value in given.items():
        values[name] = _checked(name, value, f"option --{name.replace('_', '-')}")
    path = config or Path(values.get("folder", DEFAULT_FOLDER)) / FILE_NAME
    if config is not None or path.is_file():
        values = {**_from_file(path), **values}
    return Settings(**values)


def strange_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """`VITNE_…` variables that neither a server nor a client reads: most likely misspelt."""
    known = {name.upper() for name in _ROWS} | NOT_SETTINGS
    return sorted(
        name
        for name in environ
        if name.startswith(ENV_PREFIX) and name.removeprefix(ENV_PREFIX) not in known
    )


def _from_file(path: Path) -> JsonObject:
    try:
        loaded = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such file", hint="name an existing file with --config, or leave it out"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: expected readable TOML, got: {error}") from error
    for name, value in loaded.items():
        if name not in _ROWS:
            near = difflib.get_close_matches(name, _ROWS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "see docs/reference/settings.md"
            raise ConfigurationError(
                f"{path}: {name}: expected the name of a setting, got one that does not exist",
                hint=hint,
            )
        _checked(name, value, str(path))
    return loaded


def _checked(name: str, value: object, where: str) -> object:
    row = _ROWS[name]
    if not row.accepts(value):
        raise ConfigurationError(
            f"{where}: {name}: expected {row.expected}, got {repr(value)[:80]}",
            hint="see docs/reference/settings.md",
        )
    return value


def _from_text(name: str, raw: str) -> object:
    """An environment's text as the type its setting has; the text itself where it is not one."""
    base = _ROWS[name].base
    if base is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(raw.lower(), raw)
    if base is int and re.fullmatch(r"-?[0-9]{1,19}", raw, re.ASCII):
        return int(raw)
    return raw


def render_table() -> str:
    """`docs/reference/settings.md`; a test keeps the file equal to this."""
    lines = [
        "# Settings",
        "",
        "<!-- Written by `python -m vitne.settings`; a test fails when it is stale. -->",
        "",
        "A server reads them, first found, from a command's options, the environment, the file",
        f"`{FILE_NAME}` in its folder (or the one named with `--config`), and the defaults below.",
        "The file is flat TOML: `port = 8470`. An unknown name or a value of the wrong kind stops",
        "the start; the error says where it stands, what was expected and what was found.",
        "",
        "| name | variable | takes | default | unit | what it does |",
        "|---|---|---|---|---|---|",
    ]
    for row in all_settings():
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        about, takes = row.about, row.expected.replace("|", "\\|")
        lines.append(
            f"| `{row.name}` | `{row.variable}` | {takes} | `{default}`"
            f" | {about.unit} | {about.help} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path("docs/reference/settings.md").write_text(render_table(), "utf-8")
