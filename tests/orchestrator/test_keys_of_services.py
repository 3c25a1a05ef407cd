"""A key of a web service is told to that service and to nobody else."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from tests.support.sound import make_sound
from tests.support.web_services import Reaction, busy, html, unreachable_url, web_services
from wkmp_orm import Library
from wkmp_orm.cli.documents import summary_document
from wkmp_orm.errors import ConstraintViolationError
from wkmp_orm.matching import AcoustidClient
from wkmp_orm.orchestrator import import_folder
from wkmp_orm.settings import ACOUSTID_API_KEY

if TYPE_CHECKING:
    from pathlib import Path

KEY = "Xq7vKp"


def test_no_log_note_or_summary_of_an_import_tells_the_key(
    library: Library, music: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_sound(music / "song.flac", seconds=12)
    with caplog.at_level(logging.DEBUG), web_services() as services:
        services.acoustid.keys = {KEY}
        services.acoustid.then(busy(), html())
        library.settings.save({ACOUSTID_API_KEY: KEY, "acoustid_url": services.acoustid.url})
        summary = import_folder(library)
        assert services.acoustid.requests[-1].fields["client"] == KEY
    assert caplog.records
    told = f"{caplog.text} {summary} {summary_document(summary)} {library.settings.snapshot()!r}"
    assert KEY not in told


@pytest.mark.parametrize(
    "reaction",
    [
        pytest.param(html(status=403), id="it refuses"),
        pytest.param(Reaction(200, b'{"status": "error", "error": {"code": 4}}'), id="no such key"),
        pytest.param(Reaction(200, f'{{"client": "{KEY}"}}'.encode()), id="it says the key"),
        pytest.param(None, id="nothing listens"),
    ],
)
def test_no_error_of_a_question_tells_the_key(
    reaction: Reaction | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), web_services() as services:
        services.acoustid.always(reaction)
        url = unreachable_url() if reaction is None else services.acoustid.url
        with AcoustidClient(KEY, url=url, interval_s=0.0) as client:
            with pytest.raises(Exception, match="AcoustID") as raised:
                client.lookup("AQADtNQyRUkSRUlCHEeOH8eP5DjSB8eP5A", 10)
            assert KEY not in "".join(traceback.format_exception(raised.value))
            assert KEY not in f"{client!r} {client.__dict__['_service']!r}"
    assert KEY not in caplog.text


def test_the_error_of_a_key_that_cannot_be_stored_does_not_tell_it(library: Library) -> None:
    with library.begin_monitored("a rule of somebody else's") as session:
        session.execute(
            sa.text(
                "CREATE UNIQUE INDEX one_value ON settings ((substr(value, 1, 2)))"
                " WHERE key IN ('theirs', 'acoustid_api_key')"
            )
        )
        session.execute(
            sa.text("INSERT INTO settings (key, value) VALUES ('theirs', :value)"),
            {"value": KEY[:2]},
        )
    with pytest.raises(ConstraintViolationError) as raised:
        library.settings.save({ACOUSTID_API_KEY: KEY})
    assert KEY not in "".join(traceback.format_exception(raised.value))
