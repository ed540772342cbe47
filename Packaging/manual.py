#!/usr/bin/env python3
"""Man pages from the command's own help: `dormouse --experimental-dump-help | manual.py OPTIONS DIRECTORY`.

Responsible for: one page for the command and one for each of its subcommands, in man(7)'s language. What an option does
is said where it is declared (Sources/dormouse), and the exit codes in README.md; nothing is said here a second time.
Not responsible for: packing them (scripts/package). The tool that comes with the argument parser is not taken: it says of
every command that it "exits 0 on success, and >0 if an error occurs".
"""

import argparse
import datetime
import json
import pathlib
import re
import sys
import textwrap


def escaped(text):
    """Text that troff shows as it is. A hyphen is made a minus sign, which can be copied to a command line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return text.replace("…", "...").replace("×", "x").replace("–", "\\(en")


def inline(text):
    """A sentence of help or of a document of ours: `code` is bold, [links](…) are their text."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join("\\fB" + escaped(part) + "\\fR" if i % 2 else escaped(part) for i, part in enumerate(parts))


def lines(text):
    """Running text: one sentence's line for each line of it; a blank line begins a paragraph."""
    out = []
    for paragraph in re.split(r"\n[ \t]*\n", text.strip()):
        if out:
            out.append(".PP")
        # Lines that are set in are examples.
        for line in paragraph.splitlines():
            if re.match(r"    ", line):
                out += [".nf", ".RS 4", protected(escaped(line.strip())), ".RE", ".fi"]
            elif line.strip():
                out += filled(inline(line.strip()))
    return out


def filled(text):
    """A long line as several, which troff puts together again."""
    return [protected(line) for line in textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)]


def protected(line):
    """A line that does not begin like a request."""
    return "\\&" + line if line[:1] in (".", "'") or line.startswith("\\(aq") else line


