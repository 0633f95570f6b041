"""The developer's commands: python3 dev.py COMMAND [arguments], or `make COMMAND`.

    demo    run examples/demo.yaml and verify the folder it leaves behind
    test    lint, types and tests: all of them, then again with bounds checks, then without compilation
    check   the tests that need more than Python: a browser, mutated sources
    sim     seeded random simulation; a new seed each time, printed; SEED=n repeats one
    bench   measure against other tools in an environment of their own
    docs    write the generated pages of docs/ again
    lint    ruff and mypy only
    clean   remove everything that the other commands made, virtual environments included

Needs nothing but the standard library; each command first makes the virtual environment it runs in. This file must also be
readable by Python 3.6, so that an old interpreter can say what is missing.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
CACHE = os.path.join(HERE, ".cache")
OLDEST, OLDEST_TEXT = (3, 11), "3.11"
OTHER_NAMES = ("python3.13", "python3.12", "python3.11", "python3.14")

# What a virtual environment may hold: the arguments of the pip calls that fill it, in order.
# arch is wanted for the daily index series among its files; its own dependencies are not.
PINS = ["-c", "constraints.txt"]
CONTENTS = {
    "demo": [[*PINS, "-e", "."], [*PINS, "--no-deps", "arch"]],
    "dev": [[*PINS, "-e", ".[dev]"], [*PINS, "--no-deps", "arch"]],
}

GENERATED_DOCS = (
    ("docs/configuration.md", "fillwright.config.docs", "markdown"),
    ("docs/metrics.md", "fillwright.analytics.definitions", "markdown"),
    ("docs/order_manager.md", "fillwright.result.manager", "markdown"),
    ("docs/result_folder.md", "fillwright.result.reference", "markdown"),
)


def say(text):
    """One line of progress, in order with what the commands print."""
    print("== " + text, flush=True)


def fail(text):
    """End with a message and exit code 1."""
    sys.exit("dev.py: " + text)


# ---------------------------------------------------------------- environments


def version_of(python):
    """(major, minor) of that interpreter, or None if it does not start."""
    try:
        out = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=True,
        ).stdout.split()
        return (int(out[0]), int(out[1]))
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def find_python():
    """An interpreter that is new enough: the one running this file, else one from PATH."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for name in OTHER_NAMES:
        path = shutil.which(name)
        if path and (version_of(path) or (0, 0)) >= OLDEST:
            say(f"Python {sys.version_info[0]}.{sys.version_info[1]} is older than {OLDEST_TEXT}; using {name}")
            return path
    return fail(
        "fillwright needs Python {} or newer; {} is {}.{}.{}, and none of {} was found on PATH.\n"
        "Install one, or name it: make PYTHON=/path/to/python3.12 test".format(
            OLDEST_TEXT, sys.executable, *sys.version_info[:3], ", ".join(OTHER_NAMES)
        )
    )


def python_in(venv):
    """Path of the interpreter inside a virtual environment."""
    return os.path.join(venv, "Scripts", "python.exe") if os.name == "nt" else os.path.join(venv, "bin", "python")


def fingerprint(calls):
    """Hash of what the pip calls depend on: their words and the files that say what to install."""
    digest = hashlib.sha256(json.dumps(calls).encode())
    names = {"pyproject.toml"} | {word for call in calls for word in call if word.endswith(".txt")}
    for name in sorted(names):
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def ensure(venv, content, calls, python=None):
    """Make ``venv`` and run the pip calls in it, unless that was done before. Returns its interpreter."""
    inside, stamp = python_in(venv), os.path.join(venv, "installed-" + content)
    wanted = fingerprint(calls)
    if os.path.exists(stamp) and version_of(inside):
        with open(stamp) as file:
            if file.read() == wanted:
                return inside
    if (version_of(inside) or (0, 0)) < OLDEST:
        say("making " + os.path.relpath(venv, HERE))
        if subprocess.run([python or find_python(), "-m", "venv", "--clear", venv]).returncode:
            shutil.rmtree(venv, ignore_errors=True)
            fail("no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv")
    for call in calls:
        say("pip install " + " ".join(call))
        command = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *call]
        if subprocess.run(command, cwd=HERE).returncode:
            fail("pip could not install what is listed above; the same command goes on from here")
    with open(stamp, "w") as file:
        file.write(wanted)
    return inside


def environment(**changes):
    """The environment variables of every command: one cache of compiled kernels, sources of this tree."""
    env = dict(os.environ, PYTHONPATH=os.path.join(HERE, "src"), PYTHONUNBUFFERED="1")
    env.setdefault("FILLWRIGHT_CACHE", os.path.join(CACHE, "numba"))
    for name in ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK", "NUMBA_CACHE_DIR"):
        env.pop(name, None)
    env.update(changes)
    return env


def call(title, command, env=None):
    """Run a step. Returns whether it succeeded."""
    say(title)
    started = time.time()
    code = subprocess.run(command, cwd=HERE, env=env or environment()).returncode
    say("{}: {} after {:.0f} s".format(title, "ok" if code == 0 else f"FAILED ({code})", time.time() - started))
    return code == 0


# ---------------------------------------------------------------- commands


def lint_steps(python):
    """The steps of `make lint`, each (title, whether it succeeded)."""
    return [
        ("ruff", call("ruff", [python, "-m", "ruff", "check", "."])),
        ("mypy", call("mypy --strict src", [python, "-m", "mypy", "--strict", "src"])),
    ]


