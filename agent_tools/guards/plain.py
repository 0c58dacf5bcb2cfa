"""What an agent wrote, as plain words, whatever accents, ornaments and invisible characters it wears."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

# Letters of other alphabets that are read as Latin ones; in lower case.
_LOOK_ALIKES = str.maketrans(
    "авеѕіјкмнорстухпԁһӏԛԝցոսօαβεικνορτυχγωıɑɡɩⅼȷᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢꜱꜰ",
    "abesijkmhopctyxndhlqwgnuoabeikvoptuxywiagiljabcdeghijklmnoprtuvwyzsf",
)
_SQUARED = {0x1F170 + i: chr(ord("a") + i) for i in range(26)}
_NEGATIVE_CIRCLED = {0x1F150 + i: chr(ord("a") + i) for i in range(26)}
# Letters that show nothing, and Arabic ligatures, which unfold to eighteen letters each.
_BLANK = dict.fromkeys((0x115F, 0x1160, 0x3164, 0xFFA0, *range(0xFB50, 0xFE00)))
_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cs", "Co", "Cn"})


def shown(text: str) -> str:
    """The text without invisible characters, ornamental alphabets as plain ones; case and accents stay."""
    ornate = text.translate(_SQUARED).translate(_NEGATIVE_CIRCLED).translate(_BLANK)
    composed = unicodedata.normalize("NFKC", ornate)
    return "".join(char for char in composed if unicodedata.category(char) not in _UNSEEN)


def fold(text: str) -> str:
    """Lower-case, without accents and invisible characters, look-alikes as Latin letters. Linear."""
    folded = unicodedata.normalize("NFKD", shown(text).casefold())
    return "".join(char for char in folded if unicodedata.category(char) != "Mn").translate(_LOOK_ALIKES)


def squeeze(word: str) -> str:
    """The word with each letter that is repeated written once: `agendeiii` and `agendei` become equal."""
    if word.isdecimal():
        return word
    return word[:1] + "".join(char for last, char in pairwise(word) if char != last or char.isdecimal())
