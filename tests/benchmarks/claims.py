"""What it costs a PostgreSQL to give each file to one of many importers.

Each claimer does what an importer does: it claims as many files as it has workers, and says with
the next claim that it is through with them. Nothing else is done with a file here.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import psutil
import sqlalchemy as sa

from tests.benchmarks.report import Result
from tests.support.processes import Barrier, run_in_processes
from wkmp_orm import Library, new_guid
from wkmp_orm.models import MemberRole
from wkmp_orm.phases import claims, in_unit_of_work, members, start_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.place import Place
    from wkmp_orm.work import UnitOfWork

PROCESSES: Final = 4
WORKERS: Final = 12
"""Files of one claim: an importer has so many workers unless it is told otherwise."""
SERVERS_MS: Final = 40.0
"""What a file of one passage costs the server in all its phases, as docs/postgresql.md says."""

COLUMNS: Final = {
    "claimers": "claimers",
    "files": "files",
    "twice": "given twice",
    "rate": "files/s",
    "longest": "longest claim, ms",
    "server": "server, ms of CPU a file",
    "share": f"of {SERVERS_MS:.0f} ms, %",
}

_FILES: Final = sa.text(
    "INSERT INTO files (guid, path, hash, modification_time, file_size_bytes, status, created_at,"
    " updated_at) SELECT gen_random_uuid(), 'folder/' || number || '.flac', 'PENDING', now(), 1,"
    " 'PENDING', now(), now() FROM generate_series(1, :number) AS number"
)
_CLAIMS: Final = sa.text(
    "INSERT INTO import_claims (guid, file_id, position, kind, claim_number, owners)"
    " SELECT gen_random_uuid(), guid, row_number() OVER (ORDER BY path), 'new', 0, 0 FROM files"
)
_BACKENDS: Final = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = :of"
)


def measure(place: Place) -> Result:
    """Let one and 32 claimers take 100,000 files."""
    result = Result(
        "claims",
        "files that wait, given to importers that claim twelve at a time",
        COLUMNS,
        note=f"{PROCESSES} processes; what is through is taken off the list with the next claim",
    )
    files = place.some(100_000, quick=2_000)
    for claimers in (PROCESSES, 32):
        with place.folder() as folder, place.postgresql() as url:
            session_id = _let_wait(url, folder, files)
            arguments = [
                (url, session_id, f"claimer-{n}", claimers // PROCESSES) for n in range(PROCESSES)
            ]
            told = run_in_processes(claim_all, arguments, deadline=3_600)
            seconds = max(each[2] for each in told) - min(each[1] for each in told)
        taken = [guid for each in told for guid in each[0]]
        assert len(set(taken)) == files
        server_ms = sum(each[3] for each in told) * 1000 / files
        result.add(
            claimers=claimers,
            files=files,
            twice=len(taken) - len(set(taken)),
            rate=files / seconds,
            longest=max(each[4] for each in told) * 1000,
            server=server_ms,
            share=100 * server_ms / SERVERS_MS,
        )
    return result


def _let_wait(url: str, root: Path, files: int) -> str:
    with Library.open(url, root=root) as library:
        session_id = start_session(library, str(root), {})
        with library.begin_monitored("benchmark") as session:
            session.execute(_FILES, {"number": files})
            session.execute(_CLAIMS)
        with library.begin_monitored("benchmark") as session:
            session.execute(sa.text("ANALYZE files, import_claims"))
    return session_id


def claim_all(
    barrier: Barrier, url: str, session_id: str, name: str, claimers: int
) -> tuple[list[str], float, float, float, float]:
    """Claim until nothing is left, in several threads.

    Returns which files, when it began and ended, the server's seconds of CPU, the longest claim.
    """
    joined = "&" if "?" in url else "?"
    with Library.open(f"{url}{joined}application_name={name}") as library:
        importers = [_enrolled(library, session_id) for _ in range(claimers)]
        barrier.wait()
        began = time.time()
        with ThreadPoolExecutor(claimers) as pool:
            told = list(pool.map(lambda me: _claim(library, me), importers))
        ended = time.time()
        with library.reader() as session:
            pids = session.execute(_BACKENDS, {"of": name}).scalars().all()
        times = [psutil.Process(pid).cpu_times() for pid in pids]
    server_s = sum(each.user + each.system for each in times)
    taken = [guid for guids, _ in told for guid in guids]
    return taken, began, ended, server_s, max(longest for _, longest in told)


def _enrolled(library: Library, session_id: str) -> str:
    me = new_guid()
    with library.begin_monitored("benchmark") as session:
        members.enrol(
            session.connection(),
            me,
            session_id=session_id,
            host="here",
            process_id=1,
            role=MemberRole.HELPER,
            workers=WORKERS,
            lease_s=members.LEASE_S,
        )
    return me


def _claim(library: Library, me: str) -> tuple[list[str], float]:
    """Claim until nothing is left; return which files, and the longest time that a claim took."""
    taken: list[str] = []
    last: list[str] = []
    longest, number = 0.0, 0
    while True:
        number += 1
        began = time.perf_counter()
        _claim_once(library, me, number, last)
        found = claims.claimed_files(library, me, number)
        longest = max(longest, time.perf_counter() - began)
        last = [row.guid for row in found]
        taken += last
        if not found:
            return taken, longest


def _claim_once(library: Library, me: str, number: int, done: list[str]) -> None:
    def fill(work: UnitOfWork) -> None:
        claims.settle(work, me, done, [])
        claims.claim(work, me, number=number, most=WORKERS, flavors=True)

    in_unit_of_work(library, "claims", fill)
