"""Statements that are asked so often that what SQLAlchemy does at each execution of its constructs
(a key for its cache, processors of results) costs more than the database does."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """The text for the driver, and the order of its parameters if it takes them by place. Values
    are bound by the driver as ever, and come back as it gives them."""

    sql: str
    names: tuple[str, ...] | None

    def execute(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        if self.names is None:
            return connection.exec_driver_sql(self.sql, values)
        return connection.exec_driver_sql(self.sql, tuple(values[name] for name in self.names))


def compile_once(statement: Executable, dialect: Dialect) -> CompiledStatement:
    """For a statement whose parameters all are `bindparam`s with a name and without a value."""
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    return CompiledStatement(str(compiled), compiled.positiontup and tuple(compiled.positiontup))
