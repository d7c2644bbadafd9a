"""What people type: which characters count, and which only look like nothing.

Unicode's default-ignorable characters come along with text that is copied from pages, documents
and address books, where nobody sees them. They are removed, unless a script or an emoji needs
them; what has no meaning that two systems share is refused.
"""

import re
import unicodedata

# Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties), the fillers of Hangul included,
# and the marks of interlinear annotations.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# The flag of a part of a country (UTS #51, emoji tag sequence), or one character.
_TOKENS = re.compile(
    "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f|.", re.DOTALL
)
_JOINERS = "\u200c\u200d"
_EMOJI_STYLE, _KEYCAP = "\ufe0f", "\u20e3"
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_VIRAMA = 9  # canonical combining class
# Scripts before these know no joiners: Latin, Greek, Cyrillic.
_FIRST_JOINING = "\u0530"
# Letters before these know no variants.
_FIRST_VARYING = "\u1000"
# Blank in spite of its category: Braille without dots, a note without a head, an object that
# did not come along.
_BLANK = "\u2800\U0001d159\ufffc"


def remove_invisible(text: str) -> str:
    """Without the characters that show nothing and change nothing. Joiners stay between letters
    that they shape (Persian, Hindi, Malayalam) and inside emoji, variation selectors behind what
    has variants. A second time changes nothing more."""
    if text.isascii():
        return text
    kept: list[str] = []
    for match in _TOKENS.finditer(text):
        token, following = match[0], text[match.end() : match.end() + 1]
        before = kept[-1] if kept else ""
        if not _INVISIBLE.fullmatch(token) or _is_needed(before, token, following):
            kept.append(token)
    return "".join(kept)


def without_meaning(text: str) -> bool:
    """True if some of it is for private use or no character at all: each system shows something
    else."""
    return any(
        unicodedata.category(c) in ("Co", "Cs")
        or ord(c) & 0xFFFE == 0xFFFE
        or "\ufdd0" <= c <= "\ufdef"
        for c in text
    )


def shows_something(text: str) -> bool:
    """False for spaces, and for marks that have nothing to stand on."""
    return any(
        unicodedata.category(c)[0] not in "ZM"
        and unicodedata.category(c) not in ("Cc", "Cf")
        and c not in _BLANK
        and not _INVISIBLE.match(c)
        for c in text
    )


def plain_spaces(text: str) -> str:
    """Spaces of every width as the usual one."""
    if text.isascii():
        return text
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)


def _is_needed(before: str, character: str, following: str) -> bool:
    if len(before) != 1:
        return False
    if character in _JOINERS:
        return _joins_letters(before, following) or (
            character == "\u200d" and _joins_emoji(before, following)
        )
    if character == _EMOJI_STYLE and following == _KEYCAP:
        return True
    # Variants of symbols, of CJK letters, of Mongolian ones.
    kind = unicodedata.category(before)
    varies = kind[0] == "S" or kind == "Cn" or (kind[0] in "LPN" and before >= _FIRST_VARYING)
    return varies and bool(_SELECTOR.match(character))


def _joins_letters(before: str, following: str) -> bool:
    if before < _FIRST_JOINING or unicodedata.category(before)[0] not in "LM":
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True  # as at the end of a Malayalam word
    return _is_kind(following, "LM")


def _joins_emoji(before: str, following: str) -> bool:
    return (before == _EMOJI_STYLE or _is_kind(before, "SC")) and _is_kind(following, "SC")


def _is_kind(character: str, kinds: str) -> bool:
    """Of one of these general categories, and nothing that may be removed itself."""
    return (
        bool(character)
        and unicodedata.category(character)[0] in kinds
        and unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs")
        and not _INVISIBLE.match(character)
    )
