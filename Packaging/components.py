#!/usr/bin/env python3
"""What a static executable is made of, from the map that its linker wrote: an SPDX 2.3 document, and the licences.

    components.py --name NAME --map FILE --executable FILE --scratch DIRECTORY … --sbom FILE --licences DIRECTORY

Every object and archive that the linker took something from belongs to a package of Package.resolved, to Swift, or to a
Debian package of this machine; one that belongs to nothing is an error. On standard output come the source packages of
Debian's, as the field Static-Built-Using has them.

SPDX 2.3: https://spdx.github.io/spdx-spec/v2.3/. Package URLs: https://github.com/package-url/purl-spec.
"""

import argparse
import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import uuid

# Licences by the source package, as SPDX calls them. Debian's copyright files have the whole of each.
DEBIAN_LICENSES = {
    "bzip2": "bzip2-1.0.6",
    "gcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "libzstd": "BSD-3-Clause",
    "lz4": "BSD-2-Clause",
    "xz-utils": "LicenseRef-xz-public-domain",
    "xxhash": "BSD-2-Clause",
    "zlib": "Zlib",
}
PUBLIC_DOMAIN = {
    "licenseId": "LicenseRef-xz-public-domain",
    "name": "liblzma's dedication to the public domain",
    "extractedText": "liblzma is in the public domain; see XZ Utils' file COPYING.",
}
SWIFT_LICENSE = "Apache-2.0 WITH Swift-exception"
# What packages have inside them of others: where its version is said, and how; where its licence is. That is a file, or
# HEAD for the comment that the file with the version begins with, or OWN if it is the text of the package's own.
HEAD, OWN = "head", "own"
CONTAINED = {
    "swift-crypto": (
        "BoringSSL", "Sources/CCryptoBoringSSL/hash.txt", r"revision ([0-9a-f]{40})",
        "https://boringssl.googlesource.com/boringssl", "Apache-2.0", OWN),
    "tomlkit": (
        "toml++", "Sources/CTOML/Sources/toml.hpp", r"^// toml\+\+ v([0-9.]+)",
        "https://github.com/marzer/tomlplusplus", "MIT", HEAD),
    "swift-nio": (
        "llhttp", "Sources/CNIOLLHTTP/include/c_nio_llhttp.h",
        r"LLHTTP_VERSION_MAJOR (\d+)\n#define LLHTTP_VERSION_MINOR (\d+)\n#define LLHTTP_VERSION_PATCH (\d+)",
        "https://github.com/nodejs/llhttp", "MIT", "Sources/CNIOLLHTTP/LICENSE"),
    "swift-nio-ssl": (
        "BoringSSL", "Sources/CNIOBoringSSL/hash.txt", r"revision ([0-9a-f]{40})",
        "https://boringssl.googlesource.com/boringssl", "Apache-2.0", OWN),
}


class Component:
    """A package of the document."""

    def __init__(self, name, version, location, license_, purl=None, comment=None, source=None, licence_files=()):
        self.name, self.version, self.location, self.license = name, version, location, license_
        self.purl, self.comment, self.source, self.licence_files = purl, comment, source, list(licence_files)
        self.contains = []
        # What it is called in the document: one that two packages have inside them is there twice.
        self.key = name
        # Its licence, if it is inside another package.
        self.notice = ""

    @property
    def id(self):
        return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", self.key)

    def spdx(self):
        entry = {
            "SPDXID": self.id,
            "name": self.name,
            "versionInfo": self.version,
            "downloadLocation": self.location,
            "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": self.license,
            "copyrightText": "NOASSERTION",
        }
        if self.comment:
            entry["comment"] = self.comment
        if self.purl:
            entry["externalRefs"] = [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": self.purl}
            ]
        return entry


def linked_files(path, tree, sdk):
    """The objects and archives that the linker took sections from, as paths. `sdk` is what the linker called the
    directory that an SDK is in, and the SDK."""
    found = set()
    # LLD's: "address address size align file:(section)", an archive's member as file(member):(section). Lines of output
    # sections are set in by one blank, those of input sections by nine, and those of symbols by more.
    line_format = re.compile(r"^ *[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+ +\d+ {9}(\S.*?):\(")
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = line_format.match(line)
            if not match or match.group(1).startswith("<internal>"):
                continue
            file = pathlib.Path(re.sub(r"\.a\([^)]*\)$", ".a", match.group(1)))
            if sdk[0] is not None and file.is_relative_to(sdk[0]):
                file = sdk[1].parent / file.relative_to(sdk[0])
            found.add((tree / file).resolve())
    if not found:
        sys.exit(f"components.py: {path} is no map of ld.lld's")
    return found


