"""Artifacts: what a run shows to people. Markdown, tables, links, images and progress bars.

Inside a run an artifact is one more record of the run's journal: nothing waits for a database or a server, and a run
that is killed afterwards keeps it. Outside a run it is recorded without one. `Artifact.get` reads through the client,
which first takes in what journals hold, so that a run finds what it wrote a moment ago.

A key names a series: each artifact of the same key is a newer version of it.
"""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from datetime import date, datetime, time
from typing import Any, ClassVar
from uuid import UUID

from levada.core.errors import ObjectNotFound
from levada.core.ids import as_bytes, as_uuid
from levada.core.naming import check_artifact_key
from levada.core.states import datetime_of
from levada.engine.context import flow_var, task_var
from levada.orchestration import get_client
from levada.session import current
from levada.wire.objects import ArtifactView
from levada.wire.records import ArtifactWritten

__all__ = [
    "Artifact",
    "ImageArtifact",
    "LinkArtifact",
    "MarkdownArtifact",
    "ProgressArtifact",
    "TableArtifact",
    "acreate_image_artifact",
    "acreate_link_artifact",
    "acreate_markdown_artifact",
    "acreate_progress_artifact",
    "acreate_table_artifact",
    "aupdate_image_artifact",
    "aupdate_progress_artifact",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_image_artifact",
    "update_progress_artifact",
]

Table = dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]
"""Columns by name, rows as mappings, or rows as lists."""


class Artifact:
    """Something a run shows to people.

    Args:
        type: what kind of artifact; pages draw the kinds they know and show the data of others as they are.
        key: name of the series it belongs to: lowercase letters, digits and dashes, at most 255.
        description: shown with it, as Markdown.
        data: what is shown.

    Raises:
        InvalidNameError: the key has other characters.
    """

    kind: ClassVar[str | None] = None

    def __init__(
        self,
        type: str | None = None,  # noqa: A002 - the field's own word
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
    ) -> None:
        self.type = type if type is not None else self.kind
        self.key = check_artifact_key(key) if key is not None else None
        self.description = description
        self.data = data

    def format(self) -> Any:
        """The data as it is recorded."""
        return plain(self.data)

    async def aformat(self) -> Any:
        """`format`, for async code."""
        return self.format()

    def create(self, client: Any = None) -> ArtifactView:
        """Record the artifact; returns it as stored.

        Args:
            client: not needed; there for files written for other orchestrators.
        """
        del client
        return _record(self.type or "unknown", self.key, self.format(), self.description)

    async def acreate(self, client: Any = None) -> ArtifactView:
        """`create`, for async code. It blocks no longer than a log line does."""
        return self.create(client)

    @classmethod
    def get(cls, key: str | None = None, client: Any = None) -> ArtifactView | None:
        """The newest artifact of a key, or None.

        Args:
            key: the series; None for the newest artifact of all.
            client: a sync client to read with; one is opened otherwise.
        """
        if client is not None:
            return _newest(client, key)
        with get_client(sync_client=True) as opened:
            return _newest(opened, key)

    @classmethod
    async def aget(cls, key: str | None = None, client: Any = None) -> ArtifactView | None:
        """`get`, for async code; the store is read in a thread."""
        import asyncio  # lazy: only async authors pay for it

        return await asyncio.to_thread(cls.get, key, getattr(client, "sync", client))

    @classmethod
    def get_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
        client: Any = None,
        **fields: Any,
    ) -> tuple[ArtifactView, bool]:
        """The newest artifact of a key, made if there is none; and whether it was made."""
        found = cls.get(key, client)
        if found is not None:
            return found, False
        if data is not None:
            fields["data"] = data
        return cls(key=key, description=description, **fields).create(), True

    @classmethod
    async def aget_or_create(
        cls,
        key: str | None = None,
        description: str | None = None,
        data: Any = None,
        client: Any = None,
        **fields: Any,
    ) -> tuple[ArtifactView, bool]:
        """`get_or_create`, for async code; the store is read in a thread."""
        found = await cls.aget(key, client)
        if found is not None:
            return found, False
        if data is not None:
            fields["data"] = data
        return cls(key=key, description=description, **fields).create(), True


class MarkdownArtifact(Artifact):
    """Text in Markdown."""

    kind = "markdown"

    def __init__(self, markdown: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=markdown)
        self.markdown = markdown


