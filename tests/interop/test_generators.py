"""That the contract is understood by everything that generates code from it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL

import pytest

from tests.support.mongod import in_ci
from tests.support.paths import ROOT

GENERATORS = (
    *("c_glib", "cpp", "d", "dart", "delphi", "erl", "go", "gv", "haxe", "html", "java", "javame", "js", "js:node"),
    *("json", "kotlin", "lua", "markdown", "netstd", "ocaml", "perl", "php", "py", "py:twisted", "rb", "rs", "st"),
    *("swift", "xml", "xsd"),
)
"""Those of compiler 0.17; another one may lack some, or have more."""


@pytest.fixture(scope="module")
def offered() -> set[str]:
    """What the compiler on this machine generates."""
    if shutil.which("thrift") is None:
        (pytest.fail if in_ci() else pytest.skip)("no Thrift compiler (Debian's thrift-compiler)")
    result = subprocess.run(["thrift", "--help"], capture_output=True, text=True)
    return set(re.findall(r"^  (\w+) \(", result.stderr + result.stdout, re.MULTILINE))


@pytest.mark.parametrize("generator", GENERATORS)
def test_generator(offered: set[str], generator: str, tmp_path: Path) -> None:
    """Each generator takes the contract as it is: no word in it is one that a language reserves."""
    if generator.partition(":")[0] not in offered:
        pytest.skip(f"this compiler has no generator for {generator}")
    command = ["thrift", "--gen", generator, "-out", str(tmp_path), str(ROOT / "tasks.thrift")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert any(tmp_path.rglob("*"))


def test_every_generator_is_tried(offered: set[str]) -> None:
    """None of those the compiler offers is left out."""
    assert offered <= {generator.partition(":")[0] for generator in GENERATORS}


JARS = [
    path for path in Path("/usr/share/java").glob("*.jar") if re.match(r"thrift|slf4j-api|geronimo-annot", path.name)
]
JAVA = shutil.which("javac") is not None and any(path.name.startswith("thrift") for path in JARS)
# Debian's library of Thrift for Perl does not bring Class::Accessor, which generated code needs.
PERL = subprocess.call(["perl", "-MThrift", "-MClass::Accessor", "-e1"], stderr=DEVNULL) == 0

COMPILERS: dict[str, tuple[list[str], str, bool]] = {
    "py": ([sys.executable, "-m", "py_compile"], "*.py", True),
    "js:node": (["node", "--check"], "*.js", shutil.which("node") is not None),
    "perl": (["perl", "-MThrift", "-c"], "Types.pm", PERL),
    "cpp": (
        ["g++", "-fsyntax-only"],
        "*_types.cpp",
        shutil.which("g++") is not None
        and Path("/usr/include/boost/numeric/conversion/cast.hpp").exists()
        and Path("/usr/include/thrift/Thrift.h").exists(),
    ),
    "java": (["javac", "-nowarn", "-cp", ":".join(map(str, JARS))], "*.java", JAVA),
}
"""What compiles generated code, which files at once, and whether it is there with Thrift's library."""


@pytest.mark.parametrize("generator", COMPILERS)
def test_generated_code_compiles(offered: set[str], generator: str, tmp_path: Path) -> None:
    """What is generated compiles, where there is a compiler with Thrift's library for its language."""
    command, files, there = COMPILERS[generator]
    if not there:
        pytest.skip(f"no compiler, or no Thrift library, for {generator}")
    subprocess.run(["thrift", "--gen", generator, "-out", str(tmp_path), str(ROOT / "tasks.thrift")], check=True)
    made = [str(path) for path in tmp_path.rglob(files)]
    assert made
    for group in [made] if generator != "js:node" else [[one] for one in made]:
        result = subprocess.run([*command, *group], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("language", ["cpp", "go", "java", "netstd", "perl", "php", "rs"])
def test_a_namespace_of_its_own(language: str) -> None:
    """Where classes without a namespace cannot be imported, or would hide others, the contract names one."""
    assert re.search(rf"^namespace {language} [Tt]wisted", (ROOT / "tasks.thrift").read_text(), re.MULTILINE)
