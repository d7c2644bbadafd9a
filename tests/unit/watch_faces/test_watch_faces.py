"""The drawn watches: safe under a strict content security policy, small, and each its own."""

import re
from xml.etree import ElementTree

import pytest

from database.catalogue import create_catalogue
from watch_faces import (
    draw_coded_image,
    draw_face,
    draw_image,
    draw_moving_hands,
    write_code,
)
from watch_faces.codes import read_code
from watch_faces.spec import CHOICES, read_face

CATALOGUE = create_catalogue()

SVG = "{http://www.w3.org/2000/svg}"
FACES = [item.face for item in CATALOGUE]
DRAWN = {face: draw_face(face) for face in FACES}
# A page shows 24 of them; compressed, they repeat each other well.
LARGEST_BYTES, USUAL_BYTES = 6_700, 5_600


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # our own drawing, not a stranger's


def hands(svg: str) -> list[str]:
    groups = {group.get("class", ""): group for group in parse(svg).iter(f"{SVG}g")}
    return [groups[f"{name}-hand"].get("transform", "") for name in ("hour", "minute", "second")]


def without_ids(svg: str) -> str:
    """Ids differ anyway, and the date in the window is taken from them."""
    return re.sub(r"w[0-9a-f]{8}|(?<=>)\d+(?=</text>)", "", svg)


def test_every_watch_of_the_catalogue_is_a_picture_that_a_strict_policy_allows() -> None:
    for face, svg in DRAWN.items():
        root = parse(svg)
        assert root.tag == f"{SVG}svg"
        names = ("viewBox", "aria-hidden", "focusable")
        assert [root.get(name) for name in names] == ["0 0 200 260", "true", "false"]
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        attributes = {name for element in root.iter() for name in element.attrib}
        assert tags.isdisjoint({"style", "script", "image", "foreignObject", "a", "animate"})
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
        assert svg.count("http") == 1, "only the namespace"
        targets = re.findall(r'(?:url\(|href=")([^")]*)', svg)
        assert {target[1:] for target in targets} <= set(re.findall(r' id="([\w-]+)"', svg)), face
        assert all(target.startswith("#") for target in targets)


def test_every_instruction_of_the_catalogue_is_understood() -> None:
    for text in FACES:
        face = read_face(text)
        for part in text.split(";"):
            key, value = part.split("=")
            assert str(getattr(face, key)) == value, text


def test_ids_are_unique_over_the_whole_catalogue() -> None:
    ids = [name for svg in DRAWN.values() for name in re.findall(r' id="([\w-]+)"', svg)]
    assert len(set(ids)) == len(ids) > 4 * len(FACES)


def test_drawings_are_small_and_no_two_look_the_same() -> None:
    sizes = [len(svg.encode()) for svg in DRAWN.values()]
    assert max(sizes) <= LARGEST_BYTES
    assert sum(sizes) / len(sizes) <= USUAL_BYTES
    assert len({without_ids(svg) for svg in DRAWN.values()}) == len(FACES)


@pytest.mark.parametrize(
    ("time", "angles"),
    [
        ((3, 30, 15), ("105.1", "181.5", "90")),
        ((15, 0, 0), ("90", "0", "0")),
        ((0, 0, 0), ("0", "0", "0")),
    ],
)
def test_hands_show_the_time_by_a_rotation_that_a_script_can_replace(
    time: tuple[int, int, int], angles: tuple[str, ...]
) -> None:
    assert hands(draw_face("", time=time)) == [f"rotate({angle} 100 130)" for angle in angles]


@pytest.mark.parametrize(
    ("key", "value"), [(k, v) for k, values in CHOICES.items() for v in values]
)
def test_every_choice_draws_with_three_hands_that_turn(key: str, value: str) -> None:
    assert getattr(read_face(f"{key}={value}"), key) == value
    svg = draw_face(f"{key}={value}")
    assert all(re.fullmatch(r"rotate\([\d.]+ 100 130\)", text) for text in hands(svg))


DAMAGED = [
    *("", ";;;", "=", "dial", "dial=", "dial=nosuch;hands=;mm=", "mm=forty", "mm=-1", "mm=²²"),
    *("mm=99999999999999999999", "strap=leather", "strap=-", "date=7", "a=b=c;dial=x=y", "\x00"),
    *("text=<script>alert(1)</script>", 'text="/><script>', "text=&amp;", "\ud800", "🕰"),
]


@pytest.mark.parametrize("damaged", DAMAGED, ids=ascii)
def test_damaged_instructions_draw_the_default_watch(damaged: str) -> None:
    drawn = draw_face(damaged)
    parse(drawn)
    assert without_ids(drawn) == without_ids(draw_face("nosuch=key"))


def test_damage_to_one_instruction_leaves_the_others() -> None:
    face = read_face("dial=nosuch;case=gold;mm=38")
    assert (face.dial, face.case, face.mm) == (CHOICES["dial"][0], "gold", 38)


@pytest.mark.parametrize(("written", "drawn"), [("10", 34), ("34", 34), ("45", 45), ("99", 45)])
def test_size_stays_within_what_fits_the_picture(written: str, drawn: int) -> None:
    assert read_face(f"mm={written}").mm == drawn


def test_printed_words_appear_and_a_date_gives_way_to_a_subdial_in_its_place() -> None:
    assert ">200 M</text>" in draw_face("text=200 m")
    assert read_face("date=6").date_shown
    assert not read_face("date=6;sub=moon").date_shown
    assert read_face("date=3;sub=moon").taken_hours == {3, 6}


def elements(svg: str | bytes) -> list[tuple[str, dict[str, str]]]:
    root = ElementTree.fromstring(svg)  # our own drawing, not a stranger's
    return [(element.tag, element.attrib) for element in root.iter() if element is not root]


def test_an_image_is_the_drawing_itself_also_in_two_layers() -> None:
    for face, svg in DRAWN.items():
        uid = read_face(face).uid
        inline = elements(svg.replace(uid, ""))
        assert elements(draw_image(face)) == inline
        for with_hands in (True, False):
            coded = draw_coded_image(write_code(face), hands=with_hands)
            assert coded == draw_image(face, hands=with_hands)
        dial, hands = elements(draw_image(face, hands=False)), elements(draw_moving_hands(face))
        # The layer above repeats the group that all stands in.
        assert dial + hands[1:] == inline
        assert hands[0] == inline[0]


@pytest.mark.parametrize("damaged", DAMAGED, ids=ascii)
def test_damaged_instructions_are_an_image_too(damaged: str) -> None:
    assert len(elements(draw_image(damaged))) > 30
    assert "<script" not in draw_image(damaged).decode()


def test_a_code_means_the_same_watch_in_every_version() -> None:
    """During an upgrade both draw: a choice that is new stands behind those that were there."""
    face = (
        "shape=octagon;case=white;bezel=gmt;insert=graphite;dial=graphite;finish=mendung;"
        "index=field;hands=alpha;trim=white;lume=blue;accent=gold;strap=block-ceramic;"
        "date=6;sub=gmt;mark=leaf;mm=45;text=200 M"
    )
    head, _, text = write_code(face).partition("-")
    assert head.startswith("b7266ooc77546B268")
    assert text == "200-M"


@pytest.mark.parametrize("code", ["", "-", "é" * 40, "Z" * 40, "0" * 17 + "-<b>", "ZZ-" + "a" * 15])
def test_a_damaged_code_is_an_image_too(code: str) -> None:
    assert len(elements(draw_coded_image(code))) > 30
    assert not read_code(code).text