class LinkArtifact(Artifact):
    """A link, with the text that stands for it."""

    kind = "link"

    def __init__(
        self, link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
    ) -> None:
        super().__init__(key=key, description=description, data=f"[{link_text or link}]({link})")
        self.link = link
        self.link_text = link_text


class TableArtifact(Artifact):
    """A table: columns by name, rows as mappings, or rows as lists. Not-a-number cells become empty."""

    kind = "table"

    def __init__(self, table: Table, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=check_table(table))
        self.table = table


class ProgressArtifact(Artifact):
    """How far something is, in percent from 0 to 100; a number outside is moved to the nearer end with a warning."""

    kind = "progress"

    def __init__(self, progress: float, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=within_percent(progress))
        self.progress: float = self.data


class ImageArtifact(Artifact):
    """An image by its address, which must be one that the reader's browser can reach."""

    kind = "image"

    def __init__(self, image_url: str, key: str | None = None, description: str | None = None) -> None:
        super().__init__(key=key, description=description, data=image_url)
        self.image_url = image_url


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Show Markdown; returns the artifact's id.

    Raises:
        InvalidNameError: the key has more than lowercase letters, digits and dashes.
    """
    return MarkdownArtifact(markdown, key, description).create().id


async def acreate_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """`create_markdown_artifact`, for async code."""
    return create_markdown_artifact(markdown, key, description)


def create_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """Show a table given as columns by name, rows as mappings, or rows as lists; returns the artifact's id.

    Raises:
        TypeError: the table has none of these shapes.
        InvalidNameError: the key has more than lowercase letters, digits and dashes.
    """
    return TableArtifact(table, key, description).create().id


async def acreate_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """`create_table_artifact`, for async code."""
    return create_table_artifact(table, key, description)


def create_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: Any = None,
) -> UUID:
    """Show a link; returns the artifact's id.

    Raises:
        InvalidNameError: the key has more than lowercase letters, digits and dashes.
    """
    return LinkArtifact(link, link_text, key, description).create(client).id


async def acreate_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: Any = None,
) -> UUID:
    """`create_link_artifact`, for async code."""
    return create_link_artifact(link, link_text, key, description, client)


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Show an image by its address; returns the artifact's id.

    Raises:
        InvalidNameError: the key has more than lowercase letters, digits and dashes.
    """
    return ImageArtifact(image_url, key, description).create().id


