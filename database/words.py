"""How text becomes the words that search compares, alike for the index and for the query."""

import re
import unicodedata

from contracts.text import remove_invisible

MAX_WORD_LENGTH = 40


def words_of(text: str) -> list[str]:
    """Words in order, each once: case-folded, accents removed, split at everything that is
    neither letter nor digit, cut at `MAX_WORD_LENGTH` characters."""
    decomposed = unicodedata.normalize("NFKD", remove_invisible(text).casefold())
    # Joiners shape letters and tell no words apart.
    plain = "".join(
        c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf"
    )
    found = re.findall(r"[^\W_]+", plain)
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in found))


def prefix_range(prefix: str) -> tuple[str, str]:
    """The half-open range of words that begin with `prefix`: an index range on every database,
    which LIKE is not."""
    last = ord(prefix[-1])
    successor = last + 1 if not 0xD7FF <= last < 0xE000 else 0xE000
    return prefix, prefix[:-1] + chr(min(successor, 0x10FFFF))
