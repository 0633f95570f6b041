"""Measure fillwright beside other tools on the same decisions: `make bench`, or

    python benchmarks/harness.py [--repeats 5] [--only NAME ...] [--part speed|startup] [--out FOLDER]

Every program runs in a process of its own on one core; the programs take turns, so that a slow moment of the machine meets all of
them. A time counts only if the program took exactly the decisions of the yardstick. Results go to benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import inputs
import startup
from side import DATA, HERE, PROGRAMS, YARDSTICK, Program, once, one_core, version

SCENARIOS = {"minute": "bars", "portfolio": "bars", "quotes": "quotes"}
"""What one row of data is in each scenario."""
WARM_BARS = 2_000
EQUITY_TOLERANCE = {"next_open": 1e-9, "same_close": 1e-7, "same_quote": 1e-7}
"""Largest relative difference of the final equity where it is compared; nautilus_trader rounds fees to cents."""


def say(text: str) -> None:
    """Progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def references(programs: list[Program], core: int) -> dict[tuple[str, int], dict[str, Any]]:
    """What the yardstick decides, for every scenario and number of bars that is run."""
    bare = {p.scenario: p for p in PROGRAMS if p.name == YARDSTICK}
    found = {}
    for scenario, bars in sorted({(p.scenario.partition(":")[0], p.bars) for p in programs}):
        same = bare[scenario]
        answer = once(Program(same.name, same.package, same.venv, same.script, scenario, bars), core)
        if "error" in answer:
            sys.exit(f"the yardstick itself failed: {answer['error']}")
        found[scenario, bars] = answer
    return found


def judge(answer: dict[str, Any], reference: dict[str, Any], scenario: str) -> str | None:
    """Why a run does not count, or None."""
    if "error" in answer:
        return f"{answer['error']}"
    if answer["decisions"] != reference["decisions"]:
        return f"other decisions ({answer['orders']} orders, the yardstick has {reference['orders']})"
    if scenario == "portfolio":
        return None  # sizes follow from equity, which depends on when the tool values it; only what is held is compared
    if answer.get("fills") != reference.get("fills"):
        return "other prices or quantities filled"
    key = "equity_same_close" if answer["filled_at"] == "same_close" else "equity"
    expected, got = reference[key], answer["equity"]
    if abs(got - expected) > EQUITY_TOLERANCE[answer["filled_at"]] * expected:
        return f"final equity {got:.2f}, expected {expected:.2f}"
    return None


def measure(programs: list[Program], repeats: int, core: int) -> list[dict[str, Any]]:
    """All programs in turn, ``repeats`` times; one row each."""
    expected = references(programs, core)
    own = next((program for program in programs if program.script == "ours.py"), None)
    if own is not None:  # the kernel is compiled before anything is measured
        once(replace(own, bars=WARM_BARS), core)
    runs: dict[int, list[dict[str, Any]]] = {k: [] for k in range(len(programs))}
    refused: dict[int, str] = {}
    for turn in range(repeats):
        for k, program in enumerate(programs):
            if k in refused:
                continue
            scenario = program.scenario.partition(":")[0]
            answer = once(program, core)
            reason = judge(answer, expected[scenario, program.bars], scenario)
            if reason:
                refused[k] = reason
            else:
                runs[k].append(answer)
            say(f"{turn + 1}/{repeats} {program.name} {program.scenario}: {reason or format(answer['seconds'], '.4g') + ' s'}")
    return [row(program, runs[k], refused.get(k)) for k, program in enumerate(programs)]


def row(program: Program, runs: list[dict[str, Any]], refused: str | None) -> dict[str, Any]:
    """Median and spread of the runs that count, and the facts beside them."""
    out: dict[str, Any] = {"name": program.name, "scenario": program.scenario, "version": version(program), "refused": refused}
    if refused or not runs:
        return out
    seconds = [run["seconds"] for run in runs]
    median, bars = statistics.median(seconds), runs[0]["bars"]
    extra = {key: statistics.median(r[key] for r in runs) for key in runs[0] if key.startswith("seconds_")}
    return out | extra | {
        "seconds": median,
        "fastest": min(seconds),
        "slowest": max(seconds),
        "turns": seconds,
        "bars": bars,
        "bars_per_second": bars / median,
        "orders": runs[0]["orders"],
        "filled_at": runs[0]["filled_at"],
        "equity": runs[0]["equity"],
        "peak_mib": max(run["peak_mib"] for run in runs),
    }  # fmt: skip


