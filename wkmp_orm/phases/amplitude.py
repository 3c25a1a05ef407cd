"""Amplitude: stores where a file's passages audibly begin and end, and completes them.

The measurements are stored as given; no audio is read here.
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
"""The key of the measurements in `passages.import_metadata`, which has entries of others too."""


@dataclass(frozen=True, slots=True)
class PassageAmplitude:
    """A recorded passage, identified by its span: its lead points and measurements (a JSON object).

    All positions are ticks from the file's start. A lead point that was not found is None, and the
    stored one then stays. The same holds for measurements.
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
# A newly found lead point may lie beyond the other one, found earlier: then both stored ones stay.
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
    """Store the lead points of a file's recorded passages and complete the passages.

    The commit raises ConditionNotMetError, and nothing changes, unless all of them exist. Passages
    of other spans, which a user edited and the file no longer has, stay unchanged, and so do
    passages that already have the same measurements.
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
        # In a fixed order, so that two workers on one file do not deadlock.
        for passage in sorted(
            passages, key=lambda each: (each.start_time_ticks, each.end_time_ticks)
        )
    ]
    if rows:
        work.execute(_COMPLETE, rows, expected=len(rows))
