#!/usr/bin/env python3
"""Checks that Dockerfile, compose file, Prometheus settings, .env.example and the operations guide agree with each other
and with src/settings.rs, that images are pinned, and that no secret and no host of a registry got into them.

Looks at texts alone: needs no Docker, no network and no package. Prints one line a finding and exits with 1 if there is any.
Usage: check_deploy.py [ROOT]
"""

import fnmatch
import pathlib
import re
import sys

DOCKERFILE, IGNORE, COMPOSE, PROMETHEUS = "Dockerfile", ".dockerignore", "docker-compose.yml", "prometheus.yml"
EXAMPLE, GUIDE, SETTINGS = ".env.example", "docs/operations.md", "src/settings.rs"
FILES = [DOCKERFILE, IGNORE, COMPOSE, PROMETHEUS, EXAMPLE, GUIDE]

# Settings of the service, among other variables.
SETTING = re.compile(r"KGL_[A-Z0-9_]+|DATABASE_URL|AMQP_URL")
SECRET_NAME = re.compile(r"(SECRET|PASSWORD|TOKEN|API_KEY)$")
# Debian's codenames stand for a major version, as a number does.
CODENAME = re.compile(r"\d|bookworm|trixie|forky")
# Tags that move from one major version to the next.
FLOATING = {"latest", "stable", "edge", "main", "master", "nightly", "dev"}
TOP_LEVEL = "io|com|org|net|dev|aws|cloud|internal|local|lan|corp"
HOST = re.compile(rf"(?<![\w.-])(?:[a-z0-9-]+\.)+(?:{TOP_LEVEL})(?![\w-]|\.\w)", re.I)
EXAMPLE_HOSTS = ("example.org", "example.com", "example.net")
CREDENTIALS = re.compile(r"://[^/\s:@]+:([^@\s]+)@")


class Files:
    """The texts under a root, and the findings about them."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.findings: "list[str]" = []
        self.texts = {name: self.read(name) for name in FILES}

    def read(self, name: str) -> str:
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.find(name, f"cannot be read: {error.__class__.__name__}")
            return ""

    def code(self, name: str) -> str:
        """A text without its comments."""
        return re.sub(r"(?m)(^|\s)#.*$", "", self.texts[name])

    def find(self, name: str, issue: str) -> None:
        line = f"{name}: {issue}"
        if line not in self.findings:
            self.findings.append(line)


def instructions(files: Files) -> "list[tuple[str, str]]":
    """The Dockerfile's instructions, each on one line."""
    text = re.sub(r"(?m)^\s*#.*\n", "", files.texts[DOCKERFILE])
    joined = re.sub(r"\\\n", " ", text)
    return [(m[1].upper(), m[2].strip()) for m in re.finditer(r"(?m)^([A-Za-z]+)[ \t]+(.*)$", joined)]


def image_environment(files: Files) -> "dict[str, str]":
    """What the Dockerfile's ENV and ARG set."""
    pairs = [re.findall(r"([A-Z_a-z][A-Z_a-z0-9]*)=(\"[^\"]*\"|\S*)", body)
             for word, body in instructions(files) if word in ("ENV", "ARG")]
    bare = [body for word, body in instructions(files) if word == "ARG" and "=" not in body]
    return {**{name: "" for name in bare}, **{name: value.strip('"') for found in pairs for name, value in found}}


def services(files: Files) -> "dict[str, str]":
    """The compose file's services by name, each with its text."""
    section = re.search(r"(?ms)^services:\n(.*?)(?=^\S|\Z)", files.code(COMPOSE))
    found = re.finditer(r"(?ms)^  ([\w-]+):[ \t]*\n(.*?)(?=^  \S|\Z)", section[1] if section else "")
    return {match[1]: match[2] for match in found}


def compose_environment(text: str) -> "dict[str, str]":
    """Upper-case keys occur in `environment` alone."""
    return {m[1]: m[2].strip().strip("\"'") for m in re.finditer(r"(?m)^\s+-?\s*([A-Z][A-Z0-9_]+)\s*[:=](.*)$", text)}


def interpolated(text: str) -> "list[tuple[str, str]]":
    """Variables that compose fills in, each with its modifier, such as `:?message`."""
    braced = re.findall(r"(?<!\$)\$\{([A-Za-z_]\w*)([^}]*)\}", text)
    return braced + [(name, "") for name in re.findall(r"(?<!\$)\$([A-Za-z_]\w*)", text)]


def example_variables(files: Files) -> "dict[str, str]":
    """The variables of .env.example, set or commented out."""
    return dict(re.findall(r"(?m)^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", files.texts[EXAMPLE]))


def is_ignored(files: Files, path: str) -> bool:
    """Whether .dockerignore keeps a path from the builder: the last pattern that fits it, or a folder above it, counts."""
    parts = path.strip("/").split("/")
    prefixes = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    ignored = False
    for line in files.texts[IGNORE].splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        bare = pattern.lstrip("!").strip("/")
        forms = (bare, bare[3:]) if bare.startswith("**/") else (bare,)
        if any(fnmatch.fnmatchcase(prefix, form) for prefix in prefixes for form in forms):
            ignored = not pattern.startswith("!")
    return ignored


