"""${message}

Say here why: what could not be stored, was stored wrongly or was slow without this.

Revision: ${up_revision}
Follows: ${down_revision | comma,n}
Written: ${create_date.strftime("%Y-%m-%d")}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

${imports if imports else ""}


def upgrade() -> None:
    """Apply this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take it back."""
    ${downgrades if downgrades else "pass"}
