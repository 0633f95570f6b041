"""Whether the files are still the ones that the certificate was written for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fillwright.verify.audit import Check
from fillwright.verify.reading import read_json


def check_hashes(path: Path) -> list[Check]:
    """SHA-256 of every file that certificate.json lists, and the seal of certificate.json itself."""
    certificate = read_json(path / "certificate.json")
    checks = []
    content = {name: value for name, value in certificate.items() if name != "seal"}
    whole = _canonical(certificate) == (path / "certificate.json").read_bytes()
    sealed = certificate.get("seal") == hashlib.sha256(_canonical(content)).hexdigest()
    detail = "" if whole and sealed else "certificate.json was changed: its seal does not fit"
    checks.append(Check("hashes.certificate", whole and sealed, 1, detail))
    listed = certificate.get("sha256")
    if not isinstance(listed, dict) or not listed:
        checks.append(Check("hashes.list", False, 0, "certificate.json lists no files"))
        return checks
    for name, expected in sorted(listed.items()):
        checks.append(_file(path, str(name), str(expected)))
    known = {*listed, "certificate.json", "report.html"}
    extra = sorted(item.name for item in path.iterdir() if item.name not in known)
    checks.append(Check("hashes.extra", True, len(extra), f"not part of the run: {', '.join(extra)}" if extra else ""))
    return checks


def _file(path: Path, name: str, expected: str) -> Check:
    title = f"hashes.{name}"
    if Path(name).name != name:
        return Check(title, False, 1, f"certificate.json names {name!r}, which is not a file of the folder")
    try:
        with (path / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return Check(title, False, 1, f"{name} cannot be read: {error.strerror}")
    detail = "" if found == expected else f"{name} was changed: SHA-256 {found[:16]}..., certificate.json has {expected[:16]}..."
    return Check(title, found == expected, 1, detail)


def _canonical(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