async def acreate_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """`create_image_artifact`, for async code."""
    return create_image_artifact(image_url, key, description)


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Show how far something is, in percent; returns the id that `update_progress_artifact` takes.

    Raises:
        InvalidNameError: the key has more than lowercase letters, digits and dashes.
    """
    return ProgressArtifact(progress, key, description).create().id


async def acreate_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """`create_progress_artifact`, for async code."""
    return create_progress_artifact(progress, key, description)


def update_progress_artifact(
    artifact_id: UUID | str, progress: float, description: str | None = None, client: Any = None
) -> UUID:
    """Move a progress artifact; returns its id.

    Args:
        artifact_id: what `create_progress_artifact` returned, here or in another process.
        progress: percent, 0 to 100.
        description: a new description; the one it has stays otherwise.
        client: not needed; there for files written for other orchestrators.

    Raises:
        ObjectNotFound: there is no such artifact.
    """
    return _rewrite(artifact_id, "progress", within_percent(progress), description, client)


async def aupdate_progress_artifact(
    artifact_id: UUID | str, progress: float, description: str | None = None, client: Any = None
) -> UUID:
    """`update_progress_artifact`, for async code; an artifact of another process is looked up in a thread."""
    import asyncio  # lazy: only async authors pay for it

    if as_bytes(artifact_id) in _written:
        return update_progress_artifact(artifact_id, progress, description)
    return await asyncio.to_thread(
        update_progress_artifact, artifact_id, progress, description, getattr(client, "sync", client)
    )


def update_image_artifact(
    artifact_id: UUID | str, image_url: str, description: str | None = None, client: Any = None
) -> UUID:
    """Put another image in an image artifact's place, as a plot that grows; returns its id.

    Raises:
        ObjectNotFound: there is no such artifact.
    """
    return _rewrite(artifact_id, "image", image_url, description, client)


async def aupdate_image_artifact(
    artifact_id: UUID | str, image_url: str, description: str | None = None, client: Any = None
) -> UUID:
    """`update_image_artifact`, for async code; an artifact of another process is looked up in a thread."""
    import asyncio  # lazy: only async authors pay for it

    if as_bytes(artifact_id) in _written:
        return update_image_artifact(artifact_id, image_url, description)
    return await asyncio.to_thread(
        update_image_artifact, artifact_id, image_url, description, getattr(client, "sync", client)
    )


def within_percent(progress: float) -> float:
    """The number moved into 0 to 100, with a warning when it was outside."""
    inside = min(100.0, max(0.0, float(progress)))
    if inside != progress:
        warnings.warn(f"Progress {progress} is outside 0 to 100; {inside} is shown.", UserWarning, stacklevel=4)
    return inside


def check_table(table: Any) -> Table:
    """Return `table` when it is of a shape that can be shown.

    Raises:
        TypeError: it is not a mapping of columns, a list of mappings or a list of lists.
    """
    columns = isinstance(table, dict) and all(isinstance(cells, (list, tuple)) for cells in table.values())
    rows = isinstance(table, (list, tuple)) and (
        all(isinstance(row, dict) for row in table) or all(isinstance(row, (list, tuple)) for row in table)
    )
    if not columns and not rows:
        raise TypeError(
            f"A table artifact is a dict of columns, a list of dicts or a list of lists; got {type(table).__name__}. "
            "A data frame is given as frame.to_dict(orient='list')."
        )
    shape: Table = table
    return shape


def plain(value: Any) -> Any:
    """The value in what JSON knows: not-a-number becomes None, times ISO text, other objects their text."""
    if value is None or isinstance(value, (str, bool, int)):
        return _within_64_bits(value) if isinstance(value, int) else value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime, date, time)):
        return None if value != value else value.isoformat()  # noqa: PLR0124 - a missing time is not itself
    unpack = getattr(value, "item", None)  # the scalars of numeric libraries
    if callable(unpack) and getattr(value, "ndim", None) == 0:
        return plain(unpack())
    return str(value)


def _within_64_bits(value: int) -> Any:
    return value if -(1 << 63) <= value < (1 << 64) else str(value)


_written: OrderedDict[bytes, tuple[str, str | None, str | None]] = OrderedDict()
"""Type, key and description of what this process wrote lately, so that an update need not look it up."""

_REMEMBERED = 1000


def _record(
    kind: str, key: str | None, data: Any, description: str | None, artifact: bytes | None = None
) -> ArtifactView:
    here = current()
    identity = artifact if artifact is not None else here.new_id()
    flow_context, task_context = flow_var.get(), task_var.get()
    task = task_context.task_id if task_context is not None else None
    run = task_context.run if task_context is not None else None
    if run is None and flow_context is not None:
        run = flow_context.run
    now = here.clock.now_us()
    here.journal.append(ArtifactWritten(identity, run, task, now, kind, key, data, description))
    _written[identity] = (kind, key, description)
    while len(_written) > _REMEMBERED:
        _written.popitem(last=False)
    moment = datetime_of(now)
    return ArtifactView(
        id=as_uuid(identity),
        type=kind,
        key=key,
        data=data,
        description=description,
        created=moment,
        updated=moment,
        flow_run_id=as_uuid(run) if run is not None else None,
        task_run_id=as_uuid(task) if task is not None else None,
    )


def _rewrite(artifact_id: UUID | str, kind: str, data: Any, description: str | None, client: Any) -> UUID:
    identity = as_bytes(artifact_id)
    known = _written.get(identity)
    if known is None:
        known = _look_up(identity, client)
    before, key, described = known
    if before != kind:
        raise ObjectNotFound(f"Artifact {as_uuid(identity)} is a {before} artifact, not a {kind} artifact.")
    return _record(kind, key, data, description if description is not None else described, identity).id


def _look_up(identity: bytes, client: Any) -> tuple[str, str | None, str | None]:
    if client is not None:
        found = client.read_artifact(as_uuid(identity))
    else:
        with get_client(sync_client=True) as opened:
            found = opened.read_artifact(as_uuid(identity))
    return found.type, found.key, found.description


def _newest(client: Any, key: str | None) -> ArtifactView | None:
    found = client.read_artifacts(keys=[key] if key is not None else None, limit=1)
    return found[0] if found else None
