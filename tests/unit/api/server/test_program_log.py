import io
import json
import logging
from collections.abc import Iterator

import pytest

from vitne.api.server.program_log import LOG, start_log


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_values() -> None:
    out = io.StringIO()
    start_log("json", "info", out)

    LOG.info("listening", extra={"port": 8470})
    LOG.debug("not written")

    (line,) = _lines(out)
    assert (line["event"], line["level"], line["port"]) == ("listening", "info", 8470)


def test_an_exception_is_told_by_type_and_place_and_never_by_its_text() -> None:
    out = io.StringIO()
    start_log("auto", "info", out)

    try:
        {}["Per Support"]
    except KeyError as error:
        LOG.error("a request failed", exc_info=error)

    (line,) = _lines(out)
    assert "Per Support" not in out.getvalue()
    assert line["error"] == "KeyError"
    assert "test_program_log" in str(line["at"])


def test_the_values_of_a_library_s_sentence_are_left_out() -> None:
    out = io.StringIO()
    start_log("json", "info", out)

    logging.getLogger("somelib").warning("cannot parse %s", "Per Support")

    assert _lines(out)[0]["event"] == "cannot parse %s"


def test_the_console_form_is_for_eyes() -> None:
    out = io.StringIO()
    start_log("console", "info", out)

    LOG.warning("publishing is late", extra={"lag_s": 3})

    assert out.getvalue().rstrip().endswith("warning publishing is late  lag_s=3")
