"""What failed is looked up, and never read whole, by whatever asks for one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.phases.importing import add_file, analyze, count, hash_file, record, sha256
from tests.phases.recordings import passage
from tests.support.look_ups import efforts_of, statements_of
from wkmp_orm import File, Phase
from wkmp_orm.models import ImportFailure
from wkmp_orm.phases import (
    complete_passages,
    finalize_file,
    record_failure,
    record_hash,
    record_no_audio,
    start_session,
)
from wkmp_orm.phases import in_unit_of_work as commit

if TYPE_CHECKING:
    from wkmp_orm import Library

WHOLE = ("SCAN import_failures", "Seq Scan on import_failures")


def fail_many(library: Library, session_id: str, numbers: range) -> None:
    with library.unit_of_work("a failing disk") as work:
        work.import_failures.add_many(
            {
                "session_id": session_id,
                "path": f"some folder/{number}.flac",
                "phase": Phase.HASH_DEDUPLICATION,
                "reason": "input/output error",
            }
            for number in numbers
        )
    analyze(library)


def work_on_files(library: Library, session_id: str, name: str) -> None:
    """Do with files all that looks at what failed before."""
    good = add_file(library, f"{name} good.flac")
    silent = add_file(library, f"{name} silent.flac")
    bad = add_file(library, f"{name} bad.flac")
    copy = add_file(library, f"{name} copy.flac")
    for file in (good, bad, copy, silent):
        for phase in (Phase.SCANNING, Phase.RECORDING):
            with library.unit_of_work(phase) as work:
                record_failure(
                    work,
                    session_id=session_id,
                    path=path_of(library, file),
                    phase=phase,
                    reason="?",
                    file_guid=file if phase is Phase.RECORDING else None,
                )
    hash_file(library, good, sha256("a"))
    assert hash_file(library, copy, sha256("a"))
    record(library, good, passage())
    commit(library, Phase.AMPLITUDE, lambda work: complete_passages(work, good))
    commit(library, Phase.FINALIZATION, lambda work: finalize_file(work, good))
    commit(library, Phase.SEGMENTATION, lambda work: record_no_audio(work, silent))
    with library.unit_of_work("a user") as work:
        for file in (good, silent, copy):
            work.files.delete(file)


def path_of(library: Library, guid: str) -> str:
    with library.reader() as session:
        return session.get_one(File, guid).path


def test_no_statement_of_a_file_reads_all_failures(library: Library) -> None:
    session_id = start_session(library, "/music", {})
    with statements_of(library._writer.engine) as sent:
        work_on_files(library, session_id, "a")
    about = {
        statement: plan
        for statement, plan in sent.plans(library._readers).items()
        if "import_failures" in statement
    }
    assert len(about) >= 3
    assert not [
        (statement, line)
        for statement, plan in about.items()
        for line in plan
        if any(whole in line for whole in WHOLE)
    ]
    assert count(library, ImportFailure) == 2  # of the bad file


def test_what_a_file_costs_does_not_grow_with_the_failures_that_are_stored(
    library: Library,
) -> None:
    session_id = start_session(library, "/music", {})
    efforts: dict[str, list[int]] = {}
    for name, numbers in (("few", range(500)), ("many", range(500, 5_000))):
        fail_many(library, session_id, numbers)
        with efforts_of(library._writer.engine) as measured:
            work_on_files(library, session_id, name)
        efforts[name] = list(measured)
    assert sum(efforts["many"]) <= 1.2 * sum(efforts["few"]) + 100


def test_a_file_that_never_failed_writes_nothing_about_failures_when_it_is_hashed(
    library: Library,
) -> None:
    file = add_file(library)
    with statements_of(library._writer.engine) as sent:
        commit(library, Phase.HASH_DEDUPLICATION, lambda work: record_hash(work, file, sha256("a")))
    written = [each for each in sent.parameters if not each.startswith("SELECT")]
    assert written
    assert not [statement for statement in written if "import_failures" in statement]
