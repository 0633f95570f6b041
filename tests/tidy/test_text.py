"""What no file of the repository may say: places of one machine, registries' addresses, how the work was organised."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT_SUFFIXES = {"", ".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".ini", ".sh", ".html", ".css", ".js", ".csv"}
SKIP = ("benchmarks/results/",)

BANNED = {
    "a path of one machine": re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:work|root|home/\w+)/|\.librar" r"y/"),
    "a registry's address": re.compile(r"https?://[^\s/\"']*(?:py" r"pi|pythonhosted|np" r"mjs|artifactory)", re.I),
    "an index option": re.compile(r"--(?:extra-)?index" r"-url"),
    "how the work was organised": re.compile(
        r"\bissue #\d|\bsub-?agents?\b|\b(?:coding|AI) (?:agent|assistant)|\blanguage " r"model\b|\bthis working " r"session\b"
        r"|\b(?:as|per) (?:the )?brief\b",
        re.I,
    ),
}  # fmt: skip


def tracked() -> list[Path]:
    """Files that are or could be committed."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if out.returncode:
        pytest.skip("not a git work tree")
    files = [ROOT / name for name in out.stdout.split("\0") if name and not name.startswith(SKIP)]
    return [path for path in files if path.is_file() and path.suffix in TEXT_SUFFIXES]


@pytest.mark.parametrize("what", BANNED)
def test_no_file_says(what: str) -> None:
    found = []
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if BANNED[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    "what, line",
    [
        ("a path of one machine", "open('/{}/x')".format("work")),
        ("a path of one machine", "cd /{}/somebody/x".format("home")),
        ("a registry's address", "see https://{}.org/project".format("pypi")),
        ("an index option", "pip install --index{} x".format("-url")),
        ("how the work was organised", f"done for issue #{12}"),
    ],
)
def test_the_patterns_find(what: str, line: str) -> None:
    assert BANNED[what].search(line)


def test_configured_registry_is_not_named() -> None:
    out = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s']+", out)} - {None}
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in tracked()}
    assert [(str(path), host) for path, text in texts.items() for host in hosts if host in text] == []


def test_no_file_is_named_like_a_copy() -> None:
    pattern = re.compile(r"(_v[0-9]|_old|_new|_fixed|_improved|\.bak|\.orig|~)(\.|$)")
    assert [str(path) for path in tracked() if pattern.search(path.name)] == []
