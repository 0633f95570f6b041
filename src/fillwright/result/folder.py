"""The result folder: written at once or not at all, read back as the same numbers.

``run.json`` says what was run, ``summary.json`` holds the figures, one Parquet file holds each table, and ``certificate.json``,
written last, holds what was compared and the SHA-256 of every other file. Bytes are the same for the same run, but for the
``timings`` in ``run.json`` (and with them its hash).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fillwright.analytics.metrics import Metric
from fillwright.config.schema import Config
from fillwright.errors import CheckFailed, UsageError
from fillwright.journal import Names, Records, RunRecord
from fillwright.model.codes import RunState
from fillwright.model.columns import FILES, SCHEMA_VERSION
from fillwright.model.instrument import Currency, Instrument
from fillwright.result import stand_in
from fillwright.result.certificate import Certificate
from fillwright.result.tables import RunTables, from_arrow

FORMAT = "fillwright result"
IMPORTED = "imported"
"""State of a folder that holds trades of another system; see :mod:`fillwright.result.imported`."""

MACHINE = ("_s", "_seconds", "_bytes")
"""Endings of keys of ``RunRecord.info`` that measure the machine rather than the run."""


def run_facts(record: RunRecord, settled: bool) -> dict[str, Any]:
    """The content of run.json."""
    info = {key: value for key, value in record.info.items() if not key.endswith(MACHINE)}
    state = RunState.SAVED if record.state is RunState.RECONCILED and settled else record.state
    market = record.market
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "state": state.name.lower(),
        "error": record.error,
        "error_at": record.error_at,
        "config": record.config.canonical(),
        "instruments": [instrument_facts(instrument) for instrument in market.instruments],
        "currencies": [{"code": currency.code, "decimals": currency.decimals} for currency in record.currencies],
        "fx": [None if fx is None else {"instrument": fx.instrument, "inverse": fx.inverse} for fx in record.fx],
        "names": {"strategies": record.names.strategies, "tags": record.names.tags, "rules": record.names.rules},
        "counters": dict(sorted(record.counters.items())),
        "info": dict(sorted(info.items())),
        "warnings": record.warnings,
        "data": {
            "digest": market.digest,
            "findings": [str(finding) for finding in market.findings],
            "timeframes": [market.execution_feed(i).timeframe_ns for i in range(len(market.instruments))],
        },
        "timings": {key: value for key, value in sorted(record.info.items()) if key.endswith(MACHINE)},
    }


def instrument_facts(instrument: Instrument) -> dict[str, Any]:
    """An instrument as it stands in run.json."""
    return {
        "symbol": instrument.symbol,
        "quote": instrument.quote,
        "price_decimals": instrument.price_decimals,
        "quantity_decimals": instrument.quantity_decimals,
        "multiplier": str(instrument.multiplier),
        "tick": instrument.tick,
        "timezone": instrument.timezone,
        "session": list(instrument.session),
        "base": instrument.base,
    }


def metric_facts(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """The figures as they stand in summary.json."""
    return {
        name: {
            "value": metric.value,
            "unit": metric.unit,
            "definition": metric.definition,
            "frequency": metric.frequency,
            "annualisation": metric.annualisation,
            "reason": metric.reason,
        }
        for name, metric in metrics.items()
    }


def to_json(value: object) -> bytes:
    """Canonical bytes of plain values: sorted keys, one space of indentation, UTF-8."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_table(tables: RunTables, name: str, path: Path) -> None:
    """One table as a Parquet file."""
    import pyarrow.parquet as pq

    columns = tables.table(name).canonical
    texts = [column.name for column in columns if column.kind in ("code", "name")]
    packed = {column.name: "DELTA_BINARY_PACKED" for column in columns if column.name not in texts}
    arrow = tables.arrow(name)
    for column, field in zip(columns, arrow.schema, strict=True):
        if str(field.type).startswith("decimal128(38"):
            # Values beyond 18 digits are stored as bytes, which take another encoding.
            del packed[column.name]
    pq.write_table(arrow, path, compression="zstd", store_decimal_as_integer=True, use_dictionary=texts, column_encoding=packed)


