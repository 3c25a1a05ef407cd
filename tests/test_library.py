"""Opening a database, whatever is found there, and closing it: what works, or what is said."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from tests.flush.recordings import mbid
from tests.support.driver_errors import server_error
from tests.support.faults import FaultInjector
from tests.support.mounts import mounted
from tests.support.patience import PATIENCE_S
from tests.support.unprivileged import public_folder, without_privileges
from wkmp_orm import Library, Song, WkmpOrmError
from wkmp_orm.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    NotADatabaseError,
    ReadOnlyDatabaseError,
    SchemaOutdatedError,
    SchemaTooNewError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database

SINNERMAN: Final = mbid(2, 1)


def put_song(library: Library, recording_mbid: str = SINNERMAN) -> None:
    with library.unit_of_work("recording") as work:
        work.songs.put(recording_mbid=recording_mbid)


def songs(library: Library) -> list[str]:
    with library.reader() as session:
        return list(session.scalars(sa.select(Song.recording_mbid).order_by(Song.recording_mbid)))


def open_files(folder: Path) -> list[str]:
    """List what this process has open in a folder."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(str(descriptor.readlink()))
    return [target for target in found if target.startswith(f"{folder}/")]


@pytest.mark.smoke
def test_a_new_file_is_created_at_the_newest_schema_with_its_folder_as_root(
    tmp_path: Path,
) -> None:
    with Library.open(tmp_path / "wkmp.db") as library:
        assert library.root == tmp_path
        assert repr(library) == f"<Library {tmp_path}/wkmp.db>"
        put_song(library)

    with Library.open(tmp_path / "wkmp.db") as library:
        assert songs(library) == [SINNERMAN]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"synchronous": "full"}, "synchronous='full' is not one of 'NORMAL', 'FULL'"),
        ({"synchronous": "OFF"}, "synchronous='OFF' is not one of 'NORMAL', 'FULL'"),
        ({"synchronous": "NORMAL; PRAGMA x"}, "synchronous='NORMAL; PRAGMA x' is not one of"),
        ({"synchronous": None}, "synchronous=None is not one of 'NORMAL', 'FULL'"),
        ({"sqlite_driver": "sqlcipher"}, "'sqlcipher' is not one of 'sqlite3', 'pysqlite3'"),
        ({"read_only": "no"}, "read_only='no' is not one of True, False"),
        ({"read_only": 1}, "read_only=1 is not one of True, False"),
        ({"upgrade": "yes"}, "upgrade='yes' is not one of True, False"),
        ({"max_lock_wait_ms": 0}, "max_lock_wait_ms=0 must be a number of ms above 0"),
        ({"max_lock_wait_ms": "5 s"}, "max_lock_wait_ms='5 s' must be a number of ms"),
        ({"root": 5}, "root=5 is not the path of a folder"),
        ({"root": b"music"}, "root=b'music' is not the path of a folder"),
    ],
    ids=str,
)
def test_an_option_that_is_none_is_refused_with_those_that_are(
    database: Database, option: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Library.open(database.url, **option)
    assert said in str(refused.value)


def test_a_wait_that_is_given_stands_in_for_the_setting_until_the_library_is_closed(
    database: Database,
) -> None:
    with database.open() as library:
        stored = library.options.max_lock_wait_ms
    with database.open(max_lock_wait_ms=1_234) as library:
        assert library.options.max_lock_wait_ms == 1_234
    with database.open() as library:
        assert library.options.max_lock_wait_ms == stored != 1_234


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "wkmp.db"
    path.touch()
    with Library.open(path) as library:
        put_song(library)
        assert songs(library) == [SINNERMAN]


@pytest.mark.smoke
def test_two_openings_of_one_database_write_by_turns(database: Database) -> None:
    with database.open() as first, database.open() as second:
        errors: list[BaseException] = []

        def write(library: Library, start: int) -> None:
            try:
                for number in range(start, start + 10):
                    put_song(library, mbid(2, number))
            except BaseException as error:  # noqa: BLE001 - it is looked at below
                errors.append(error)

        threads = [
            threading.Thread(target=write, args=((first, second)[n % 2], n * 100)) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)

        assert errors == []
        assert len(songs(first)) == len(songs(second)) == 40
        assert first.totals().lock_errors == second.totals().lock_errors == 0
        first.close()
        put_song(second, mbid(2, 999))
        assert len(songs(second)) == 41


@pytest.mark.smoke
def test_closing_lets_go_of_every_file_and_leaves_no_log(sqlite_database: Database) -> None:
    folder = Path(sqlite_database.url).parent
    library = sqlite_database.open()
    put_song(library)
    with library.reader() as session:
        session.execute(sa.text("SELECT 1"))
    assert any(name.endswith("wkmp.db-wal") for name in open_files(folder))

    library.close()
    library.close()

    assert open_files(folder) == []
    assert not (folder / "wkmp.db-wal").exists()


def test_closing_leaves_no_connection_at_the_server(postgresql_database: Database) -> None:
    counting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'wkmp_orm'"
    )
    library = postgresql_database.open()
    put_song(library)
    library.close()

    engine = sa.create_engine(postgresql_database.url)
    with engine.connect() as connection:
        for _ in range(int(PATIENCE_S / 0.02)):  # the server needs a moment to notice
            left = connection.scalar(counting)
            connection.rollback()
            if not left:
                break
            threading.Event().wait(0.02)
    engine.dispose()
    assert left == 0


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match=f"the folder {tmp_path}/no does not exist"):
        Library.open(tmp_path / "no" / "wkmp.db")


