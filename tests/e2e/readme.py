# SPDX-License-Identifier: ISC
"""The commands and configurations of README.md, for the tests that run them."""
import re

from place import SOURCE

TEXT = (SOURCE / "README.md").read_text()


def blocks(language):
    """The fenced blocks of that language."""
    return [block for name, block in re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S) if name == language]


def lines():
    """Every command: the lines of the shell's blocks, continued ones joined, and those that are indented; without comments."""
    shell = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    indented = re.findall(r"^    (\S.*)$", re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S), re.M)
    return [" ".join(re.sub(r" +#.*", "", line).split()) for line in shell + indented]


def block_with(text):
    """The one shell block that has this text in it, for root: without sudo."""
    found, = (block for block in blocks("sh") if text in block)
    return found.replace("sudo ", "")


def units():
    """What installs the units; nothing is started yet."""
    return re.sub(r"^systemctl .*\n", "", block_with("systemd-sysusers"), flags=re.M)