def save(
    folder: str | os.PathLike[str],
    tables: RunTables,
    run: Mapping[str, Any],
    summary: Mapping[str, Any],
    certificate: Certificate,
    report: Callable[[Path], object] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a result folder; ``report`` writes report.html into it. Nothing is left behind when anything fails.

    UsageError when the folder exists and is not a result, or is one and ``overwrite`` was not said.
    """
    target = Path(folder).absolute()
    _may_write(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = work / "fresh"
        fresh.mkdir()
        for table in FILES:
            write_table(tables, table.name, fresh / f"{table.name}.parquet")
        (fresh / "run.json").write_bytes(to_json(run))
        (fresh / "summary.json").write_bytes(to_json(summary))
        if report is not None:
            report(fresh / "report.html")
        (fresh / "certificate.json").write_bytes(_sealed(certificate, fresh))
        if target.exists():
            target.rename(work / "before")
        fresh.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _sealed(certificate: Certificate, folder: Path) -> bytes:
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    content = {"format": FORMAT, "schema_version": SCHEMA_VERSION, **certificate.to_dict(), "sha256": files}
    # The certificate cannot hold its own hash, so it holds that of everything else in it.
    return to_json({**content, "seal": hashlib.sha256(to_json(content)).hexdigest()})


def _may_write(target: Path, overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise UsageError(f"{target} exists and is no folder", remedy="choose another folder for the result")
    if not any(target.iterdir()):
        return
    if not is_result(target):
        raise UsageError(f"{target} holds something else than a result", remedy="choose an empty or another folder")
    if not overwrite:
        raise UsageError(f"{target} holds a result already", remedy="choose another folder, or say overwrite=True")


def is_result(folder: Path) -> bool:
    """Whether a folder was written by :func:`save`."""
    try:
        content = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


@dataclass(frozen=True)
class Content:
    """A result folder read back: the same tables, names and figures; the market's bars are not in it."""

    folder: Path
    run: Mapping[str, Any]
    summary: Mapping[str, Any]
    certificate: Mapping[str, Any]
    tables: RunTables

    @property
    def metrics(self) -> dict[str, Metric]:
        """The figures as they were saved."""
        return {name: Metric(name=name, **facts) for name, facts in self.summary["metrics"].items()}

    @cached_property
    def record(self) -> RunRecord:
        """The run as a record. Its market is a stand-in made from the saved marks: closes only, where a mark is known."""
        run = self.run
        if run["state"] == IMPORTED:
            raise UsageError(
                "holds trades of another system: there are no orders and fills to draw or explain", where=str(self.folder),
                remedy="`fillwright verify` checks it, `fillwright compare` puts a run beside it",
            )  # fmt: skip
        return RunRecord(
            tables={**self.tables.records, "lots": stand_in.lots(self.tables)},
            market=stand_in.market(self.tables, run),
            instants=np.ascontiguousarray(self.tables.records["equity"]["instant"]),
            equity=np.ascontiguousarray(self.tables.records["equity"]["equity"]),
            names=self.tables.names,
            currencies=self.tables.currencies,
            fx=stand_in.sources(run),
            config=Config.from_dict(run["config"]),
            counters=run["counters"],
            state=RunState[run["state"].upper()],
            error=run["error"],
            error_at=run["error_at"],
            warnings=tuple(run["warnings"]),
            info={**run["info"], **run["timings"]},
        )


def load(folder: str | os.PathLike[str]) -> Content:
    """Read a result folder; CheckFailed naming the file that is missing, unreadable or of another version."""
    base = Path(folder)
    if not base.is_dir():
        raise UsageError(f"{base} is no folder", remedy="give the folder of a saved run")
    run, summary, certificate = (read_json(base / name) for name in ("run.json", "summary.json", "certificate.json"))
    if run.get("format") != FORMAT or run.get("schema_version") != SCHEMA_VERSION:
        raise CheckFailed(
            f"not a result of schema version {SCHEMA_VERSION}: {run.get('format')!r}, {run.get('schema_version')!r}",
            where=str(base / "run.json"),
            remedy="read it with the version that wrote it",
        )
    try:
        tables = _tables(base, run)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CheckFailed(f"cannot be used: {type(error).__name__}: {error}", where=str(base / "run.json")) from error
    return Content(base, run, summary, certificate, tables)


def _tables(base: Path, run: Mapping[str, Any]) -> RunTables:
    instruments = tuple(stand_in.instrument(facts) for facts in run["instruments"])
    currencies = tuple(Currency(facts["code"], facts["decimals"]) for facts in run["currencies"])
    names = Names(
        tuple(run["names"]["strategies"]),
        tuple(instrument.symbol for instrument in instruments),
        tuple(run["names"]["tags"]),
        tuple(run["names"]["rules"]),
        tuple(currency.code for currency in currencies),
    )
    tables = RunTables({}, names, instruments, currencies)
    records: dict[str, Records] = {}
    for table in FILES:
        symbols = records["orders"]["symbol"] if "orders" in records else None
        path = base / f"{table.name}.parquet"
        try:
            records[table.name] = from_arrow(table, _read_parquet(path), names, tables.scales, symbols)
        except UsageError as error:
            raise CheckFailed(error.message, where=str(path), remedy=error.remedy) from error
    return RunTables(records, names, instruments, currencies)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a result folder; CheckFailed naming the file."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckFailed(f"cannot be read: {error.strerror}", where=str(path), remedy="give the folder of a run") from error
    except ValueError as error:
        raise CheckFailed(f"is not JSON: {error}", where=str(path), remedy="the file was changed; run again") from error
    if not isinstance(content, dict):
        raise CheckFailed("is not a JSON object", where=str(path), remedy="the file was changed; run again")
    return content


def _read_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except FileNotFoundError as error:
        raise CheckFailed("is missing", where=str(path), remedy="the folder is not complete; run again") from error
    except (OSError, pa.ArrowException) as error:
        raise CheckFailed(f"cannot be read: {error}", where=str(path), remedy="the file was changed; run again") from error
