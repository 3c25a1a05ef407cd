"""Every page, whatever is looked for, is read from an index; and so is one thing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.interception import intercepting
from tests.support.large_library import artist_name, mbid
from wkmp_orm import browse
from wkmp_orm.phases import library_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.interception import DriverCall
    from wkmp_orm import Library

LISTS: list[tuple[str, str]] = [
    *((name, "") for name in ("songs", "artists", "albums", "files", "passages")),
    *(("songs", query) for query in ("title:moon", "title:é", 'artist:"blue moon 0"', "artist:é")),
    ("songs", 'album:"album 00010"'),
    *(("artists", query) for query in ("artist:blue", "artist:é")),
    *(("albums", query) for query in ("album:album", 'artist:"blue moon 0"')),
    *(("files", query) for query in ("path:Blue", "status:pending")),
    ("passages", "path:Blue"),
]
TITLE = "Moon of the Blue 0000000"
THINGS = [TITLE, artist_name(1), "Album 000001", mbid(1, 1), mbid(2, 1)]

SCAN = re.compile(r"SCAN (?!anon_|CONSTANT)")
"""But of a subquery of at most a hundred rows."""

STATEMENTS = dict[str, Any]


def statements_of(library: Library, ask: Callable[[Any], object]) -> STATEMENTS:
    """Return what was sent to the database, with its parameters."""
    sent: STATEMENTS = {}

    def remember(call: DriverCall) -> None:
        sent[call.statement] = call.parameters

    with intercepting(library._readers, before=remember), library.reader() as session:
        ask(session)
    return {text: values for text, values in sent.items() if text.startswith("SELECT")}


def scans_of(library: Library, statements: STATEMENTS) -> dict[str, list[str]]:
    """Return the steps of each statement's plan that read a table or index from end to end."""
    find = _scans_of_postgresql if library.target.dialect == "postgresql" else _scans_of_sqlite
    with library._readers.connect() as connection:
        if library.target.dialect == "postgresql":
            # With a choice it would rather read what is not large yet.
            connection.exec_driver_sql("SET enable_seqscan = off")
        found = {text: find(connection, text, values) for text, values in statements.items()}
        connection.rollback()
    return {text: steps for text, steps in found.items() if steps}


def plan_of_sqlite(connection: Any, statement: str, parameters: Any) -> list[str]:
    """Return the steps of a statement's plan."""
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [row.detail for row in rows]


def plans_of_sqlite(library: Library, statements: STATEMENTS) -> dict[str, list[str]]:
    """Return the plan of each statement."""
    with library._readers.connect() as connection:
        return {text: plan_of_sqlite(connection, text, each) for text, each in statements.items()}


def _scans_of_sqlite(connection: Any, statement: str, parameters: Any) -> list[str]:
    plan = plan_of_sqlite(connection, statement, parameters)
    read = [step for step in plan if SCAN.match(step)]
    if "USE TEMP B-TREE FOR ORDER BY" in plan:
        # Half of an index, from somewhere in the order of a list, which is sorted anew then.
        read += [step for step in plan if "(<expr>>?)" in step]
    return read


def _scans_of_postgresql(connection: Any, statement: str, parameters: Any) -> list[str]:
    explain = f"EXPLAIN (FORMAT JSON) {statement}"
    (plan,) = connection.exec_driver_sql(explain, parameters).scalar_one()
    return [*_steps(plan["Plan"])]


def _steps(node: dict[str, Any]) -> Any:
    kind = node["Node Type"]
    if kind == "Seq Scan" or ("Index" in kind and "Index Cond" not in node):
        yield f"{kind} {node.get('Index Name', node.get('Relation Name'))}: {json.dumps(node)}"
    for child in node.get("Plans", ()):
        yield from _steps(child)


@pytest.mark.parametrize(("name", "query"), LISTS)
def test_no_page_reads_what_it_does_not_show(large: Library, name: str, query: str) -> None:
    def two_pages(session: Any) -> None:
        after = getattr(browse, name)(session, query, limit=1).after
        getattr(browse, name)(session, query, limit=1, after=after)

    assert not scans_of(large, statements_of(large, two_pages))


@pytest.mark.parametrize("name", ["duplicates", "failures"])
def test_no_page_of_duplicates_or_failures_reads_all(large: Library, name: str) -> None:
    def two_pages(session: Any) -> None:
        after = getattr(browse, name)(session, limit=1).after
        getattr(browse, name)(session, limit=1, after=after)

    scans = scans_of(large, statements_of(large, two_pages))
    if name == "failures":  # the latest: the key, backwards, as far as the page goes
        scans = {
            text: steps
            for text, steps in scans.items()
            if not all("import_failures" in step and "Seq" not in step for step in steps)
        }
    assert not scans


@pytest.mark.parametrize("what", THINGS)
def test_one_thing_is_found_and_told_without_reading_all(large: Library, what: str) -> None:
    def show(session: Any) -> None:
        (thing,) = browse.find(session, what)
        browse.details(session, thing)

    assert not scans_of(large, statements_of(large, show))


def test_words_are_looked_for_in_the_order_of_the_list_and_in_names(large: Library) -> None:
    statements = statements_of(large, lambda session: browse.songs(session, "blue"))
    read = [step for steps in scans_of(large, statements).values() for step in steps]
    assert not [
        step for step in read if re.match(r"(SCAN|Seq Scan|Index Scan) (pk_)?songs\b", step)
    ]


def test_a_status_is_counted_in_indexes(large: Library) -> None:
    statements = statements_of(large, library_status)
    if large.target.dialect == "postgresql":
        scans = [step for steps in scans_of(large, statements).values() for step in steps]
        # All files, passages and songs; the songs that are unfinished, the passages without a song
        # and the files that are missing, each in an index that has no others.
        assert len(scans) <= 5
        assert [step for step in scans if step.startswith("Seq Scan")] == []
        return
    read = [
        step
        for plan in plans_of_sqlite(large, statements).values()
        for step in plan
        if step.startswith(("SCAN ", "SEARCH ")) and "CONSTANT" not in step
    ]
    # All rows are read only where it is asked how many there are, which an index's pages say.
    assert [re.search(r"idx_\w+", step)[0] for step in read if step.startswith("SCAN")] == [  # type: ignore[index]
        "idx_files_status",
        "idx_passages_unfinished",
        "idx_songs_last_played",
    ]
    assert [step for step in read if " COVERING INDEX " not in step] == [
        "SEARCH passages USING INDEX idx_passages_unfinished (<expr>=?)"
    ]


def test_numbers_are_read_from_indexes_where_one_has_them(large: Library) -> None:
    statements = statements_of(large, browse.statistics)
    if large.target.dialect == "postgresql":
        read = [step for steps in scans_of(large, statements).values() for step in steps]
        whole = {step for step in read if step.startswith("Seq Scan")}
    else:
        plans = plans_of_sqlite(large, statements)
        whole = {
            step for plan in plans.values() for step in plan if re.fullmatch(r"SCAN \w+", step)
        }
    assert all("import_failures" in step for step in whole)
