from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from . import lock
from .node import UnavailableError, executable

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
# One collector thread and the first compiler only: two cores are shared by every server and the tests themselves.
FRUGAL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true", "-XX:-UsePerfData")


def cache() -> Path:
    return Path(os.environ.get("SERVICES_CACHE") or REPOSITORY / ".services" / "cache").resolve()


def java(*versions: int) -> str:
    """The path of a java of one of these feature releases, told by the release file: starting one takes too long."""
    for candidate in _javas():
        release = candidate.resolve().parent.parent / "release"
        found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.MULTILINE) if release.exists() else None
        if found and int(found[1]) in versions:
            return str(candidate)
    wanted = " or ".join(map(str, versions))
    raise UnavailableError(f"no Java {wanted}: install openjdk-{versions[0]}-jre-headless, or set JAVA_HOME")


def _javas() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if first := shutil.which("java"):
        yield Path(first)
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))


def classpath(name: str, artifacts: tuple[str, ...]) -> str:
    jars = jar_directory(name, artifacts)
    if not jars.exists():
        raise UnavailableError(f"no jars of {name} in {jars.parent}: `python3 -m deploy.services ensure {name}`")
    return f"{jars}/*"


def jar_directory(name: str, artifacts: tuple[str, ...]) -> Path:
    return cache() / f"{name}-{artifacts[0].rsplit(':', 1)[1]}"


def fetch(name: str, artifacts: tuple[str, ...]) -> None:
    """Copy the artifacts and all they need at run time into the cache, with Maven."""
    target = jar_directory(name, artifacts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock.Held(target.with_name(f"{target.name}.lock")):
        if target.exists():
            return
        project = target.with_name(f"{target.name}.new")
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        (project / "pom.xml").write_text(pom(name, artifacts))
        argv = [executable("mvn", "maven"), "--batch-mode", "--quiet", "--strict-checksums", _COPY]
        argv += ["-DincludeScope=runtime", "-DoutputDirectory=jars"]
        done = subprocess.run(argv, cwd=project, capture_output=True, text=True, check=False)
        if done.returncode:
            output = (done.stdout + done.stderr)[-2000:]
            raise UnavailableError(f"mvn could not fetch {', '.join(artifacts)}:\n{output}")
        (project / "jars").rename(target)
        shutil.rmtree(project)


def pom(name: str, artifacts: tuple[str, ...]) -> str:
    dependencies = ""
    for artifact in artifacts:
        group, identifier, version = map(escape, artifact.split(":"))
        dependencies += f"""
    <dependency><groupId>{group}</groupId><artifactId>{identifier}</artifactId><version>{version}</version></dependency>"""
    return f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>slackclone</groupId><artifactId>services-{escape(name)}</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>{dependencies}
  </dependencies>
</project>
"""