def check_copies(files: Files) -> None:
    froms = [body for word, body in instructions(files) if word == "FROM"]
    stages = {stage.lower() for body in froms for stage in re.findall(r"(?i)\sAS\s+(\S+)", body)}
    copied = []
    for word, body in instructions(files):
        if word not in ("COPY", "ADD"):
            continue
        origin = re.search(r"--from=(\S+)", body)
        if origin and origin[1].lower() not in stages:
            files.find(DOCKERFILE, f"{word} --from={origin[1]} names no stage")
        if not origin:
            copied += [part.strip('",[]') for part in body.split() if not part.startswith("--")][:-1]
    for source in copied:
        if not any(files.root.glob(source.lstrip("./"))):
            files.find(DOCKERFILE, f"COPY source {source} does not exist")
        elif is_ignored(files, source):
            files.find(IGNORE, f"keeps the COPY source {source} from the builder")
    if not copied:
        files.find(DOCKERFILE, "copies nothing")
    manifest = files.read("Cargo.toml")
    members = re.findall(r'"([^"]+)"', (re.search(r"(?s)members\s*=\s*\[(.*?)\]", manifest) or ["", ""])[1])
    for needed in [m for m in members if m != "."] + ["Cargo.toml", "Cargo.lock", "src"]:
        if not any(needed == source or needed.startswith(source + "/") for source in copied):
            files.find(DOCKERFILE, f"does not copy {needed}, which the build needs")


def check_images(files: Files) -> None:
    froms = [body.split() for word, body in instructions(files) if word == "FROM"]
    stages = {parts[-1] for parts in froms if len(parts) > 2 and parts[-2].upper() == "AS"}
    images = [(DOCKERFILE, next(p for p in parts if not p.startswith("--"))) for parts in froms]
    images = [(name, image) for name, image in images if image not in stages]
    images += [(COMPOSE, image.strip("\"'")) for image in re.findall(r"(?m)^\s+image:\s*(\S+)", files.code(COMPOSE))]
    if {name for name, _ in images} != {DOCKERFILE, COMPOSE}:
        files.find(COMPOSE, "it or the Dockerfile names no image")
    for name, image in images:
        first, slash, _ = image.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            files.find(name, f"image {image} names the host of a registry")
        plain, _, digest = image.partition("@")
        tag = plain.rpartition("/")[2].partition(":")[2]
        if digest:
            continue
        if "$" in image or not tag or tag in FLOATING or not CODENAME.search(tag):
            files.find(name, f"image {image} is not pinned to a version")


def check_variables(files: Files) -> None:
    listed = example_variables(files)
    if not listed:
        files.find(EXAMPLE, "lists no variable")
    compose = files.code(COMPOSE)
    used = [(COMPOSE, name) for name, _ in interpolated(compose)]
    used += [(COMPOSE, name) for name in compose_environment(compose) if SETTING.fullmatch(name)]
    used += [(DOCKERFILE, name) for name in image_environment(files) if SETTING.fullmatch(name)]
    for name, variable in used:
        if variable not in listed:
            files.find(EXAMPLE, f"lacks {variable}, which {name} uses")
    rows = set(re.findall(r"(?m)^\| `([A-Z][A-Z0-9_]*)` \|", files.texts[GUIDE]))
    for variable in (name for name in listed if SETTING.fullmatch(name)):
        if variable not in rows:
            files.find(GUIDE, f"its table of settings lacks {variable}")
    for variable in sorted(rows - set(listed)):
        files.find(GUIDE, f"its table has {variable}, which {EXAMPLE} lacks")