def option_name(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def tag(argument):
    """How an argument is written, as in help."""
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return "\\fI" + escaped(value) + "\\fR"
    names = ", ".join("\\fB" + escaped(option_name(name)) + "\\fR" for name in ordered_names(argument))
    return names + (" \\fI" + escaped(value) + "\\fR" if argument["kind"] == "option" else "")


def ordered_names(argument):
    """The short ones first, as in help."""
    return sorted(argument.get("names") or [], key=lambda name: name["kind"] == "long")


def description(argument):
    text = argument.get("abstract") or ""
    notes = []
    values = argument.get("allValueStrings") or argument.get("allValues")
    if values and not all(value in text for value in values):
        notes.append("values: " + ", ".join(f"`{value}`" for value in values))
    if argument.get("defaultValue") not in (None, ""):
        notes.append(f"default: `{argument['defaultValue']}`")
    if notes:
        text += (" " if text else "") + "(" + "; ".join(notes) + ")"
    if argument.get("discussion"):
        text += "\n" + argument["discussion"]
    return lines(text)


def shown(arguments):
    return [argument for argument in arguments or [] if argument["shouldDisplay"]]


def synopsis(path, command):
    words = ["\\fB" + escaped(" ".join(path)) + "\\fR"]
    arguments = shown(command.get("arguments"))
    words += [tag(a) for a in arguments if a["kind"] != "positional" and not a["isOptional"]]
    if any(a["kind"] != "positional" and a["isOptional"] for a in arguments):
        words.append("[\\fIoptions\\fR]")
    for argument in arguments:
        if argument["kind"] == "positional":
            word = tag(argument) + (" ..." if argument["isRepeating"] else "")
            words.append(f"[{word}]" if argument["isOptional"] else word)
    if subcommands(command):
        words.append("\\fIsubcommand\\fR")
    return " ".join(words)


def subcommands(command):
    return [c for c in command.get("subcommands") or [] if c["shouldDisplay"] and c["commandName"] != "help"]


def page_name(path):
    return "-".join(path)


def phrase(text):
    """What stands behind a name: no sentence of its own."""
    text = (text or "").strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def page(path, command, all_paths, options):
    name = page_name(path)
    date = datetime.datetime.fromtimestamp(options.epoch, datetime.timezone.utc).strftime("%Y-%m-%d")
    out = [
        ".\\\" Made from the help of the command by scripts/package; do not edit.",
        f".TH {escaped(name.upper())} 1 {date} \"Dormouse {escaped(options.version)}\" \"User Commands\"",
        ".SH NAME",
        f"{escaped(name)} \\- {inline(phrase(command.get('abstract')))}",
        ".SH SYNOPSIS",
        synopsis(path, command),
    ]
    out.append(".SH DESCRIPTION")
    out += lines(command.get("abstract") or "")
    if command.get("discussion"):
        out += [".PP"] + lines(command["discussion"])
    out += options_of(command)
    if subcommands(command):
        out.append(".SH SUBCOMMANDS")
        for subcommand in subcommands(command):
            out += [".TP", "\\fB" + escaped(page_name(path + [subcommand["commandName"]])) + "\\fR(1)"]
            out += lines(subcommand.get("abstract") or "")
    out += exit_status(path, options) + files(path)
    out.append(".SH SEE ALSO")
    others = sorted(page_name(other) for other in all_paths if other != path and is_near(path, other))
    if others:
        out.append(",\n".join(f"\\fB{escaped(other)}\\fR(1)" for other in others))
        out.append(".PP")
    out.append(protected(f"All of it is described in the files of {escaped(options.documents)}."))
    return "\n".join(out) + "\n"


def is_near(path, other):
    """The command above, those below, and for a command of the first level the others of it that it does not have."""
    return other == path[:-1] or other[:-1] == path


def options_of(command):
    """Every argument, below the titles that help has."""
    out = []
    sections = {}
    for argument in shown(command.get("arguments")):
        title = argument.get("sectionTitle") or ("Arguments" if argument["kind"] == "positional" else "Options")
        sections.setdefault(title, []).append(argument)
    for title, arguments in sections.items():
        out.append(".SH " + escaped(title.upper()))
        for argument in arguments:
            out += [".TP", tag(argument)] + (description(argument) or ["\\&"])
    return out


def exit_status(path, options):
    out = [".SH EXIT STATUS"]
    if len(path) > 1:
        return out + ["As of \\fBdormouse\\fR(1)."]
    for code, meaning in exit_codes(options.readme):
        out += [".TP", "\\fB" + escaped(code) + "\\fR"] + lines(meaning)
    return out


def exit_codes(readme):
    """The rows of README.md's table of exit codes."""
    text = readme.read_text(encoding="utf-8")
    table = re.search(r"^\| exit code \|[^\n]*\n\|[-| ]*\n((?:\|[^\n]*\n)+)", text, re.MULTILINE)
    if not table:
        sys.exit(f"manual.py: {readme} has no table of exit codes")
    for row in table.group(1).splitlines():
        code, meaning = (cell.strip() for cell in row.strip("|").split("|", 1))
        yield code, meaning.rstrip("| ")


def files(path):
    if len(path) > 1:
        return []
    return [
        ".SH FILES",
        ".TP",
        "\\fI$XDG_DATA_HOME/dormouse/vms\\fR, \\fI\\(ti/.local/share/dormouse/vms\\fR",
        "VMs that are kept; \\fBDORMOUSE_STORE\\fR names another place.",
        ".TP",
        "\\fI/usr/lib/dormouse/qemu/qemu\\-system\\-aarch64\\fR",
        "Dormouse by QEMU\\(aqs name and options, for tools that look for it in",
        "\\fBPATH\\fR: put this directory first.",
        "See \\fBdormouse\\-qemu\\fR(1).",
    ]


def walk(path, command):
    yield path, command
    for subcommand in subcommands(command):
        yield from walk(path + [subcommand["commandName"]], subcommand)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", required=True, type=int, help="the pages' date, in seconds since 1970")
    parser.add_argument("--readme", required=True, type=pathlib.Path, help="README.md, which has the exit codes")
    parser.add_argument("--documents", required=True, help="where the documentation will be installed")
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    root = json.load(sys.stdin)["command"]
    pages = list(walk([root["commandName"]], root))
    paths = [path for path, _ in pages]
    options.directory.mkdir(parents=True, exist_ok=True)
    for path, command in pages:
        text = page(path, command, paths, options)
        (options.directory / f"{page_name(path)}.1").write_text(text, encoding="utf-8")


main()
