"""The schemas that a federation has had: each extends the one before, and what was counted under any still adds up."""

from __future__ import annotations

from dataclasses import dataclass

from fedpeer.core.errors import MismatchError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.extension import embed, extended, extends, project
from fedpeer.core.statistics.noised import Variances
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary


@dataclass(frozen=True, slots=True)
class Lineage:
    """The schemas of a federation, the oldest first; there is always one."""

    schemas: tuple[Schema, ...]

    @property
    def newest(self) -> Schema:
        """The schema that rows are counted under now."""
        return self.schemas[-1]

    def grown(self, additions: Additions) -> Lineage:
        """The lineage with one more schema; SchemaError where these cannot be added."""
        return Lineage((*self.schemas, extended(self.newest, additions)))

    def find(self, digest: str) -> Schema:
        """The schema of this digest; MismatchError if the federation never had it."""
        for schema in reversed(self.schemas):
            if schema.digest == digest:
                return schema
        raise MismatchError("counted under a schema that the federation never had, or does not have yet")

    def agreed(self, digest: str) -> Schema:
        """The schema of this digest; the oldest, which all have agreed to, if there is none."""
        return next((schema for schema in self.schemas if schema.digest == digest), self.schemas[0])

    def read(self, data: bytes, noise: Variances = ()) -> Summary:
        """Read the bytes of a summary under any of the schemas, as one of the newest; MalformedError, MismatchError."""
        # Where there is but one, the bytes need not be decoded twice: whether they are of it is seen below.
        schema = self.newest if len(self.schemas) == 1 else self.find(Summary.schema_of(data))
        return self.embed(Summary.from_bytes(data, schema, noise))

    def embed(self, summary: Summary) -> Summary:
        """The same rows under the newest schema; SchemaError if its own is none of these."""
        return embed(summary, self.newest)

    def forms(self, summary: Summary) -> list[Summary]:
        """What can have been counted of the same rows, under the newest schema: the most first, then ever less."""
        older = [schema for schema in reversed(self.schemas[:-1]) if extends(schema, summary.schema)]
        return [self.embed(summary), *(self.embed(project(summary, schema)) for schema in older)]

    def views(self, summary: Summary) -> frozenset[str]:
        """The digests of the same rows under each of the schemas, as far as each tells of them."""
        older = (project(summary, schema).digest for schema in self.schemas if extends(schema, summary.schema))
        return frozenset((summary.digest, *older))

    def lean(self, summary: Summary) -> Summary:
        """The same under the oldest schema that has all of it: the one thing that stays as it is while schemas grow."""
        for schema in self.schemas[:-1]:
            old = project(summary, schema)
            if embed(old, summary.schema) == summary:
                return old
        return summary