def command(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def swift_packages(files, scratch, resolved):
    """The packages of Package.resolved that `files` are of; their files are taken away from `files`."""
    pins = {pin["identity"]: pin for pin in json.loads(resolved.read_text(encoding="utf-8"))["pins"]}
    checkouts = {}
    for identity, pin in pins.items():
        # A checkout is called as its repository is.
        name = re.sub(r"\.git$", "", pin["location"].rstrip("/").rsplit("/", 1)[-1])
        checkouts[identity] = scratch / "checkouts" / name
    targets = {}
    for identity, checkout in checkouts.items():
        for target in sorted((checkout / "Sources").iterdir()):
            targets[target.name] = identity
    components = {}
    for file in sorted(files):
        if not file.is_relative_to(scratch):
            continue
        files.discard(file)
        # TARGET.build/… is made of Sources/TARGET; what is of no checkout is Dormouse's own.
        target = next((p[: -len(".build")] for p in file.parts if p.endswith(".build") and p != ".build"), None)
        identity = targets.get(target)
        if identity is None or identity in components:
            continue
        pin, checkout = pins[identity], checkouts[identity]
        licences = [f for f in sorted(checkout.iterdir()) if re.match(r"(LICENSE|NOTICE)", f.name)]
        component = Component(
            identity, pin["state"].get("version") or pin["state"]["revision"],
            f"git+{pin['location']}@{pin['state']['revision']}", swift_package_license(licences),
            purl=swift_purl(pin), licence_files=licences)
        if identity in CONTAINED:
            name, file_name, pattern, location, license_, place = CONTAINED[identity]
            match = re.search(pattern, (checkout / file_name).read_text(encoding="utf-8"), re.MULTILINE)
            if not match:
                sys.exit(f"components.py: {file_name} of {identity} does not say which {name} it is")
            inner = Component(name, ".".join(match.groups()), location, license_, comment=f"A copy in {identity}.")
            inner.key = f"{identity}-{name}"
            inner.notice = contained_licence(checkout, file_name, place, licences)
            if not inner.notice.strip():
                sys.exit(f"components.py: {identity} has no licence of {name}")
            component.contains.append(inner)
        components[identity] = component
    return list(components.values())


def contained_licence(checkout, file_name, place, licences):
    if place == OWN:
        return "".join(file.read_text(encoding="utf-8") for file in licences if file.name.startswith("LICENSE"))
    if place == HEAD:
        return leading_comment(checkout / file_name)
    return (checkout / place).read_text(encoding="utf-8")


def leading_comment(path):
    """The lines of `//` that a source begins with."""
    out = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("//"):
                break
            out.append(line[2:].strip() if set(line.strip()) - set("/-") else "")
    return "\n".join(out).strip("\n") + "\n" if out else ""


def swift_purl(pin):
    location = re.sub(r"^https://|\.git$", "", pin["location"])
    return f"pkg:swift/{location}@{pin['state'].get('version') or pin['state']['revision']}"


def swift_package_license(files):
    text = "".join(file.read_text(encoding="utf-8") for file in files if file.name.startswith("LICENSE"))
    if "Apache License" in text:
        return SWIFT_LICENSE if "Runtime Library Exception" in text else "Apache-2.0"
    return "MIT" if "Permission is hereby granted, free of charge" in text else "NOASSERTION"


def swift_runtime(files, directory, version, licence):
    """Swift's own libraries, which are in `directory`: its runtime, Foundation, Dispatch."""
    own = {file for file in files if file.is_relative_to(directory)}
    if not own:
        return []
    files -= own
    names = ", ".join(sorted(re.sub(r"^lib|\.a$", "", file.name) for file in own if file.suffix == ".a"))
    return [
        Component(
            "swift-runtime", version, f"git+https://github.com/swiftlang/swift@swift-{version}-RELEASE", SWIFT_LICENSE,
            purl=f"pkg:github/swiftlang/swift@swift-{version}-RELEASE", comment=f"The toolchain's libraries {names}.",
            licence_files=[licence] if licence.exists() else [])
    ]


def installed_packages(files):
    """The Debian packages of this machine that `files` are of: name, version, source, its version, architecture."""
    owners = set()
    for file in sorted(files):
        try:
            owners.add(command("dpkg-query", "--search", str(file)).split(": ")[0])
        except subprocess.CalledProcessError:
            unknown(file)
    layout = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Architecture}"
    return [command("dpkg-query", "--show", "--showformat", layout, owner).split("\t") for owner in sorted(owners)]


def sdk_packages(files, sysroot, table):
    """The same for files of an SDK, by the table that scripts/arm64 makes."""
    owners = {}
    for line in table:
        owners[(sysroot / line[4].lstrip("/")).resolve()] = tuple(line[:4])
    found = set()
    for file in sorted(files):
        found.add(owners[file] if file in owners else unknown(file))
    return [[*owner, "arm64"] for owner in sorted(found)]