def pytest_step(python, title, args, **changes):
    """Run pytest; tests/conftest.py leaves what it counted in a file. Returns (title, ok, counts)."""
    counts_file = os.path.join(CACHE, "counts.json")
    os.makedirs(CACHE, exist_ok=True)
    if os.path.exists(counts_file):
        os.remove(counts_file)
    ok = call(title, [python, "-m", "pytest", *args], environment(FILLWRIGHT_COUNTS=counts_file, **changes))
    counts = {}
    if os.path.exists(counts_file):
        with open(counts_file) as file:
            counts = json.load(file)
    return title, ok, counts


def conclude(steps, pytest_steps):
    """Print what ran, what did not and where it runs; end with 1 if anything failed."""
    print()
    for title, ok in steps:
        print("  {:<34} {}".format(title, "ok" if ok else "FAILED"))
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for title, ok, counts in pytest_steps:
        numbers = {name: counts.get(name, 0) for name in total}
        for name in total:
            total[name] += numbers[name]
        text = ", ".join(f"{number} {name}" for name, number in numbers.items())
        if not any(numbers.values()):
            text = "no test ran; a step that runs nothing shows nothing"
        print("  {:<34} {}: {}".format(title, "ok" if ok else "FAILED", text))
    left_out = {}
    for _, _, counts in pytest_steps:
        for reason, number in counts.get("left_out", {}).items():
            left_out[reason] = max(number, left_out.get(reason, 0))
    if left_out:
        print("\n  not run here:")
        for reason, number in sorted(left_out.items()):
            print(f"    {number:>4} {reason}")
    print()
    if pytest_steps:
        print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    sys.exit(0 if all(ok for _, ok in steps) and all(step[1] for step in pytest_steps) else 1)


def demo(args):
    """Run the example and verify what it left behind."""
    python = ensure(VENV, "demo", CONTENTS["demo"])
    out = os.path.join("runs", "demo")
    program = [python, "-m", "fillwright"]
    if not call("fillwright run examples/demo.yaml", [*program, "run", "examples/demo.yaml", "--out", out, *args]):
        sys.exit(1)
    sys.exit(0 if call("fillwright verify " + out, [*program, "verify", out]) else 1)


def test(args):
    """All that must hold before a change lands."""
    python = ensure(VENV, "dev", CONTENTS["dev"])
    steps = lint_steps(python)
    runs = [
        pytest_step(python, "tests", args),
        pytest_step(python, "tests with bounds checks", ["-m", "(kernel or scenario) and not sim", *args], NUMBA_BOUNDSCHECK="1"),
        pytest_step(python, "tests without compilation", ["-m", "nojit and not sim", *args], NUMBA_DISABLE_JIT="1"),
    ]
    conclude(steps, runs)


def check(args):
    """The tests that need a browser or change the sources."""
    python = ensure(VENV, "dev", CONTENTS["dev"])
    conclude([], [pytest_step(python, "browser and mutation tests", ["-m", "browser or mutation", *args])])


def sim(args):
    """Random simulation; every failure can be repeated by its seed."""
    python = ensure(VENV, "dev", CONTENTS["dev"])
    seed = os.environ.get("SEED") or str(int.from_bytes(os.urandom(4), "little"))
    say(f"seed {seed}; repeat with: make sim SEED={seed}")
    run = pytest_step(
        python, "simulation, seed " + seed, ["-m", "sim", "--hypothesis-seed=" + seed, *args],
        FILLWRIGHT_PROFILE="sim", FILLWRIGHT_SEED=seed,
    )  # fmt: skip
    conclude([], [run])


def bench(args):
    """Measure; see benchmarks/README.md. The side environments are made by the harness."""
    python = ensure(VENV, "dev", CONTENTS["dev"])
    sys.exit(0 if call("benchmarks", [python, os.path.join("benchmarks", "harness.py"), *args]) else 1)


def docs(args):
    """Write the generated pages again."""
    python = ensure(VENV, "dev", CONTENTS["dev"])
    program = (
        "import importlib, pathlib, sys\n"
        "path, module, function = sys.argv[1:]\n"
        "text = getattr(importlib.import_module(module), function)()\n"
        "pathlib.Path(path).write_text(text, encoding='utf-8')\n"
    )
    done = [call(path, [python, "-c", program, path, module, name]) for path, module, name in GENERATED_DOCS]
    sys.exit(0 if all(done) else 1)


def lint(args):
    """ruff and mypy."""
    conclude(lint_steps(ensure(VENV, "dev", CONTENTS["dev"])), [])


def clean(args):
    """Remove what the other commands made."""
    made = [".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "runs", "dist", "benchmarks/data"]
    made += [name for name in os.listdir(HERE) if name.startswith(".venv")]
    for name in made:
        shutil.rmtree(os.path.join(HERE, name), ignore_errors=True)
    for root in ("src", "tests", "benchmarks"):
        for folder, names, _ in os.walk(os.path.join(HERE, root)):
            if "__pycache__" in names:
                shutil.rmtree(os.path.join(folder, "__pycache__"), ignore_errors=True)


COMMANDS = {"demo": demo, "test": test, "check": check, "sim": sim, "bench": bench, "docs": docs, "lint": lint, "clean": clean}


def main():
    """Run the command named by the first argument."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(__doc__)
        sys.exit(0 if sys.argv[1:] in ([], ["help"], ["-h"], ["--help"]) else 2)
    os.chdir(HERE)
    COMMANDS[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    main()
