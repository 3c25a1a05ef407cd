"""The numbers and lists in the sentences of the documentation are those of the code."""

from __future__ import annotations

import re

import click
import pytest

from tests.docs.pages import DOCS, ROOT
from wkmp_orm import Phase, UnitOfWork
from wkmp_orm.cli import commands
from wkmp_orm.cli.import_command import import_command
from wkmp_orm.cli.retry_command import retry_command
from wkmp_orm.cli.status_command import status_command
from wkmp_orm.core.database import COMMIT_THREADS
from wkmp_orm.core.engine import postgresql, sqlite
from wkmp_orm.core.engine.checkpoint import CHECKPOINT_AT, MEBIBYTE, WARN_AT
from wkmp_orm.core.engine.lock_file import NOTE_BYTES
from wkmp_orm.core.engine.monitor import HOLD_LEVELS, WAIT_LEVELS
from wkmp_orm.core.engine.outage import PATIENCE_S
from wkmp_orm.core.engine.postgresql_session import OLDEST
from wkmp_orm.matching.politeness import FAILURES_IN_A_ROW
from wkmp_orm.matching.scoring import HIGH, LOW, MEDIUM
from wkmp_orm.models import FileStatus, PassageStatus, SessionState, SongStatus
from wkmp_orm.models.import_session import FINAL_STATES
from wkmp_orm.models.tables import TABLES
from wkmp_orm.orchestrator.file_pipeline import STEPS
from wkmp_orm.orchestrator.progress import STORED_EVERY_S
from wkmp_orm.orchestrator.scan import DEFAULT_EXTENSIONS
from wkmp_orm.orchestrator.scan_queue import CHUNK
from wkmp_orm.orchestrator.writing import LOCK_TIMEOUTS, SERVER_LOCK_TIMEOUTS
from wkmp_orm.phases.attempts import ATTEMPTS
from wkmp_orm.phases.fingerprinting import NOTHING_IS_BELIEVED_FOR
from wkmp_orm.settings import (
    AI_DATABASE_CONNECTION_POOL_SIZE,
    AI_DATABASE_LOCK_RETRY_MS,
    AI_DATABASE_MAX_LOCK_WAIT_MS,
    INGEST_MAX_CONCURRENT_JOBS,
    SETTINGS,
)

WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 9: "nine", 19: "Nineteen"}
DEADLINE_S = AI_DATABASE_MAX_LOCK_WAIT_MS.default // 1000

SENTENCES = [
    ("schema.md", f"{WORDS[len(TABLES)]} tables."),
    ("unit-of-work.md", f"one of {WORDS[COMMIT_THREADS]} threads of the library's own"),
    ("unit-of-work.md", f"calls `fill(work)` up to {WORDS[ATTEMPTS]} times"),
    ("unit-of-work.md", f"`ai_database_max_lock_wait_ms` ({DEADLINE_S} s)"),
    ("unit-of-work.md", f"a wait above {WAIT_LEVELS[1][0]:.0f} ms"),
    ("unit-of-work.md", f"a hold above {HOLD_LEVELS[1][0]:,.0f} ms as INFO"),
    (
        "unit-of-work.md",
        f"above {WAIT_LEVELS[0][0]:,.0f} ms and {HOLD_LEVELS[0][0]:,.0f} ms as WARN",
    ),
    ("databases.md", f"they hold at most {NOTE_BYTES} bytes each"),
    ("databases.md", f"(`ai_database_lock_retry_ms`, {AI_DATABASE_LOCK_RETRY_MS.default} ms)"),
    ("databases.md", f"`ai_database_max_lock_wait_ms`, {DEADLINE_S} s"),
    ("databases.md", f"When there are {CHECKPOINT_AT // MEBIBYTE} MiB of it"),
    ("databases.md", f"At {WARN_AT * CHECKPOINT_AT // MEBIBYTE} MiB a warning"),
    ("databases.md", f"one writes, up to {sqlite.WRITER_CONNECTIONS} look up"),
    ("databases.md", f"| {postgresql.WRITER_CONNECTIONS} |"),
    ("databases.md", f"pool_size`, {AI_DATABASE_CONNECTION_POOL_SIZE.default}, and 4 more"),
    ("importing.md", f"`ingest_max_concurrent_jobs`, {INGEST_MAX_CONCURRENT_JOBS.default} |"),
    ("importing.md", f"{CHUNK} files at a time"),
    ("importing.md", f"stored every {WORDS[int(STORED_EVERY_S)]} seconds"),
    ("importing.md", f"through {WORDS[LOCK_TIMEOUTS]} deadlines in a row"),
    ("importing.md", f"({LOCK_TIMEOUTS * DEADLINE_S} s with the default settings;"),
    ("importing.md", f"on PostgreSQL {SERVER_LOCK_TIMEOUTS * DEADLINE_S} s"),
    ("importing.md", f"away for {WORDS[int(PATIENCE_S // 60)]} minutes"),
    ("postgresql.md", f"PostgreSQL {OLDEST} or newer"),
    ("postgresql.md", f"({postgresql.WRITER_CONNECTIONS} that write"),
    ("importing.md", f"{WORDS[len(STEPS)].capitalize()} take a file through"),
    ("importing.md", f"for {NOTHING_IS_BELIEVED_FOR.days} days"),
    ("importing.md", f"after {WORDS[FAILURES_IN_A_ROW]} failures in a row"),
    ("importing.md", f"From {HIGH:.2f} on a match is *High*, from {MEDIUM:.2f} *Medium*"),
    ("importing.md", f"from {LOW:.2f} *Low*"),
    ("../CHANGELOG.md", f"{len(SETTINGS)} typed keys"),
]


def said(page: str) -> str:
    """Return a page's text as one line."""
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("page", "sentence"), SENTENCES)
def test_a_number_in_a_sentence_is_the_code_s(page: str, sentence: str) -> None:
    assert sentence in said(page)


@pytest.mark.parametrize("command", [import_command, status_command, retry_command])
def test_every_option_of_an_import_is_told(command: click.Command) -> None:
    table = said("importing.md")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[0]}" in table


def test_every_command_is_told() -> None:
    pages = " ".join(said(page.name) for page in DOCS.glob("*.md"))
    context = click.Context(commands)
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        if not isinstance(command, click.Group):
            assert f"wkmp-orm {name}" in pages
            continue
        for each in command.commands:
            assert f"wkmp-orm {name} {each}" in pages


def test_every_extension_that_is_scanned_is_told() -> None:
    listed = re.search(r"files named `([^`]*)`", said("importing.md"))
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(DEFAULT_EXTENSIONS)


def test_every_phase_that_runs_is_told() -> None:
    text = said("importing.md")
    for phase in (Phase.SCANNING, Phase.FILENAME_MATCHING, *(step.phase for step in STEPS)):
        assert f"| {phase.replace('_', ' ')} |" in text


def test_every_status_is_told() -> None:
    text = said("importing.md")
    words = (*FileStatus, *PassageStatus, *SongStatus, *FINAL_STATES)
    missing = [word for word in (*words, SessionState.SCANNING) if word.value not in text]
    assert missing == []


def test_every_table_of_a_unit_of_work_is_told() -> None:
    text = said("unit-of-work.md")
    tables = [name for name in TABLES if hasattr(UnitOfWork, name)]
    assert [name for name in tables if f"`work.{name}`" not in text] == []


def test_the_readme_s_test_command_is_the_one_that_ci_takes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"<!-- test command -->\n```sh\n(.*?)```", readme, re.DOTALL)
    assert command.startswith("python3 ")
