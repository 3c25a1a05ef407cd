"""A password is told to nobody but the server, however the URL that holds it is misspelled."""

from __future__ import annotations

import io
import logging
import os
import string
import traceback
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.support.postgres import PostgresServer
from wkmp_orm import Library
from wkmp_orm.core.engine.target import DatabaseTarget
from wkmp_orm.errors import WkmpOrmError
from wkmp_orm.orchestrator import import_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

HALVES = ("Xq7vKp", "Zj4wPd")
"""A password's halves: whatever stands between them, neither may be told."""

# Nothing listens on port 1.
SPELLINGS = (
    "postgresql://u:{}@127.0.0.1:1/db",
    "postgresql+psycopg://u:{}@127.0.0.1:1/db",
    "POSTGRES://u:{}@127.0.0.1:1/db",
    "postgresql://:{}@127.0.0.1:1/db",
    "postgresql://u:{}@127.0.0.1:port/db",
    "postgresql://u:{}@[::1/db",
    "postgresql://u:{}:127.0.0.1:1/db",
    "postgresql://u/x:{}@127.0.0.1:1/db",
    "postgresql://127.0.0.1:1/db?user=u&password={}",
    "postgresql://127.0.0.1:1/db?user=u&Password={}",
    "postgresql://127.0.0.1:1/db?user=u&passwort={}",
    "postgresql://127.0.0.1:1/db?password=x&password={}",
    "postgresql://u:p@127.0.0.1:1/db?sslpassword={}",
    "postgresql://u:p@127.0.0.1:1/db?password={}",
    "postgresql://u@127.0.0.1:1/db?user=u;password={}",
    "postgrsql://u:{}@127.0.0.1/db",
    "mysql://u:{}@127.0.0.1/db",
    "mysql://127.0.0.1/db?password={}",
    "postgresql:/u:{}@127.0.0.1/db",
    "postgresql:u:{}@127.0.0.1/db",
    "postgresql//u:{}@127.0.0.1/db",
    "postgrsql:/u:{}@127.0.0.1/db",
    "//u:{}@127.0.0.1/db",
    "u:{}@127.0.0.1/db",
    " postgresql://u:{}@127.0.0.1/db",
    "'postgresql:/u:{}@127.0.0.1/db'",
    "127.0.0.1/db?user=u&password={}",
    "/db?password={}",
    "host=127.0.0.1 port=1 password={} dbname=db",
    "password = '{}' host = 127.0.0.1",
    "hostaddr=127.0.0.1 passwd={}",
    "sqlite://u:{}@127.0.0.1/wkmp.db",
    "sqlite:///wkmp.db?password={}",
    "sqlite:///wkmp.db?key={}",
    "sqlite:wkmp.db?key={}",
    "file:wkmp.db?key={}",
)

between = st.text(
    st.sampled_from(string.punctuation + " 0a=\n\té\u4f60\U0001f3b5"), max_size=4
) | st.sampled_from(["@", "/", "?", "#", ":", "&", "%", "%zz", "://", "@x:", "/@", "?@", "&b="])

spelled = st.builds(
    lambda spelling, middle, encoded: spelling.format(
        quote(middle.join(HALVES), safe="") if encoded else middle.join(HALVES)
    ),
    st.sampled_from(SPELLINGS),
    between,
    st.booleans(),
)


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def all_that_it_says(error: BaseException) -> str:
    """Return the error's texts and traceback, and those of whatever it came of."""
    said = ["".join(traceback.format_exception(error))]
    each: BaseException | None = error
    while each is not None:
        said += [str(each), repr(each), "".join(traceback.format_exception_only(each))]
        each = each.__cause__ or each.__context__
    return "\n".join(said)


def tells(text: str) -> bool:
    return any(half in text for half in HALVES)


@given(url=spelled)
def test_nothing_that_is_raised_or_logged_or_created_tells_a_password(url: str) -> None:
    with TemporaryDirectory() as folder, chdir(folder), everything_logged() as log:
        with pytest.raises(WkmpOrmError) as raised:
            Library.open(url, root=folder)
        assert os.listdir() == []  # noqa: PTH208
    assert not tells(all_that_it_says(raised.value))
    assert not tells(log.getvalue())


@given(url=spelled)
def test_a_path_object_made_of_a_url_tells_no_password_either(url: str) -> None:
    with TemporaryDirectory() as folder, chdir(folder):
        with pytest.raises(WkmpOrmError) as raised:
            Library.open(Path(url), root=folder)
        assert os.listdir() == []  # noqa: PTH208
    assert not tells(all_that_it_says(raised.value))


def test_a_url_in_the_place_of_a_folder_is_refused_and_not_repeated(
    sqlite_database: Database, tmp_path: Path
) -> None:
    urls = [each.format("".join(HALVES)) for each in SPELLINGS if not each.startswith("file:")]
    with sqlite_database.open() as library, chdir(tmp_path):
        for url in urls:
            for attempt in (
                lambda url=url: Library.open(sqlite_database.url, root=url),
                lambda url=url: import_folder(library, url),
            ):
                with pytest.raises(WkmpOrmError, match="is the URL of a database") as raised:
                    attempt()
                assert not tells(all_that_it_says(raised.value))


def test_what_is_open_shows_no_password(postgres_server: PostgresServer) -> None:
    word = "-".join(HALVES)
    made = sa.make_url(postgres_server.create_database("hides_passwords"))
    secret = made.update_query_dict({"password": word, "sslpassword": word})
    url = secret.render_as_string(hide_password=False)
    with Library.open(url) as library:
        target = DatabaseTarget.parse(url)
        for each in (library, target, target.url, library._writer.engine, library._readers):
            assert not tells(f"{each} {each!r}")
        with library.reader() as session:
            connection = session.connection().connection.driver_connection
            assert connection is not None
            assert connection.info.password == word
    postgres_server.drop_database("hides_passwords")


def test_what_is_hidden_is_kept_for_the_driver() -> None:
    url = "postgresql://u@127.0.0.1:1/db?sslpassword=Xq7vKp&sslmode=require"
    target = DatabaseTarget.parse(url)
    assert dict(target.secrets) == {"sslpassword": "Xq7vKp"}
    assert not tells(f"{target!s} {target!r} {target.url!r}")