def machine(core: int) -> dict[str, Any]:
    """What was measured on; nothing that names the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "pinned_to_core": core,
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "load_average_at_start": tuple(round(load, 2) for load in os.getloadavg()),
    }


def ratio(row: dict[str, Any], base: dict[str, Any] | None) -> str:
    """How many times as long as another program it took per bar, turn by turn: median (smallest - largest)."""
    if base is None or row is base:
        return "-"
    found = [mine / row["bars"] / (other / base["bars"]) for mine, other in zip(row["turns"], base["turns"], strict=True)]
    middle, least, most = (f"{x:,.0f}" if x >= 100 else f"{x:.3g}" for x in (statistics.median(found), min(found), max(found)))
    return f"{middle}x ({least} - {most})"


def table(rows: list[dict[str, Any]], scenario: str) -> list[str]:
    """Markdown of one scenario."""
    mine = [r for r in rows if r["scenario"] == scenario]
    mine += [r for r in rows if r["scenario"].startswith(scenario + ":")]
    counted = [r for r in mine if "seconds" in r]
    ours = next((r for r in counted if r["name"].startswith("fillwright")), None)
    bare = next((r for r in counted if r["name"] == YARDSTICK), None)
    unit, first = SCENARIOS[scenario], "fillwright" if ours is None else ours["name"]
    lines = [
        f"| program | version | {unit} | orders | median s | fastest - slowest | {unit}/s | times {first} | times the bare loop "
        "| fills at | peak MiB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    for r in sorted(mine, key=lambda r: -r.get("bars_per_second", 0)):
        if "seconds" not in r:
            lines.append(f"| {r['name']} | {r['version']} | - | - | not counted: {r['refused']} | | | | | | |")
            continue
        lines.append(
            f"| {r['name']} | {r['version']} | {r['bars']:,} | {r['orders']:,} | {r['seconds']:.4g} "
            f"| {r['fastest']:.4g} - {r['slowest']:.4g} | {r['bars_per_second']:,.0f} | {ratio(r, ours)} | {ratio(r, bare)} "
            f"| {r['filled_at']} | {r['peak_mib']:.0f} |"
        )
    return lines


def write(folder: Path, rows: list[dict[str, Any]], starts: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """The JSON files and results.md; a part that was not measured this time is taken from its file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("speed", rows), ("startup", starts)):
        if part:
            (folder / f"{name}.json").write_text(json.dumps({"machine": facts, "rows": part}, indent=1) + "\n")
    text = ["# Results", "", "Written by `make bench`; how to read it: [../README.md](../README.md).", ""]
    for name in ("speed", "startup"):
        file = folder / f"{name}.json"
        if not file.exists():
            continue
        content = json.loads(file.read_text())
        about = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in content["machine"].items())
        if name == "speed":
            measured = {r["scenario"].partition(":")[0] for r in content["rows"]}
            for scenario in (name for name in SCENARIOS if name in measured):
                text += [f"## Speed: {scenario}", "", about, "", *table(content["rows"], scenario), ""]
        else:
            text += ["## Start-up and memory", "", about, "", *startup.table(content["rows"]), ""]
    (folder / "results.md").write_text("\n".join(text))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure fillwright beside other tools.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="names of programs, e.g. vectorbt fillwright")
    parser.add_argument("--part", choices=["speed", "startup"], help="only this part")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    known = {program.name for program in PROGRAMS}
    if wrong := set(args.only) - known:
        parser.error(f"unknown: {', '.join(sorted(wrong))}; there are: {', '.join(sorted(known))}")
    core = one_core()
    facts = machine(core)
    inputs.make(DATA)
    chosen = [p for p in PROGRAMS if not args.only or p.name in args.only]
    rows = measure(chosen, args.repeats, core) if args.part != "startup" else []
    starts = startup.measure(args.repeats, core) if args.part != "speed" else []
    write(args.out, rows, starts, facts)
    print((args.out / "results.md").read_text())


if __name__ == "__main__":
    main()
