# SPDX-License-Identifier: ISC
"""The SBOM of this build: SPDX 2.3's required fields, and the libraries that the programs really name."""
import hashlib
import json
import re

import pytest

from place import SANITIZER, SOURCE, find_build, run

BUILD = find_build()
PROGRAMS = ["hookspool", "hookspool.fcgi", "hookspool-page.fcgi", *sorted(f"modules/{path.name}" for path in (BUILD / "modules").glob("*.so"))]
EPOCH = {"SOURCE_DATE_EPOCH": "1795780800"}
pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer adds libraries that no release has")


def made():
    done = run([SOURCE / "packaging/sbom", "1.2.3", SOURCE, *PROGRAMS], cwd=BUILD, env=EPOCH)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def sbom():
    return json.loads(made())


def test_same_build_same_sbom(sbom):
    assert json.loads(made()) == sbom and sbom["creationInfo"]["created"] == "2026-11-27T12:00:00Z"


def test_required_fields(sbom):
    """Of SPDX 2.3, sections 6 to 11: a document, its packages, files and relationships."""
    assert (sbom["spdxVersion"], sbom["dataLicense"], sbom["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    assert sbom["name"] and re.fullmatch(r"https://[^#\s]+", sbom["documentNamespace"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sbom["creationInfo"]["created"])
    assert all(re.match("(Tool|Person|Organization): .", one) for one in sbom["creationInfo"]["creators"]) and sbom["creationInfo"]["creators"]
    for one in sbom["packages"]:
        assert one["name"] and one["downloadLocation"] and one["filesAnalyzed"] in (True, False), one
        assert not one["filesAnalyzed"] or re.fullmatch("[0-9a-f]{40}", one["packageVerificationCode"]["packageVerificationCodeValue"])
        for reference in one.get("externalRefs", ()):
            assert set(reference) == {"referenceCategory", "referenceType", "referenceLocator"}
            assert re.fullmatch(r"pkg:deb/debian/[a-z0-9.+-]+@[\w.%~:-]+", reference["referenceLocator"])
    for one in sbom["files"]:
        assert one["fileName"].startswith("./") and {sum["algorithm"] for sum in one["checksums"]} >= {"SHA1"}
    things = sbom["packages"] + sbom["files"]
    for one in things:
        assert all(one[name] for name in ("licenseConcluded", "copyrightText")), one
    ids = [one["SPDXID"] for one in things] + [sbom["SPDXID"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in ids)
    for one in sbom["relationships"]:
        assert set(one) == {"spdxElementId", "relationshipType", "relatedSpdxElement"}
        assert one["spdxElementId"] in ids and one["relatedSpdxElement"] in ids
    assert [one for one in sbom["relationships"] if (one["spdxElementId"], one["relationshipType"]) == (sbom["SPDXID"], "DESCRIBES")]


def test_libraries_are_those_that_the_programs_name(sbom):
    """By another tool than the script's."""
    names = {one["SPDXID"]: one["name"] for one in sbom["packages"]}
    files = {one["SPDXID"]: one["fileName"] for one in sbom["files"]}
    assert sorted(files.values()) == sorted(f"./{name}" for name in PROGRAMS)
    for spdx_id, path in files.items():
        linked = re.findall(r"^\s*NEEDED\s+(\S+)$", run(["objdump", "-p", BUILD / path]).stdout.decode(), re.M)
        told = [names[one["relatedSpdxElement"]] for one in sbom["relationships"]
                if (one["spdxElementId"], one["relationshipType"]) == (spdx_id, "DYNAMIC_LINK")]
        assert linked and sorted(told) == sorted(linked), path


def test_hashes_and_versions(sbom):
    for one in sbom["files"]:
        data = (BUILD / one["fileName"]).read_bytes()
        assert {sum["algorithm"]: sum["checksumValue"] for sum in one["checksums"]} == {
            "SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
    codes = "".join(sorted(hashlib.sha1((BUILD / one["fileName"]).read_bytes()).hexdigest() for one in sbom["files"]))
    own, = (one for one in sbom["packages"] if one["name"] == "hookspool")
    assert own["packageVerificationCode"]["packageVerificationCodeValue"] == hashlib.sha1(codes.encode()).hexdigest()
    plot, = (one for one in sbom["packages"] if one["name"] == "uPlot")
    assert f"(v{plot['versionInfo']})" in (SOURCE / "share/page/uplot.js").read_text() and plot["licenseDeclared"] == "MIT"
    for one in sbom["packages"]:
        for reference in one.get("externalRefs", ()):
            name = re.match(r"pkg:deb/debian/([^@]+)", reference["referenceLocator"])[1]
            assert one["versionInfo"] in run(["dpkg-query", "-W", "-f", "${Version}\n", name]).stdout.decode().split()