def test_a_read_only_opening_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="opening read-only does not create it"):
        Library.open(tmp_path / "wkmp.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_opening_of_an_empty_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "wkmp.db"
    path.touch()
    with pytest.raises(SchemaOutdatedError, match="Open it without read_only once"):
        Library.open(path, read_only=True)
    assert [*tmp_path.iterdir()] == [path]
    assert path.stat().st_size == 0


def test_a_read_only_opening_reads_and_refuses_to_write(database: Database) -> None:
    with database.open() as library:
        put_song(library)

    with database.open(read_only=True) as library:
        assert songs(library) == [SINNERMAN]
        with pytest.raises(ReadOnlyDatabaseError, match="Open it without read_only to write"):
            put_song(library)
        with pytest.raises(ReadOnlyDatabaseError), library.reader() as session:
            session.execute(sa.delete(Song))
        assert songs(library) == [SINNERMAN]


def test_a_reader_refuses_to_write_and_says_what_writes(database: Database) -> None:
    with database.open() as library:
        with (
            pytest.raises(ReadOnlyDatabaseError, match="Use a unit of work, or begin_monitored"),
            library.reader() as session,
        ):
            session.execute(sa.delete(Song))
        put_song(library)


def test_what_is_wrong_with_a_readers_query_comes_through(database: Database) -> None:
    with (
        database.open() as library,
        pytest.raises(DBAPIError, match="no_such_table"),
        library.reader() as session,
    ):
        session.execute(sa.text("SELECT * FROM no_such_table"))


def test_what_a_reader_loaded_can_be_used_after_it(database: Database) -> None:
    with database.open() as library:
        put_song(library)
        with library.reader() as session:
            song = session.scalars(sa.select(Song)).one()
        assert song.recording_mbid == SINNERMAN


@pytest.fixture
def public_database(sqlite_template: Path) -> Iterator[Path]:
    """Copy the template to where every user can read it."""
    with public_folder() as folder:
        path = folder / "wkmp.db"
        shutil.copyfile(sqlite_template, path)
        path.chmod(0o644)
        yield path
        folder.chmod(0o755)


def test_a_database_on_a_read_only_disk_opens_read_only(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with Library.open(disk / "wkmp.db") as library:
        put_song(library)
    with (
        mounted("--bind", disk, at=disk),
        mounted("-o", "remount,bind,ro", at=disk),
        Library.open(disk / "wkmp.db", read_only=True) as library,
    ):
        assert songs(library) == [SINNERMAN]
        assert library.root == disk
        with pytest.raises(ReadOnlyDatabaseError):
            put_song(library)


def test_a_folder_that_only_others_may_write_is_read_while_they_have_the_database_open(
    public_database: Path,
) -> None:
    with Library.open(public_database) as writer:
        put_song(writer)
        public_database.parent.chmod(0o555)
        with without_privileges(), Library.open(public_database, read_only=True) as library:
            assert songs(library) == [SINNERMAN]
            put_song(writer, mbid(2, 2))
            assert songs(library) == [SINNERMAN, mbid(2, 2)]
            writer.close()
            assert songs(library) == [SINNERMAN, mbid(2, 2)]


def test_a_folder_that_only_others_may_write_is_not_read_as_if_nobody_wrote_there(
    public_database: Path,
) -> None:
    with Library.open(public_database) as library:
        put_song(library)
    public_database.parent.chmod(0o555)
    with (
        without_privileges(),
        pytest.raises(DatabaseUnavailableError, match="or copy the database"),
    ):
        Library.open(public_database, read_only=True)


def test_a_database_on_read_only_ground_that_is_to_be_written_says_what_to_do(
    public_database: Path,
) -> None:
    public_database.parent.chmod(0o555)
    with (
        without_privileges(),
        pytest.raises(DatabaseUnavailableError, match="or open it with read_only=True"),
    ):
        Library.open(public_database)


def test_a_file_that_may_not_be_written_refuses_the_commit_and_keeps_the_rows(
    public_database: Path,
) -> None:
    public_database.parent.chmod(0o777)
    public_database.chmod(0o444)
    with without_privileges():
        library = Library.open(public_database)
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=SINNERMAN)
        with pytest.raises(ReadOnlyDatabaseError, match="Check the permissions"):
            work.commit()
        library.close()
    public_database.chmod(0o666)
    for name in public_database.parent.iterdir():
        name.chmod(0o666)


def test_a_file_that_may_not_be_read_says_so(public_database: Path) -> None:
    public_database.chmod(0)
    for read_only in (False, True):
        with (
            without_privileges(),
            pytest.raises(DatabaseUnavailableError, match="Check the permissions of the file"),
        ):
            Library.open(public_database, read_only=read_only)


def test_a_folder_that_may_not_be_entered_says_so(public_database: Path) -> None:
    inner = public_database.parent / "inner" / "most"
    inner.mkdir(parents=True)
    inner.parent.chmod(0)
    with (
        without_privileges(),
        pytest.raises(DatabaseUnavailableError, match="does not exist or may not be entered"),
    ):
        Library.open(inner / "wkmp.db")
    inner.parent.chmod(0o700)


def test_a_folder_that_may_not_be_read_says_so(public_database: Path) -> None:
    public_database.parent.chmod(0)
    with (
        without_privileges(),
        pytest.raises(DatabaseUnavailableError, match="give this user read and search permission"),
    ):
        Library.open(public_database, read_only=True)


def text_file(path: Path) -> None:
    path.write_text("Sinnerman, where you gonna run to?\n" * 400)


def short_text_file(path: Path) -> None:
    path.write_text("to do")


def damaged_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"SQLite format 4\0")


