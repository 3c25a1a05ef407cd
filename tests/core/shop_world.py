"""The world of the shop's tables: authors by a number of the world's, books, and who wrote them."""

from __future__ import annotations

from typing import Final

from tests.core.shop import Base
from tests.histories.drafts import Draft, Own, UnitDraft
from tests.histories.world import World

EMMA, PERSUASION, WATSONS = "9780141439587", "9780141439686", "9780140431025"
AUSTEN, BYRNE = "0000-0001-5109-3700", "0000-0002-1825-0097"

SHOP: Final = World(
    metadata=Base.metadata,
    tables=("authors", "books", "credits"),
    clocks=frozenset({"added_at", "changed_at"}),
    keys={"authors": {"orcid": [AUSTEN, BYRNE]}, "books": {"isbn": [EMMA, PERSUASION, WATSONS]}},
    needed={"authors": {"name": ["x", "y"]}, "books": {"title": ["x", "y"]}},
    others={
        "authors": {"name": ["y"]},
        "books": {
            "title": ["y"],
            "pages": [1, 2],
            "in_print": [False, True],
            "comment": ["mine"],
            "subjects": [[1], [True]],
        },
    },
    links={"credits": {"share": [0.6, 0.4, 1.0]}},
    foci=(("books",), ("books", "authors")),
    filled=UnitDraft(
        [
            Draft("put", "authors", {"orcid": AUSTEN, "name": "x"}),
            Draft("put", "books", {"isbn": EMMA, "title": "x", "subjects": [1]}),
            Draft("put", "books", {"isbn": PERSUASION, "title": "y"}),
            Draft(
                "link",
                "credits",
                {"book_id": Own("books", 0), "author_id": Own("authors", 0), "share": 0.6},
            ),
        ],
        [],
    ),
    texts={"books": "title"},
    often=frozenset({"isbn", "subjects"}),
)
