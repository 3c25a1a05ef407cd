"""The base class of the web services' clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from wkmp_orm.matching.web_service import WebService


class ServiceClient:
    """A client of one web service. A context manager that closes its connections."""

    def __init__(self, service: WebService) -> None:
        self._service = service

    @property
    def is_left_alone(self) -> bool:
        """Whether the service is no longer used: every request would raise without being sent."""
        return self._service.is_left_alone

    def close(self) -> None:
        """Close the connections. Call it after the last request of all threads."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()