def damaged_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 900)


def damaged_everywhere(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def cut_short(path: Path) -> None:
    os.truncate(path, 4096 * 3 + 17)


@pytest.mark.parametrize(
    "damage",
    [
        text_file,
        short_text_file,
        damaged_header,
        damaged_first_page,
        damaged_everywhere,
        cut_short,
    ],
    ids=lambda function: function.__name__,
)
def test_a_file_that_is_no_database_or_damaged_is_left_alone_and_said_to_be_so(
    sqlite_database: Database, damage: Callable[[Path], None]
) -> None:
    path = Path(sqlite_database.url)
    damage(path)
    before = path.read_bytes()

    for read_only in (False, True):
        with pytest.raises(NotADatabaseError, match="or restore a backup") as refused:
            Library.open(path, read_only=read_only)
        assert str(path) in str(refused.value)

    assert path.read_bytes() == before
    assert [name for name in open_files(path.parent) if name.endswith(".db")] == []


def test_a_table_that_is_damaged_fails_reader_and_commit_by_name(
    sqlite_database: Database,
) -> None:
    with sqlite_database.open() as library:
        for number in range(200):
            put_song(library, mbid(2, number))
    path = Path(sqlite_database.url)
    with closing(sqlite3.connect(path)) as plain:
        (page,) = plain.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'songs'"
        ).fetchone()
        (index,) = plain.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'idx_songs_recording_mbid'"
        ).fetchone()
        (size,) = plain.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        for number in (page, index):
            file.seek((number - 1) * size)
            file.write(b"\xa5" * size)

    with sqlite_database.open() as library:
        with pytest.raises(NotADatabaseError, match="is damaged"):
            songs(library)
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=SINNERMAN)
        with pytest.raises(StorageError, match=r"damaged file \(SQLITE_CORRUPT\)"):
            work.commit()


def test_a_database_from_the_future_is_left_alone_and_said_to_be_so(database: Database) -> None:
    engine = sa.create_engine(
        database.url if "://" in database.url else f"sqlite:///{database.url}"
    )
    with engine.begin() as connection:
        (revision,) = connection.exec_driver_sql("SELECT version_num FROM alembic_version").one()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '2999_01_01_later'")

    try:
        for options in ({}, {"read_only": True}, {"upgrade": True}):
            with pytest.raises(SchemaTooNewError, match="Upgrade wkmp_orm"):
                database.open(**options)
    finally:
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :revision"),
                {"revision": revision},
            )
        engine.dispose()


def test_an_opening_that_fails_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "wkmp.db"
    (tmp_path / "here").mkdir()
    Library.open(path, root=tmp_path / "here").close()
    with pytest.raises(ConfigurationError, match="the library's root is"):
        Library.open(path, root=tmp_path / "elsewhere")
    assert open_files(tmp_path) == []


def fill(library: Library) -> sqlite3.Connection:
    """Let SQLite refuse every further page, as it does when the disk is full."""
    with library.begin_monitored("filling") as session:
        driver: Any = session.connection().connection.driver_connection
        (pages,) = driver.execute("PRAGMA page_count").fetchone()
        driver.execute(f"PRAGMA max_page_count = {pages}")
    assert isinstance(driver, sqlite3.Connection)
    return driver


