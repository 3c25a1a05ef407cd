"""Amplitude: where a file's passages begin and end to the ear; with it they are complete.

Knows no sound: what was measured is kept as it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from wkmp_orm.core.json_functions import JsonWith
from wkmp_orm.core.types import Json, utc_now
from wkmp_orm.models import Passage, PassageStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wkmp_orm.work import UnitOfWork

KEY_IN_METADATA: Final = "amplitude_analysis"
"""Under which `passages.import_metadata` holds what was measured, beside what others put there."""


@dataclass(frozen=True, slots=True)
class PassageAmplitude:
    """A recorded passage by its span, its lead points, and what was measured, as a JSON object.

    Ticks from the file's start. Lead points that nobody could find are None, and known ones stay
    then; so does what was measured, where nothing is said of it now.
    """

    start_time_ticks: int
    end_time_ticks: int
    lead_in_start_ticks: int | None
    lead_out_start_ticks: int | None
    measured: dict[str, Any] = field(default_factory=dict)


_lead_in: Final = sa.bindparam("lead_in", type_=Passage.lead_in_start_ticks.type)
_lead_out: Final = sa.bindparam("lead_out", type_=Passage.lead_out_start_ticks.type)
_measured: Final = sa.bindparam("measured", type_=Json())
_metadata: Final = sa.case(
    (_measured.is_(None), Passage.import_metadata),
    else_=JsonWith(Passage.import_metadata, KEY_IN_METADATA, _measured),
)
_merged_in: Final = sa.func.coalesce(_lead_in, Passage.lead_in_start_ticks)
_merged_out: Final = sa.func.coalesce(_lead_out, Passage.lead_out_start_ticks)
# One point that is found now may lie beyond the other one that was found before: then both stay.
_fits: Final = sa.or_(
    sa.and_(_lead_in.is_not(None), _lead_out.is_not(None)),
    _merged_in.is_(None),
    _merged_out.is_(None),
    _merged_in <= _merged_out,
)
_new_in: Final = sa.case((_fits, _merged_in), else_=Passage.lead_in_start_ticks)
_new_out: Final = sa.case((_fits, _merged_out), else_=Passage.lead_out_start_ticks)
_is_news: Final = sa.or_(
    Passage.status != PassageStatus.INGEST_COMPLETE,
    Passage.lead_in_start_ticks.is_distinct_from(_new_in),
    Passage.lead_out_start_ticks.is_distinct_from(_new_out),
    Passage.import_metadata.is_distinct_from(_metadata),
)
_COMPLETE: Final = (
    sa.update(Passage)
    .where(
        Passage.file_id == sa.bindparam("of_file", type_=Passage.file_id.type),
        Passage.start_time_ticks == sa.bindparam("start", type_=Passage.start_time_ticks.type),
        Passage.end_time_ticks == sa.bindparam("end", type_=Passage.end_time_ticks.type),
    )
    .values(
        lead_in_start_ticks=_new_in,
        lead_out_start_ticks=_new_out,
        import_metadata=_metadata,
        status=PassageStatus.INGEST_COMPLETE,
        updated_at=sa.case(
            (_is_news, sa.bindparam("now", type_=Passage.updated_at.type)),
            else_=Passage.updated_at,
        ),
    )
)


def record_amplitude(
    work: UnitOfWork, file_guid: str, passages: Sequence[PassageAmplitude]
) -> None:
    """Give a file's recorded passages their lead points and complete them.

    The commit raises ConditionNotMetError, and nothing changes, unless every one of them is there.
    Passages of other spans, which a user edited and the file has no more, stay as they are, and so
    do ones of which the same was measured before.
    """
    now = utc_now()
    rows = [
        {
            "of_file": file_guid,
            "start": passage.start_time_ticks,
            "end": passage.end_time_ticks,
            "lead_in": passage.lead_in_start_ticks,
            "lead_out": passage.lead_out_start_ticks,
            "measured": passage.measured or None,
            "now": now,
        }
        # In one order, so that two workers at one file take turns instead of waiting in a circle.
        for passage in sorted(
            passages, key=lambda each: (each.start_time_ticks, each.end_time_ticks)
        )
    ]
    if rows:
        work.execute(_COMPLETE, rows, expected=len(rows))