def check_settings(files: Files) -> None:
    sources = [files.root / SETTINGS] + sorted((files.root / "src/settings").glob("*.rs"))
    texts = [path.read_text(encoding="utf-8") for path in sources if path.is_file() and path.name != "tests.rs"]
    if not texts:
        return
    known = set(re.findall(rf'"({SETTING.pattern})"', "\n".join(texts)))
    listed = {name for name in example_variables(files) if SETTING.fullmatch(name)}
    for variable in sorted(known - listed):
        files.find(EXAMPLE, f"lacks {variable}, which {SETTINGS} reads")
    for variable in sorted(listed - known):
        files.find(EXAMPLE, f"lists {variable}, which {SETTINGS} does not read")


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def check_ports(files: Files) -> None:
    environment, parts = image_environment(files), services(files)
    port = port_of(environment.get("KGL_LISTEN", ""))
    exposed = [body for word, body in instructions(files) if word == "EXPOSE"]
    if not port.isdigit():
        return files.find(DOCKERFILE, "does not set KGL_LISTEN to a host and port")
    if exposed != [port]:
        files.find(DOCKERFILE, f"EXPOSE {' '.join(exposed) or 'nothing'} is not the port of KGL_LISTEN, {port}")
    probes = [body for word, body in instructions(files) if word == "HEALTHCHECK"]
    if not any(re.search(r'"kgl",\s*"health"|kgl health', body) for body in probes):
        files.find(DOCKERFILE, "has no HEALTHCHECK by `kgl health`")
    service = parts.get("kgl", "")
    if not service:
        files.find(COMPOSE, "has no service kgl")
    settings = compose_environment(service)
    inside = port_of(settings.get("KGL_LISTEN", "")) or port
    if inside != port:
        files.find(COMPOSE, f"KGL_LISTEN has port {inside}, the Dockerfile {port}")
    published = [port_of(p) for p in re.findall(r"(?m)^\s+-\s*\"?((?:[\d.]+:)?\d+:\d+)\"?\s*$", service)]
    if inside not in published:
        files.find(COMPOSE, f"does not publish port {inside} of kgl")
    database = re.search(r"@([\w-]+):(\d+)/", settings.get("DATABASE_URL", ""))
    if not database or database[1] not in parts or database[2] != "5432":
        files.find(COMPOSE, "DATABASE_URL does not name a service of this file and its port 5432")
    check_targets(files, parts, port_of(settings.get("KGL_METRICS_LISTEN", "")) or inside)


def check_targets(files: Files, parts: "dict[str, str]", port: str) -> None:
    text = files.code(PROMETHEUS)
    targets = [t.strip(" \"'") for group in re.findall(r"targets:\s*\[(.*?)\]", text, re.S) for t in group.split(",")]
    if f"kgl:{port}" not in targets:
        files.find(PROMETHEUS, f"does not scrape kgl:{port}")
    for target in targets:
        host, _, at = target.partition(":")
        if host not in parts or not at.isdigit() or (host == "kgl" and at != port):
            files.find(PROMETHEUS, f"target {target} is no service and port of {COMPOSE}")
    for path in re.findall(r"metrics_path:\s*(\S+)", text):
        if path != "/metrics":
            files.find(PROMETHEUS, f"metrics_path {path} is not /metrics")


def check_mounts(files: Files) -> None:
    code = files.code(COMPOSE)
    volumes = re.search(r"(?ms)^volumes:\n(.*)\Z", code)
    declared = re.findall(r"(?m)^  ([\w-]+):", volumes[1] if volumes else "")
    for source in re.findall(r"(?m)^\s+-\s*\"?([\w./-]+):/", code):
        if source.startswith("."):
            if not (files.root / source).exists():
                files.find(COMPOSE, f"mounts {source}, which does not exist")
        elif source not in declared:
            files.find(COMPOSE, f"volume {source} is not declared")


def check_secrets(files: Files) -> None:
    for variable, value in example_variables(files).items():
        if SECRET_NAME.search(variable) and value.strip():
            files.find(EXAMPLE, f"{variable} has a value")
    for variable in image_environment(files):
        if SECRET_NAME.search(variable):
            files.find(DOCKERFILE, f"{variable} would become part of the image")
    compose = files.code(COMPOSE)
    for variable, value in compose_environment(compose).items():
        if SECRET_NAME.search(variable) and not re.fullmatch(r"\$\{\w+:\?[^}]+\}", value):
            files.find(COMPOSE, f"{variable} is not of the form ${{NAME:?message}}")
    for variable, modifier in interpolated(compose):
        if SECRET_NAME.search(variable) and not modifier.startswith(":?"):
            files.find(COMPOSE, f"{variable} is not required by ${{{variable}:?message}}")
    for name, text in files.texts.items():
        if "PRIVATE KEY-----" in text:
            files.find(name, "holds a private key")
        if any(not re.match(r"\$\{|[A-Z_]+$", password) for password in CREDENTIALS.findall(text)):
            files.find(name, "holds a URL with a password")
        for word in re.findall(r"(?<![\w:/+-])[\w+/-]{24,}={0,2}", re.sub(r"sha256:[0-9a-f]{64}", "", text)):
            mixed = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
            if mixed or re.fullmatch(r"(?=.*\d)[0-9a-f]{32,}", word):
                files.find(name, f"{word[:4]}... looks like a secret")
    if ".env" not in files.read(".gitignore").split():
        files.find(".gitignore", "does not list .env")
    if not is_ignored(files, ".env"):
        files.find(IGNORE, "lets .env through to the builder")


def check_hosts(files: Files) -> None:
    for name, text in files.texts.items():
        for host in HOST.findall(text):
            if not host.lower().endswith(EXAMPLE_HOSTS):
                files.find(name, f"names the host {host}")


def main() -> int:
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    files = Files(root)
    for check in (check_copies, check_images, check_variables, check_settings, check_ports, check_mounts, check_secrets,
                  check_hosts):
        check(files)
    for finding in files.findings:
        print(f"check_deploy: {finding}", file=sys.stderr)
    return 1 if files.findings else 0


if __name__ == "__main__":
    sys.exit(main())