def test_a_full_disk_loses_nothing_that_was_committed_or_accumulated(
    sqlite_database: Database,
) -> None:
    with sqlite_database.open() as library:
        put_song(library)
        driver = fill(library)
        work = library.unit_of_work("recording")
        for number in range(2, 2_000):
            work.songs.put(recording_mbid=mbid(2, number), title="Sinnerman" * 10)

        for _ in range(2):
            with pytest.raises(StorageError, match=r"disk full \(SQLITE_FULL\) .* Make room"):
                work.commit()
            assert songs(library) == [SINNERMAN]

        driver.execute("PRAGMA max_page_count = 1000000")
        assert work.commit().rows["songs"].inserted == 1_998
        assert len(songs(library)) == 1_999
        with closing(sqlite3.connect(sqlite_database.url)) as plain:
            assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 3 MiB, where this may be done."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=3m", "tmpfs", at=folder):
        yield folder


def leave_free(folder: Path, kilobytes: int) -> Path:
    """Fill the disk but for so much."""
    filler = folder / "filler"
    status = os.statvfs(folder)
    filler.write_bytes(bytes(status.f_bavail * status.f_frsize - kilobytes * 1024))
    return filler


def test_a_disk_that_is_really_full_loses_nothing_either(small_disk: Path) -> None:
    with Library.open(small_disk / "wkmp.db") as library:
        put_song(library)
        filler = leave_free(small_disk, 40)
        work = library.unit_of_work("recording")
        for number in range(2, 2_000):
            work.songs.put(recording_mbid=mbid(2, number), title="Sinnerman" * 10)

        for _ in range(2):
            with pytest.raises(StorageError, match=r"disk full \(SQLITE_FULL\) .* Make room"):
                work.commit()
            assert songs(library) == [SINNERMAN]

        filler.unlink()
        assert work.commit().rows["songs"].inserted == 1_998

    with Library.open(small_disk / "wkmp.db") as library:
        assert len(songs(library)) == 1_999


def test_a_database_on_a_full_disk_opens_again_once_there_is_room(small_disk: Path) -> None:
    path = small_disk / "wkmp.db"
    with Library.open(path) as library:
        put_song(library)
    filler = leave_free(small_disk, 0)

    with pytest.raises(DatabaseUnavailableError, match="Make room or repair the disk"):
        Library.open(path)
    with pytest.raises(DatabaseUnavailableError, match="Make room or repair the disk"):
        Library.open(small_disk / "new.db")

    filler.unlink()
    with Library.open(path) as library:
        assert songs(library) == [SINNERMAN]


def test_a_full_disk_of_the_server_is_said_to_be_so_and_the_rows_stay(
    postgresql_database: Database,
) -> None:
    with postgresql_database.open() as library:
        work = library.unit_of_work("recording")
        work.songs.put(recording_mbid=SINNERMAN)
        injector = FaultInjector(library._writer.engine)

        with (
            injector.failing(1, "before", server_error("53100")) as fault,
            pytest.raises(StorageError, match=r"disk full \(53100\) .* Make room"),
        ):
            work.commit()

        assert fault.fired
        assert songs(library) == []
        assert work.commit().rows["songs"].inserted == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits there")
def test_an_error_of_the_disk_loses_nothing_either(sqlite_database: Database) -> None:
    import resource  # noqa: PLC0415  not everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with sqlite_database.open() as library:
        put_song(library)
        work = library.unit_of_work("recording")
        for number in range(2, 4_000):
            work.songs.put(recording_mbid=mbid(2, number), title="Sinnerman" * 10)

        # Python ignores SIGXFSZ, so that a write beyond the limit fails with EFBIG.
        resource.setrlimit(resource.RLIMIT_FSIZE, (400 * 1024, hard))
        try:
            with pytest.raises(StorageError, match=r"input/output error \(SQLITE_IOERR_WRITE\)"):
                work.commit()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert songs(library) == [SINNERMAN]
        assert work.commit().rows["songs"].inserted == 3_998


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no such device")
def test_the_database_keeps_the_mode_of_its_file(sqlite_database: Database) -> None:
    path = Path(sqlite_database.url)
    path.chmod(0o640)
    with sqlite_database.open() as library:
        put_song(library)
        modes = {stat.S_IMODE(name.stat().st_mode) for name in path.parent.glob("wkmp.db*")}
    assert modes == {0o640}


def test_every_refusal_is_an_error_of_ours() -> None:
    for error in (NotADatabaseError, ReadOnlyDatabaseError, SchemaTooNewError, StorageError):
        assert issubclass(error, WkmpOrmError)
