"""Faces as short codes, for addresses of images: a digit for each choice, then the printed text."""

from string import ascii_letters, digits

from watch_faces.spec import CHOICES, LARGEST_MM, PRINTED_TEXT, SMALLEST_MM, Face, read_face

_DIGITS = digits + ascii_letters
_LAST_DAY = 28


def write_code(spec: str) -> str:
    """All that is drawn of the instructions. A digit is the place of a value in `CHOICES`: during
    an upgrade the other version reads it too, so values and keys are added at the end only."""
    face = read_face(spec)
    places = [face.mm - SMALLEST_MM, face.day]
    places += [values.index(getattr(face, key)) for key, values in CHOICES.items()]
    code = "".join(_DIGITS[place] for place in places)
    return f"{code}-{face.text.replace(' ', '-')}" if face.text else code


def read_code(code: str) -> Face:
    """Never raises: what is missing or damaged becomes the default. `uid` is empty."""
    head, _, text = code.partition("-")
    mm, day, *places = (max(_DIGITS.find(digit), 0) for digit in head.ljust(2 + len(CHOICES), "0"))
    chosen = {
        key: values[place] if place < len(values) else values[0]
        for (key, values), place in zip(CHOICES.items(), places, strict=False)
    }
    text = text.replace("-", " ")
    return Face(
        uid="",
        day=min(max(day, 1), _LAST_DAY),
        text=text if PRINTED_TEXT.fullmatch(text) else "",
        mm=min(SMALLEST_MM + mm, LARGEST_MM),
        **chosen,
    )
