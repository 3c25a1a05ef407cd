"""`schema_differences` tells what a database has lost, has otherwise or has too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from wkmp_orm.core.schema.sqlite_catalog import describe_sqlite
from wkmp_orm.schema import ensure_schema, head_revision, schema_differences

if TYPE_CHECKING:
    import sqlalchemy as sa

    from wkmp_orm.core.engine.target import DatabaseTarget

# What is changed in the SQL that made the database, and what is said of it.
SQLITE: Final = {
    "a CHECK is gone": (
        (", \n\tCONSTRAINT ck_files__sample_rate_positive CHECK (sample_rate > 0)", ""),
        "files: constraint ck_files__sample_rate_positive is missing",
    ),
    "a CHECK is another": (
        ("CHECK (sample_rate > 0)", "CHECK (sample_rate >= 0)"),
        (
            "files: constraint ck_files__sample_rate_positive is `check (sample_rate >= 0)`,"
            " should be `check (sample_rate > 0)`"
        ),
    ),
    "a word is missing": (
        (" OR status = 'FLAVORING FAILED'", ""),
        (
            "songs: constraint ck_songs__status_known is"
            " `check (status = 'PENDING' or status = 'FLAVOR READY')`, should be `check (status ="
            " 'PENDING' or status = 'FLAVOR READY' or status = 'FLAVORING FAILED')`"
        ),
    ),
    "a default is another": (
        ("hash TEXT DEFAULT 'PENDING'", "hash TEXT DEFAULT 'pending'"),
        (
            "files: column hash is `text default 'pending' not null`,"
            " should be `text default 'PENDING' not null`"
        ),
    ),
    "a column may be NULL": (
        ("recording_mbid TEXT NOT NULL", "recording_mbid TEXT"),
        "songs: column recording_mbid is `text`, should be `text not null`",
    ),
    "a foreign key does something else": (
        ("REFERENCES works (guid) ON DELETE SET NULL", "REFERENCES works (guid)"),
        (
            "songs: constraint fk_songs__work_id is"
            " `foreign key (work_id) references works (guid)`, should be"
            " `foreign key (work_id) references works (guid) on delete set null`"
        ),
    ),
    "a partial index has another condition": (
        (" AND hash NOT IN ('', 'PENDING')", ""),
        (
            "files: index idx_files_originals is"
            " `on files (hash) where status <> 'DUPLICATE HASH'`, should be"
            " `on files (hash) where status <> 'DUPLICATE HASH' and hash not in ('', 'PENDING')`"
        ),
    ),
    "a constraint is too much": (
        ("CHECK (sample_rate > 0)", "CHECK (sample_rate > 0), UNIQUE (artist, title)"),
        "files: constraint unique (artist, title) does not belong to the schema",
    ),
}
POSTGRESQL: Final = {
    "a CHECK is gone": (
        "ALTER TABLE files DROP CONSTRAINT ck_files__sample_rate_positive",
        "files: constraint ck_files__sample_rate_positive is missing",
    ),
    "a default is another": (
        "ALTER TABLE files ALTER hash SET DEFAULT 'pending'",
        (
            "files: column hash is `text not null default 'pending'::text`,"
            " should be `text not null default 'PENDING'::text`"
        ),
    ),
    "a column may be NULL": (
        "ALTER TABLE songs ALTER recording_mbid DROP NOT NULL",
        "songs: column recording_mbid is `text`, should be `text not null`",
    ),
    "a constraint is not validated": (
        (
            "ALTER TABLE songs DROP CONSTRAINT fk_songs__work_id, ADD CONSTRAINT fk_songs__work_id"
            " FOREIGN KEY (work_id) REFERENCES works ON DELETE SET NULL NOT VALID"
        ),
        (
            "songs: constraint fk_songs__work_id is"
            " `FOREIGN KEY (work_id) REFERENCES works(guid) ON DELETE SET NULL NOT VALID`,"
            " should be `FOREIGN KEY (work_id) REFERENCES works(guid) ON DELETE SET NULL`"
        ),
    ),
    "a rule that SQLite's writers keep by triggers is gone": (
        "DROP INDEX uq_import_sessions__running",
        "import_sessions: unique index uq_import_sessions__running is missing",
    ),
    "an index is too much": (
        "CREATE UNIQUE INDEX one_title ON songs (title)",
        "songs: unique index one_title does not belong to the schema",
    ),
}
COMMON: Final = {
    "an index is gone": (
        "DROP INDEX idx_songs_recording_mbid",
        "songs: unique index idx_songs_recording_mbid is missing",
    ),
    "an index is another": (
        "DROP INDEX idx_files_path; CREATE INDEX idx_files_path ON files (title)",
        "files: unique index idx_files_path is missing",
    ),
    "a table is gone": ("DROP TABLE flush_ledger", "flush_ledger: the table is missing"),
    "the revision is another": (
        "UPDATE alembic_version SET version_num = 'another'",
        f"revision: another, the newest is {head_revision()}",
    ),
    "the revision is gone": (
        "DROP TABLE alembic_version",
        f"revision: none, the newest is {head_revision()}",
    ),
}


@pytest.mark.parametrize(("edit", "difference"), SQLITE.values(), ids=SQLITE)
def test_a_changed_sqlite_table_is_told(
    sqlite_target: DatabaseTarget, sqlite_engine: sa.Engine, edit: tuple[str, str], difference: str
) -> None:
    ensure_schema(sqlite_target, sqlite_engine)
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        edited = connection.exec_driver_sql(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE instr(sql, ?)",
            (*edit, edit[0]),
        )
        assert edited.rowcount == 1
    assert schema_differences(sqlite_engine) == [difference]


@pytest.mark.parametrize(("change", "difference"), POSTGRESQL.values(), ids=POSTGRESQL)
def test_a_changed_postgresql_table_is_told(
    postgresql_target: DatabaseTarget, postgresql_engine: sa.Engine, change: str, difference: str
) -> None:
    ensure_schema(postgresql_target, postgresql_engine)
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(change)
    assert schema_differences(postgresql_engine) == [difference]


@pytest.mark.parametrize(("change", "difference"), COMMON.values(), ids=COMMON)
def test_a_changed_schema_is_told(
    target: DatabaseTarget, engine: sa.Engine, change: str, difference: str
) -> None:
    ensure_schema(target, engine)
    with engine.begin() as connection:
        for statement in change.split(";"):
            connection.exec_driver_sql(statement)
    assert schema_differences(engine) == [difference]


def test_an_empty_database_lacks_everything(target: DatabaseTarget, engine: sa.Engine) -> None:
    lines = schema_differences(engine)
    assert lines[0].startswith("revision: none")
    assert "files: the table is missing" in lines
    assert not any("column" in line for line in lines)
    ensure_schema(target, engine)
    assert schema_differences(engine) == []


def test_another_spelling_of_the_same_table_is_no_difference() -> None:
    one = """CREATE TABLE songs (guid TEXT NOT NULL, title TEXT DEFAULT 'A "B" (c)',
        weight REAL DEFAULT 1.0, CONSTRAINT ck CHECK (length(title) > 0 AND title <> 'it''s'))"""
    other = """create table "songs"("guid" text not null, -- the key
        [title] TEXT default ('A "B" (c)'), `weight` real DEFAULT (1.0), /* a, ( */
        CONSTRAINT "ck" check ( length( title )>0 and title<>'it''s' ) )"""
    described = [describe_sqlite(lambda _: [("table", "songs", "songs", one)], {"songs"})]
    described += [describe_sqlite(lambda _: [("table", "songs", "songs", other)], {"songs"})]
    assert described[0] == described[1]
    assert described[0] == {
        ("songs", "column guid"): "text not null",
        ("songs", "column title"): "text default 'A \"B\" (c)'",
        ("songs", "column weight"): "real default 1.0",
        ("songs", "constraint ck"): "check (length (title) > 0 and title <> 'it''s')",
        ("songs", "options"): "",
    }
