"""``docs/result_folder.md``, written from the column table."""

from __future__ import annotations

from collections.abc import Iterator

from fillwright.journal import NUMBERS
from fillwright.model.columns import FILES, SCHEMA_VERSION, Column, Table
from fillwright.result.tables import DECIMAL_DIGITS, UNITS, WIDE_DIGITS

_FILES = (
    (
        "`run.json`",
        "what was run: effective configuration, instruments, currencies, names, counters, seed, versions, fingerprints, state "
        "and error, where it was forked, warnings, data digest and findings; only its `timings` differ between two equal runs",
    ),
    ("`summary.json`", "the figures with their definitions, the funnel, refusals, assumptions"),
    ("one Parquet file per table below", "the records"),
    (
        "`certificate.json`",
        "what was compared when the run ended, with residuals, and the SHA-256 of every other file; written last, sealed with a "
        "hash of itself",
    ),
    ("`report.html`", "the report, when it was asked for"),
)

_HEAD = f"""# The result folder

<!-- Generated from the column table (fillwright.result.reference); `make docs` writes it again. -->

A run leaves a folder behind, all of it or nothing. `fillwright verify FOLDER` recomputes it, `fillwright report FOLDER` draws it.

| file | what it holds |
|---|---|
{"".join(f"| {file} | {content} |" + chr(10) for file, content in _FILES)}
A failed or interrupted run is saved too: `state` and `error` say so, and the tables hold what was recorded until then. A folder of
state `imported` holds trades of another system: only trades and equity have rows, and `run.json` says under `imported` where they
came from, what was assumed and what was found.

## How values are stored

* Schema version {SCHEMA_VERSION}, in the metadata of every Parquet file. Columns may be added in a later version of
  fillwright, never changed.
* Prices, quantities and money are `DECIMAL({DECIMAL_DIGITS}, scale)` stored as 64-bit integers. One column has one scale: the
  largest that any instrument or currency of the run needs. A column with a value of more than {DECIMAL_DIGITS} digits is
  `DECIMAL({WIDE_DIGITS}, scale)` instead.
* Times are ns since 1970 in UTC; never is null.
* Codes and names are dictionaries of text, codes in lower case; no name is null. Row numbers are whole numbers, none is -1.
* The metadata of each column carry `kind`, `unit`, `role` and `meaning`.
* *input* columns are facts that nothing else in the folder implies. *derived* columns follow from others:
  `fillwright verify` recomputes each of them and compares cell by cell.
"""


def markdown() -> str:
    """The page: what is in the folder, and every column of every table."""
    return "\n".join([_HEAD, *(line for table in FILES for line in _table(table))])


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.name}.parquet"
    yield ""
    yield f"{table.meaning[0].upper()}{table.meaning[1:]}."
    yield ""
    yield "| column | stored as | unit | role | meaning |"
    yield "|---|---|---|---|---|"
    for column in table.canonical:
        meaning = column.meaning
        if column.codes is not None and column.kind == "code":
            meaning += ": " + ", ".join(f"`{member.name.lower()}`" for member in column.codes)
        elif column.codes is not None:
            meaning += ": " + ", ".join(f"{member.value} {member.name.lower()}" for member in column.codes if member.value)
        yield f"| `{column.name}` | {_stored(column)} | {UNITS[column.kind]} | {column.role} | {meaning} |"
    yield ""


def _stored(column: Column) -> str:
    if column.kind in NUMBERS:
        return "decimal"
    return {"time": "timestamp", "code": "text", "name": "text"}.get(column.kind, "int64")
