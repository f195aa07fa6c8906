from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from . import cassandra, jvm, kafka, postgres
from .node import UnavailableError, executable

Check = Callable[[], object]
_JAVA_PACKAGE = "openjdk-17-jre-headless"


def ensure(*names: str) -> list[str]:
    """Install what these need and lack; the names of what was installed. Raises UnavailableError when it can't."""
    missing = _missing_packages(names or tuple(_NEEDS))
    installed = list(missing)
    if missing:
        _apt_install(missing)
    for name, artifacts in _JARS.items():
        if (not names or name in names) and not jvm.jar_directory(name, artifacts).exists():
            jvm.fetch(name, artifacts)
            installed.append(f"{name} jars")
    return installed


def _missing_packages(names: tuple[str, ...]) -> list[str]:
    missing = dict[str, None]()
    for name in names:
        if name not in _NEEDS:
            raise UnavailableError(f"{name} is not one of {', '.join(_NEEDS)}")
        for package, check in _NEEDS[name]:
            try:
                check()
            except UnavailableError:
                missing[package] = None
    return list(missing)


def _apt_install(packages: list[str]) -> None:
    command = "apt-get install --no-install-recommends " + " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise UnavailableError(f"missing: {', '.join(packages)}. On Debian, as root: {command}")
    # RUNLEVEL=1 keeps packages from starting the system's own services, which this project doesn't use.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for argv in (["apt-get", "update", "-qq"], [*command.split(), "-y", "-qq"]):
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError(f"{' '.join(argv)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _command(name: str, package: str) -> tuple[str, Check]:
    return package, lambda: executable(name, package)


def _java(*versions: int) -> tuple[str, Check]:
    return _JAVA_PACKAGE, lambda: jvm.java(*versions)


_JARS = {"kafka": kafka.ARTIFACTS, "cassandra": cassandra.ARTIFACTS}
_NEEDS: dict[str, tuple[tuple[str, Check], ...]] = {
    "postgres": (("postgresql", postgres.find_binaries), _command("psql", "postgresql-client")),
    "redis": (_command("redis-server", "redis-server"),),
    "kafka": (_java(*kafka.JAVA), _command("mvn", "maven")),
    "cassandra": (_java(*cassandra.JAVA), _command("mvn", "maven")),
    "chromium": (_command("chromium", "chromium"),),
    "haproxy": (_command("haproxy", "haproxy"),),
}