def unknown(file):
    sys.exit(f"components.py: {file} is linked in, and of no package that is known")


def debian_components(packages, root):
    """Debian packages whose copyright files are below `root`."""
    components = []
    for name, version, source, source_version, architecture in packages:
        # "gcc-12" and "gcc-13" are one to a licence.
        base = re.sub(r"-\d+(\.\d+)?$", "", source)
        copyright_file = root / "usr/share/doc" / name / "copyright"
        components.append(Component(
            name, version, "NOASSERTION", DEBIAN_LICENSES.get(base, "NOASSERTION"),
            purl=f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}",
            source=f"{source} (= {source_version})",
            licence_files=[copyright_file.resolve()] if copyright_file.exists() else []))
    return components


def libraries(files, options):
    """What of `files` is of no package of Package.resolved: Swift's and Debian's."""
    if options.sdk is None:
        toolchain = options.toolchain.resolve()
        version = re.search(r"Swift version (\S+)", command("swift", "--version")).group(1)
        runtime = swift_runtime(files, toolchain, version, toolchain / "share/swift/LICENSE.txt")
        return runtime + debian_components(installed_packages(files), pathlib.Path("/"))
    sysroot = (options.sdk / "sdk/sysroot").resolve()
    table = [line.split("\t") for line in (options.sdk / "files.tsv").read_text(encoding="utf-8").splitlines()]
    # Debian's version of Swift is "6.2.3-1", or "6.2.3+dfsg-1".
    version = next(re.match(r"[0-9.]+", line[1]).group() for line in table if line[0] == "swiftlang")
    licence = sysroot / "usr/share/doc/libswiftlang/copyright"
    runtime = swift_runtime(files, sysroot / "usr/lib/swift_static", version, licence)
    return runtime + debian_components(sdk_packages(files, sysroot, table), sysroot)


def document(options, components, digest):
    created = datetime.datetime.fromtimestamp(options.epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = Component(options.name, options.version, "NOASSERTION", "Apache-2.0")
    entry = own.spdx()
    entry["primaryPackagePurpose"] = "APPLICATION"
    entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": digest}]
    packages, relationships = [entry], [("SPDXRef-DOCUMENT", "DESCRIBES", own.id)]
    for component in components:
        packages.append(component.spdx())
        relationships.append((own.id, "STATIC_LINK", component.id))
        for inner in component.contains:
            packages.append(inner.spdx())
            relationships.append((component.id, "CONTAINS", inner.id))
    result = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{options.name}-{options.version}-{options.architecture}",
        "documentNamespace": "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_OID, digest)),
        "creationInfo": {"created": created, "creators": ["Tool: dormouse-scripts-package"]},
        "packages": packages,
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relationships
        ],
    }
    if any(component.license == PUBLIC_DOMAIN["licenseId"] for component in components):
        result["hasExtractedLicensingInfos"] = [PUBLIC_DOMAIN]
    return result


def write_licences(directory, components):
    directory.mkdir(parents=True, exist_ok=True)
    for component in components:
        for file in component.licence_files:
            (directory / f"{component.name}.{file.name}").write_bytes(file.read_bytes())
        for inner in component.contains:
            (directory / f"{inner.key}.LICENSE").write_text(inner.notice, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="what the executable is called")
    parser.add_argument("--version", required=True)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--epoch", required=True, type=int, help="the document's time, in seconds since 1970")
    parser.add_argument("--map", required=True, type=pathlib.Path, help="what ld.lld's -Map wrote")
    parser.add_argument("--executable", required=True, type=pathlib.Path)
    parser.add_argument("--scratch", required=True, type=pathlib.Path, help="the scratch directory of the build")
    parser.add_argument("--resolved", required=True, type=pathlib.Path, help="Package.resolved")
    parser.add_argument("--toolchain", type=pathlib.Path, help="the directory above Swift's bin")
    parser.add_argument("--sdk", type=pathlib.Path, help="in its place, an SDK of scripts/arm64")
    parser.add_argument("--sdk-inside", type=pathlib.Path, help="what the linker calls the directory that it is in")
    parser.add_argument("--sbom", required=True, type=pathlib.Path)
    parser.add_argument("--licences", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if (options.toolchain is None) == (options.sdk is None):
        parser.error("give --toolchain or --sdk")
    files = linked_files(options.map, options.scratch.parent, (options.sdk_inside, options.sdk))
    components = swift_packages(files, options.scratch.resolve(), options.resolved)
    components += libraries(files, options)
    digest = hashlib.sha256(options.executable.read_bytes()).hexdigest()
    text = json.dumps(document(options, components, digest), indent=2, sort_keys=True, ensure_ascii=False)
    options.sbom.write_text(text + "\n", encoding="utf-8")
    write_licences(options.licences, components)
    print(", ".join(sorted({component.source for component in components if component.source})))


main()
